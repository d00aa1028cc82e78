"""Memory that the process holds and doesn't use, given back to the computer.

glibc keeps what was freed, apart for every thread: for a process that loads a network, searches
pictures in one thread and reads faces in another, that is a quarter of all it holds. And whatever
size of piece was once freed, it keeps pieces of that size on the heap from then on, which large
pieces of ever other sizes leave in shreds: a server then grows by 6 MB a photo.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

TRIM_THRESHOLD: Final = -1  # mallopt's: bytes free at the heap's end that are given back at once
MMAP_THRESHOLD: Final = -3  # bytes from which a piece is taken and given back alone
ARENAS: Final = -8  # heaps, instead of one a thread
LARGE: Final = 4 << 20  # bytes; a camera's picture is less, and may stay on the heap
SMALL: Final = 64 << 10
_asked: Final[set[int]] = set()


def be_frugal() -> None:
    """Little is kept from here on, for some more work; best before any thread is started."""
    if (library := _glibc()) is not None:
        library.mallopt(TRIM_THRESHOLD, 2 * SMALL)
        library.mallopt(ARENAS, 1)
        _taken_alone(SMALL)


def keep_large_apart() -> bool:
    """Large pieces are taken and given back alone from here on. False where that can't be had."""
    return _taken_alone(LARGE)


def give_back() -> None:
    """What is free now; takes a millisecond or two."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _taken_alone(size: int) -> bool:
    """Pieces of this size, and those that were asked for earlier, are."""
    if (library := _glibc()) is None:
        return False
    _asked.add(size)
    return bool(library.mallopt(MMAP_THRESHOLD, min(_asked)))


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; others do without."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
