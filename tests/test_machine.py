"""What the process does with freed memory, each in its own process: it cannot be undone in this."""

import subprocess
import sys
from pathlib import Path

import pytest

from fer.machine import LARGE, SMALL

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux only")

# The C library's own count of the pieces that lie apart.
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
library.free(library.malloc(30 << 20))  # after which glibc would keep all that is smaller
for _ in range(16):  # the first may find room that was free anyway
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
# How far the process grows while it reads a photo that lies on its side, in bytes a pixel.
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
decode(photo(60, 40), "small")  # which loads what is needed
open("/proc/self/clear_refs", "w").write("5")  # which makes the most what it is now
before = most()
picture = decode(data, "large")
print((most() - before) / (6000 * 4000))
"""


def said(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


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
def test_large_pieces_lie_apart_once_that_was_asked_for(call: str, size: int, apart: str) -> None:
    assert said(APART.format(call=call, size=size)) in (apart, "other")


@pytest.mark.slow
def test_photos_of_every_size_leave_nothing_behind() -> None:
    """Without it the heap grew by some 6 MB a photo."""
    assert float(said(PHOTOS)) < 20


def test_a_photo_is_read_without_copies_of_it() -> None:
    """Pillow keeps four bytes a pixel, and once more while it turns; the frame has three."""
    assert float(said(ON_ITS_SIDE)) < 4 + 4 + 1
