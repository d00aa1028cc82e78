import io
import struct
import zipfile
from pathlib import Path

import pytest

from fer.errors import DataError
from fer.training.data.fetch import MOST_TIMES, SMALL, stays_inside, unpack


def quiet(_: float | None, __: str) -> None:
    """Shows no progress."""


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def refused(file: Path, target: Path) -> str:
    """What is said, once nothing of the zip is left behind."""
    before = {*target.parent.rglob("*")}
    with pytest.raises(DataError) as fault:
        unpack(file, target, quiet)
    assert {*target.parent.rglob("*")} == before
    assert "\n" not in str(fault.value)
    assert str(file) in str(fault.value)
    return str(fault.value)


def test_a_zip_is_unpacked_whole(tmp_path: Path) -> None:
    files = {"a/b.txt": b"one", "c.txt": b"two"}
    shares: list[float] = []
    out = unpack(
        zipped(tmp_path / "a.zip", files), tmp_path / "out", lambda s, _: shares.append(s or 0)
    )
    assert {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*.txt")} == files
    assert shares[-1] == 1


def test_what_was_unpacked_is_not_unpacked_again(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "a.zip", {"a": b"1"}), tmp_path / "out", quiet)
    assert unpack(tmp_path / "gone.zip", tmp_path / "out", quiet) == tmp_path / "out"


@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt"]
)
def test_a_path_outside_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    file = zipped(tmp_path / "slip.zip", {"good.txt": b"x", name: b"evil"})
    assert "points outside its folder" in refused(file, tmp_path / "deep" / "out")
    assert not [*tmp_path.rglob("evil.txt")]


@pytest.mark.parametrize("name", ["a/b.png", "train/angry/1..2.jpg", "..hidden/a"])
def test_names_that_only_look_so_are_fine(name: str) -> None:
    assert stays_inside(name)


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in refused(tmp_path / "link.zip", tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = zipped(tmp_path / "bomb.zip", {"zeros": bytes(SMALL + 1)})
    assert file.stat().st_size * MOST_TIMES < SMALL
    assert "which no set of faces does" in refused(file, tmp_path / "out")


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    """The table of contents says 10 bytes, what is packed are thousands: no more than 10 come."""
    file = zipped(tmp_path / "liar.zip", {"zeros": bytes(100_000)})
    content = bytearray(file.read_bytes())
    listing = content.index(b"PK\x01\x02")
    struct.pack_into("<L", content, listing + 24, 10)
    file.write_bytes(content)
    assert "damaged" in refused(file, tmp_path / "out")


def test_half_a_zip_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "half.zip", {"a": b"x" * 1000, "b": bytes(range(256)) * 9})
    file.write_bytes(file.read_bytes()[:-100])
    assert "damaged, cut short, or no zip" in refused(file, tmp_path / "out")


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored, so that the bit is one of the file's
        archive.writestr("a.txt", b"hello")
    (tmp_path / "a.zip").write_bytes(content.getvalue().replace(b"hello", b"hallo", 1))
    assert "damaged" in refused(tmp_path / "a.zip", tmp_path / "out")


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "twice.zip", {"a.txt": b"1", "b.txt": b"2"})
    file.write_bytes(file.read_bytes().replace(b"b.txt", b"a.txt"))
    assert "holds a file twice (a.txt)" in refused(file, tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "locked.zip", {"a": b"x"})
    content = bytearray(file.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    file.write_bytes(content)
    assert "is encrypted" in refused(file, tmp_path / "out")
