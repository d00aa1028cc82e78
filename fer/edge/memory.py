"""Memory that the process holds and doesn't use, given back to the computer.

glibc keeps what was freed, apart for every thread: for a process that loads a network, searches
pictures in one thread and reads faces in another, that was a quarter of all it held.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

TRIM_THRESHOLD: Final = (-1, 128 << 10)  # bytes free at the heap's end that are given back at once
MMAP_THRESHOLD: Final = (-3, 64 << 10)  # bytes from which a piece is taken and given back alone
ARENAS: Final = (-8, 1)  # heaps, instead of one a thread


def be_frugal() -> None:
    """From here on; best before any thread is started."""
    library = _glibc()
    if library is not None:
        for number, value in (TRIM_THRESHOLD, MMAP_THRESHOLD, ARENAS):
            library.mallopt(number, value)


def give_back() -> None:
    """What is free now; takes a millisecond or two."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; others do without."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
