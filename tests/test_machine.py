"""Assets, the user's folders, limits and memory. Memory settings last for the life of a process, so
each of their tests starts one."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from platformdirs.api import PlatformDirsABC
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from fer.machine import (
    LARGE,
    SMALL,
    asset,
    asset_missing,
    cache_folder,
    cpu_limit,
    data_folder,
    memory_limit,
    replacing,
    settle_memory,
    write_text,
)

ROOT = Path(__file__).resolve().parents[1]
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux only")

# Print the C library's own count of blocks outside the heap.
APART = """
import ctypes, sys
from fer.machine import be_frugal, keep_large_apart

class Info(ctypes.Structure):
    _fields_ = [("field" + str(at), ctypes.c_size_t) for at in range(10)]

library = ctypes.CDLL(None)
if not hasattr(library, "mallinfo2"):
    sys.exit(print("other"))
library.mallinfo2.restype = Info
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
{call}
library.free(library.malloc(30 << 20))  # without the setting glibc would keep smaller ones
for _ in range(16):  # the first may find a free block
    before = library.mallinfo2().field3
    library.malloc({size})
print(library.mallinfo2().field3 - before)
"""
PHOTOS = """
import cv2
from fer import Analyzer
from fer.bench.feed import gallery

def held():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1e3

reader, sizes = Analyzer(detector="centerface"), []
for at in range(16):
    picture = cv2.resize(gallery(9, at), (1400 + 37 * (at * 11 % 16), 800 + 41 * (at * 5 % 16)))
    reader.photo(picture)
    del picture
    sizes.append(held())
print(max(sizes[8:]) - max(sizes[:8]))
"""
# Print how far the process grows while it reads a photo with a rotation mark, in bytes a pixel.
ON_ITS_SIDE = """
import io
from PIL import Image
from fer.vision.media.pictures import decode

def most():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def photo(width, height):
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (width, height)).save(file, "JPEG", exif=exif)
    return file.getvalue()

data = photo(6000, 4000)
decode(photo(60, 40), "small")  # loads the modules
open("/proc/self/clear_refs", "w").write("5")  # resets VmHWM
before = most()
picture = decode(data, "large")
print((most() - before) / (6000 * 4000))
"""


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@linux
@pytest.mark.parametrize(
    ("call", "size", "apart"),
    [
        ("", LARGE, "0"),
        ("keep_large_apart()", LARGE, "1"),
        ("keep_large_apart()", LARGE // 2, "0"),
        ("be_frugal()", 2 * SMALL, "1"),
        ("be_frugal(); keep_large_apart()", 2 * SMALL, "1"),
        ("keep_large_apart(); be_frugal()", 2 * SMALL, "1"),
        ("assert keep_large_apart() and keep_large_apart()", LARGE, "1"),
    ],
)
def test_large_blocks_lie_outside_the_heap_once_set(call: str, size: int, apart: str) -> None:
    assert output(APART.format(call=call, size=size)) in (apart, "other")


@linux
@pytest.mark.slow
def test_photos_of_every_size_leave_no_memory_behind() -> None:
    """Without the setting the heap grew by some 6 MB a photo."""
    assert float(output(PHOTOS)) < 20


@linux
def test_loaded_objects_are_left_out_of_garbage_collection() -> None:
    try:
        settle_memory()
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()


def test_a_photo_is_read_without_copies() -> None:
    """Pillow holds four bytes a pixel, twice while it rotates; the frame has three."""
    assert float(output(ON_ITS_SIDE)) < 4 + 4 + 1


def folders(system: type[PlatformDirsABC]) -> PlatformDirsABC:
    return system("fer-classroom", appauthor=False, opinion=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_linux_folders_follow_xdg(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder(folders(Unix), "linux") == home / ".cache/fer-classroom"
    assert data_folder(folders(Unix), "linux") == home / ".local/share/fer-classroom"
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # not absolute: to be ignored
    assert cache_folder(folders(Unix), "linux") == Path("/caches/fer-classroom")
    assert data_folder(folders(Unix), "linux") == home / ".local/share/fer-classroom"


def test_macos_keeps_the_folders_of_earlier_versions(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = home / "Library/Application Support/fer-classroom"
    assert data_folder(folders(MacOS), "darwin") == earlier
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert data_folder(folders(MacOS), "darwin") == Path("/data/fer-classroom")
    earlier.mkdir(parents=True)
    assert data_folder(folders(MacOS), "darwin") == earlier


def test_a_user_without_a_home_has_a_cache_but_no_data_folder() -> None:
    class Homeless(Unix):
        @property
        def user_cache_dir(self) -> str:
            raise RuntimeError("no home")

        user_data_dir = user_cache_dir

    assert cache_folder(folders(Homeless)).name == "fer-classroom"
    with pytest.raises(RuntimeError):
        data_folder(folders(Homeless))


def test_assets_lie_in_an_installed_package_or_beside_a_checkout(tmp_path: Path) -> None:
    assert asset("model") == ROOT / "model"
    package = tmp_path / "fer"
    package.mkdir()
    assert asset("model", package) == tmp_path / "model"
    (package / "_assets").mkdir()
    assert asset("model", package) == package / "_assets" / "model"


def test_a_missing_asset_is_one_line_that_names_it_and_the_remedy() -> None:
    line = asset_missing(Path("/x/fer/_assets/model"))
    assert line.startswith("/x/fer/_assets/model is missing")
    assert "pip install --force-reinstall --no-deps fer-classroom" in line
    assert "\n" not in line


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        write_half()
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "536870912\n", 536870912),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 536870912),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("other", "", None),
    ],
)
def test_the_memory_limit_of_a_container(
    name: str, text: str, limit: int | None, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert memory_limit(tmp_path) == limit


def test_the_processor_limit_of_a_container(tmp_path: Path) -> None:
    without = cpu_limit(tmp_path)
    assert without >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_limit(tmp_path) == without
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cpu_limit(tmp_path) == 0.5
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_limit(tmp_path) == without
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("25000\n")
    assert cpu_limit(tmp_path) == 0.25
