"""Data from a zip, from a local S3 server, and from a small fake of Google's storage."""

import base64
import hashlib
import io
import json
import logging
import socket
import struct
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fer.errors import DataError, FerError, UsageError
from fer.training.data.fetch import MOST_TIMES, SMALL, inside, local, stays_inside, unpack
from fer.training.data.load import load
from tests.training.faces import drawings
from tests.training.forms import write_pictures

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def fetched(address: str, cache: Path, said: list[str] | None = None) -> Path:
    say = [].append if said is None else said.append
    return local(address, log=say, progress=lambda *_: None, cache=cache)


def refused(address: str, cache: Path) -> str:
    with pytest.raises(FerError) as fault:
        fetched(address, cache)
    line = str(fault.value)
    assert "\n" not in line
    assert address.split("://")[-1].split("/")[0] in line
    return line


def zip_of(folder: Path, file: Path, below: str = "") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{below}{path.relative_to(folder)}")
    return file


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert fetched(str(tmp_path), tmp_path / "cache") == tmp_path
    assert fetched("no/such", tmp_path / "cache") == Path("no/such")  # the reader says it is none
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("below", ["", "fer2013/"])
def test_a_zip_is_unpacked_once(below: str, small_set: Path, tmp_path: Path) -> None:
    file, cache = zip_of(small_set, tmp_path / "faces.zip", below), tmp_path / "cache"
    folder = fetched(str(file), cache)
    assert len(load(folder, "public_test")) == 70
    stamp = (folder / "training.csv").stat().st_mtime_ns
    assert fetched(str(file), cache) == folder
    assert (folder / "training.csv").stat().st_mtime_ns == stamp
    file.unlink()
    zip_of(small_set, file, "other/")
    assert fetched(str(file), cache) != folder  # another version of the zip


def test_the_only_folder_of_a_zip_is_gone_into(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "a" / "b" / "x.csv").write_text("")
    assert inside(tmp_path) == tmp_path / "a" / "b"


@pytest.mark.parametrize("below", ["", "archive/"])
@pytest.mark.parametrize("name", ["train", "Training"])
def test_a_zip_with_nothing_but_a_split_in_it_is_read(
    name: str, below: str, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "set" / name, drawings(140))
    file = zip_of(tmp_path / "set", tmp_path / "faces.zip", below)
    plain, zipped = (
        load(folder, "training")
        for folder in (tmp_path / "set", fetched(str(file), tmp_path / "cache"))
    )
    assert len(zipped) > 0
    assert zipped.digests == plain.digests


@pytest.mark.parametrize(
    "address", ["http://host.example/a.zip", "s3://", "gs:///", "ftp://host.example/a"]
)
def test_an_address_of_another_kind_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data takes a folder, a zip, s3://"):
        fetched(address, tmp_path)


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(UsageError, match="takes a folder or a zip"):
        fetched(str(tmp_path / "a.csv"), tmp_path)


def test_without_the_cloud_requirements_the_error_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pip install '\.\[cloud\]'"):
        fetched("s3://bucket/a.zip", tmp_path)


