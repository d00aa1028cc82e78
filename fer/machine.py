"""The computer this runs on: installed files, folders of the user, limits, memory.

glibc keeps freed memory, separately for each thread. In a process that loads a network, detects
faces in one thread and reads them in another, that is a quarter of the memory. And once a large
block was freed, glibc puts later blocks up to that size on the heap, where blocks of varying sizes
leave gaps: a server then grows by 6 MB with each photo.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from platformdirs import PlatformDirs
from platformdirs.api import PlatformDirsABC

if sys.platform != "win32":
    import fcntl

DISTRIBUTION: Final = "fer-classroom"
PACKAGE: Final = Path(__file__).resolve().parent

TRIM_THRESHOLD: Final = -1  # mallopt's: free bytes at the heap's end that are returned at once
MMAP_THRESHOLD: Final = -3  # mallopt's: size in bytes from which a block lies outside the heap
ARENAS: Final = -8  # mallopt's: number of heaps, instead of one for each thread
LARGE: Final = 4 << 20  # bytes; a camera's frame is smaller and may stay on the heap
SMALL: Final = 64 << 10
_thresholds: Final[set[int]] = set()

# Earlier versions used these folders on macOS. platformdirs names others if XDG variables are set.
EARLIER: Final = {
    ("darwin", "cache"): "~/Library/Caches",
    ("darwin", "data"): "~/Library/Application Support",
}


def asset(name: str, package: Path = PACKAGE) -> Path:
    """Return the path of a file or folder that comes with the package, such as "model".

    A wheel holds them in `fer/_assets`, a checkout beside `fer`. The path may not exist: an
    installation can be incomplete.
    """
    installed = package / "_assets"
    return (installed if installed.is_dir() else package.parent) / name


def asset_missing(path: Path) -> str:
    """Return a message that this asset is missing and how to get it."""
    return (
        f"{path} is missing from this installation; "
        f"run: python -m pip install --force-reinstall --no-deps {DISTRIBUTION} "
        "(in a checkout: git checkout -- .)"
    )


def cache_folder(
    folders: PlatformDirsABC | None = None, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """Return the user's folder for files that can be fetched again."""
    try:
        folder = (folders or _folders()).user_cache_path
    except RuntimeError:  # no home folder, as in a container; fetched files are checked anyway
        return Path(tempfile.gettempdir()) / DISTRIBUTION
    return _earlier(platform, "cache", home) or folder


def data_folder(
    folders: PlatformDirsABC | None = None, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """Return the user's folder for lessons; raise RuntimeError if the user has no home folder."""
    # Unlike the cache, never a shared temporary folder: lessons are private.
    folder = (folders or _folders()).user_data_path
    return _earlier(platform, "data", home) or folder


def _folders() -> PlatformDirsABC:
    # Without "opinion" Windows' cache would move into a folder of its own.
    return PlatformDirs(DISTRIBUTION, appauthor=False, opinion=False)


def _earlier(platform: str, kind: str, home: Path | None) -> Path | None:
    """Return the folder that an earlier version made and used, if there is one."""
    place = EARLIER.get((platform, kind))
    if place is None:
        return None
    folder = Path(place.replace("~", str(home or Path.home()))) / DISTRIBUTION
    return folder if folder.is_dir() else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file with the same suffix; it replaces `path` unless an error occurs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp lets only the owner read it
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def locked(file: IO[Any]) -> bool:
    """Lock a file for this process while it is open; return False if it is locked already.

    Windows has no such lock: there the answer is always True.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text, in UTF-8 on every system, because the pages declare that."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def memory_limit(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes of memory that this process's control group may use; None if unlimited."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        number = _first_word(root / name)
        if (
            number.isdecimal() and int(number) < 1 << 60
        ):  # version 1 writes a huge number for no limit
            return int(number)
    return None


def cpu_limit(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return how many processors this process may use; a control group's quota may be less."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    try:
        quota, period = (root / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        quota = _first_word(root / "cpu/cpu.cfs_quota_us")
        period = _first_word(root / "cpu/cpu.cfs_period_us")
    if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
        return min(count, int(quota) / int(period))
    return count


def _first_word(path: Path) -> str:
    try:
        return (path.read_text().split() or [""])[0]
    except OSError:
        return ""


def be_frugal() -> None:
    """Keep little freed memory from now on, which takes some time. Call before starting threads."""
    if (library := _glibc()) is not None:
        library.mallopt(TRIM_THRESHOLD, 2 * SMALL)
        library.mallopt(ARENAS, 1)
        _separate_blocks(SMALL)


def keep_large_apart() -> bool:
    """Allocate large blocks outside the heap from now on; return False if that is impossible."""
    return _separate_blocks(LARGE)


def give_back() -> None:
    """Return free memory to the system, in a millisecond or two."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def settle_memory() -> None:
    """Give back what loading left over, and take what stays out of the garbage collector's work.

    Streamlit collects all garbage after each run of a page. Through some 400,000 objects that are
    never freed this took 111 ms with the interpreter's lock held, once a second for an open page.
    """
    gc.collect()
    gc.freeze()
    give_back()


def _separate_blocks(size: int) -> bool:
    """Allocate blocks of at least this size, or a smaller one set earlier, outside the heap."""
    if (library := _glibc()) is None:
        return False
    _thresholds.add(size)
    return bool(library.mallopt(MMAP_THRESHOLD, min(_thresholds)))


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc; the others have no such settings."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