class Relay:
    """Passes bytes on to a server; closes every connection after `most` bytes of its answers."""

    def __init__(self, port: int) -> None:
        self.server, self.most, self.passed = port, 10**12, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.server))
            for source, sink, counts in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self.carry, args=(source, sink, counts), daemon=True
                ).start()

    def carry(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(65536):
                if counts:
                    self.passed += len(data)
                    if self.passed > self.most:
                        break
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with suppress(OSError):  # closed by the other direction already
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Start a local S3 server and return its port."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running.get_host_and_port()[1]
    running.stop()


@pytest.fixture
def bucket(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Return the server behind a relay, with valid credentials and an empty bucket "faces"."""
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    relay = Relay(server)
    for name, value in {
        **dict.fromkeys(SECRETS, "testing"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    store = boto3.resource("s3", endpoint_url=f"http://127.0.0.1:{server}")
    made = store.create_bucket(Bucket="faces")
    yield relay
    made.objects.all().delete()
    made.delete()
    relay.socket.close()


def put(server: int, name: str, content: bytes) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server}")
    client.put_object(Bucket="faces", Key=name, Body=content)


def test_a_zip_comes_from_a_bucket_once(
    server: int, bucket: Relay, small_set: Path, tmp_path: Path
) -> None:
    put(server, "a/set.zip", zip_of(small_set, tmp_path / "set.zip").read_bytes())
    cache = tmp_path / "cache"
    folder = fetched("s3://faces/a/set.zip", cache)
    assert len(load(folder, "training")) == 140
    came = bucket.passed
    assert fetched("s3://faces/a/set.zip", cache) == folder
    assert bucket.passed - came < 5000  # asked whether it is still the same, no more
    assert [path.name for path in cache.iterdir()] == [folder.name]  # nothing left over
    put(server, "a/set.zip", zip_of(small_set, tmp_path / "set.zip", "new/").read_bytes())
    assert fetched("s3://faces/a/set.zip", cache).parent != folder.parent


def test_a_folder_comes_from_a_bucket(
    server: int, bucket: Relay, small_set: Path, tmp_path: Path
) -> None:
    put(server, "sets/small/", b"")  # as consoles mark a folder
    for path in small_set.iterdir():
        put(server, f"sets/small/{path.name}", path.read_bytes())
    folder = fetched("s3://faces/sets/small", tmp_path / "cache")
    for path in small_set.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_transfer_that_breaks_off_goes_on_from_there(
    server: int, bucket: Relay, tmp_path: Path
) -> None:
    rng, large = np.random.default_rng(0), tmp_path / "large"
    large.mkdir()
    (large / "a.bin").write_bytes(rng.bytes(11 << 20))
    file, cache = zip_of(large, tmp_path / "large.zip"), tmp_path / "cache"
    put(server, "large.zip", file.read_bytes())
    bucket.most = 7 << 20
    with pytest.raises(
        DataError, match=r"interrupted after 4\.2 MB of 11\.5 MB.*run the same command again"
    ):
        fetched("s3://faces/large.zip", cache)
    assert not [path for path in cache.iterdir() if not path.name.startswith(".coming-")]
    bucket.passed, bucket.most = 0, 10**12
    said: list[str] = []
    folder = fetched("s3://faces/large.zip", cache, said)
    assert (folder / "a.bin").read_bytes() == (large / "a.bin").read_bytes()
    assert any("going on after 4.2 MB" in line for line in said)
    assert bucket.passed < 8 << 20  # the first part did not come again
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_a_half_zip_in_a_bucket_is_an_error_and_not_kept(
    server: int, bucket: Relay, small_set: Path, tmp_path: Path
) -> None:
    put(server, "half.zip", zip_of(small_set, tmp_path / "x.zip").read_bytes()[:-200])
    with pytest.raises(DataError, match=r"half\.zip: damaged, cut short, or not a zip"):
        fetched("s3://faces/half.zip", tmp_path / "cache")
    assert not [*(tmp_path / "cache").iterdir()]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://faces/none.zip", "no such bucket or path"),
        ("s3://nobodys-bucket/a.zip", "no such bucket or path"),
        ("s3://faces/empty", "no zip and no folder with files"),
    ],
)
def test_what_is_not_there_is_one_line(
    address: str, says: str, bucket: Relay, tmp_path: Path
) -> None:
    assert says in refused(address, tmp_path)


def test_missing_credentials_are_one_line(
    bucket: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    line = refused("s3://faces/a.zip", tmp_path)
    assert "access denied" in line
    assert "AWS_ACCESS_KEY_ID" in line


def test_a_service_that_is_not_there_is_one_line(
    bucket: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "cannot be reached" in refused("s3://faces/a.zip", tmp_path)


class FakeGoogle(BaseHTTPRequestHandler):
    """The part of Google's storage API that reading one object needs."""

    content = b""
    told_md5 = ""

    def do_GET(self) -> None:
        if "/faces/o/set.zip" not in self.path:
            return self.answer(404, b'{"error": {"code": 404, "message": "Not Found"}}')
        if "alt=media" in self.path:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            return self.answer(206, self.content[int(first) : int(last) + 1 if last else None])
        about = {"name": "set.zip", "bucket": "faces", "size": str(len(self.content))}
        about |= {
            "md5Hash": self.told_md5,
            "etag": self.told_md5,
            "updated": "2026-01-01T00:00:00Z",
        }
        return self.answer(200, json.dumps(about | {"timeCreated": about["updated"]}).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def google_bucket(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Serve a fake Google bucket "faces" with set.zip in it."""
    pytest.importorskip("gcsfs")
    FakeGoogle.content = zip_of(small_set, tmp_path / "set.zip").read_bytes()
    FakeGoogle.told_md5 = base64.b64encode(hashlib.md5(FakeGoogle.content).digest()).decode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeGoogle)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("google_bucket")
def test_a_zip_comes_from_a_google_bucket(tmp_path: Path) -> None:
    folder = fetched("gs://faces/set.zip", tmp_path / "cache")
    assert len(load(folder, "public_test")) == 70
    assert "no such bucket or path" in refused("gs://faces/other.zip", tmp_path)


@pytest.mark.usefixtures("google_bucket")
def test_what_comes_damaged_is_thrown_away(tmp_path: Path) -> None:
    right, FakeGoogle.told_md5 = FakeGoogle.told_md5, base64.b64encode(bytes(16)).decode()
    with pytest.raises(DataError, match=r"set\.zip arrived damaged"):
        fetched("gs://faces/set.zip", tmp_path / "cache")
    assert not [*(tmp_path / "cache").rglob("*.part")]
    FakeGoogle.told_md5 = right
    assert load(fetched("gs://faces/set.zip", tmp_path / "cache"), "training")


def quiet(_: float | None, __: str) -> None:
    """Show no progress."""


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpack_refused(file: Path, target: Path) -> str:
    """Return the error, after checking that nothing of the zip is left behind."""
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
def test_a_path_outside_the_folder_is_unpack_refused(name: str, tmp_path: Path) -> None:
    file = zipped(tmp_path / "slip.zip", {"good.txt": b"x", name: b"evil"})
    assert "points outside its folder" in unpack_refused(file, tmp_path / "deep" / "out")
    assert not [*tmp_path.rglob("evil.txt")]


@pytest.mark.parametrize("name", ["a/b.png", "train/angry/1..2.jpg", "..hidden/a"])
def test_names_that_only_look_so_are_fine(name: str) -> None:
    assert stays_inside(name)


def test_a_link_is_unpack_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in unpack_refused(tmp_path / "link.zip", tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = zipped(tmp_path / "bomb.zip", {"zeros": bytes(SMALL + 1)})
    assert file.stat().st_size * MOST_TIMES < SMALL
    assert "more than any set of faces" in unpack_refused(file, tmp_path / "out")


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    """The zip's directory claims 10 bytes for a member of thousands: at most 10 are unpacked."""
    file = zipped(tmp_path / "liar.zip", {"zeros": bytes(100_000)})
    content = bytearray(file.read_bytes())
    listing = content.index(b"PK\x01\x02")
    struct.pack_into("<L", content, listing + 24, 10)
    file.write_bytes(content)
    assert "damaged" in unpack_refused(file, tmp_path / "out")


def test_half_a_zip_is_unpack_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "half.zip", {"a": b"x" * 1000, "b": bytes(range(256)) * 9})
    file.write_bytes(file.read_bytes()[:-100])
    assert "damaged, cut short, or not a zip" in unpack_refused(file, tmp_path / "out")


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored, so that the bit is one of the file's
        archive.writestr("a.txt", b"hello")
    (tmp_path / "a.zip").write_bytes(content.getvalue().replace(b"hello", b"hallo", 1))
    assert "damaged" in unpack_refused(tmp_path / "a.zip", tmp_path / "out")


def test_damage_in_lzma_is_found(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", bytes(range(256)) * 40)
    data = bytearray(content.getvalue())
    data[40:50] = b"\xff" * 10
    (tmp_path / "a.zip").write_bytes(data)
    assert "damaged" in unpack_refused(tmp_path / "a.zip", tmp_path / "out")


def test_a_name_that_is_not_utf8_is_a_line(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", {"näme.txt": b"1"})
    file.write_bytes(file.read_bytes().replace("ä".encode(), b"\xff\xfe"))
    assert "damaged" in unpack_refused(file, tmp_path / "out")


def test_a_file_that_is_there_twice_is_unpack_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "twice.zip", {"a.txt": b"1", "b.txt": b"2"})
    file.write_bytes(file.read_bytes().replace(b"b.txt", b"a.txt"))
    assert "contains a file twice (a.txt)" in unpack_refused(file, tmp_path / "out")


def test_an_encrypted_zip_is_unpack_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "locked.zip", {"a": b"x"})
    content = bytearray(file.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    file.write_bytes(content)
    assert "is encrypted" in unpack_refused(file, tmp_path / "out")
