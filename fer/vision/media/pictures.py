"""Read pictures from files or bytes as upright BGR frames.

Pillow reads all of them. OpenCV would be twice as fast, but it decodes a picture before its size
can be checked, ignores transparency and fills the missing part of a cut-off file with grey.
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer.errors import DataError, UsageError
from fer.faces import Picture

BAND: Final = 256  # rows converted at once
SMALL: Final = 1200  # rows; a picture of fewer is converted in one piece, which is faster
JPEG: Final = b"\xff\xd8\xff"
MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # in a JPEG, with a length behind it
BEGINS_PASS: Final = b"\xda"
ENDS: Final = b"\xd9"
# A list, because Pillow would also open PostScript and other formats with a history of faults.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
# HEIC can't be read, but is listed, so that a folder of such photos gives a clear error.
KINDS: Final = "jpg jpeg png webp bmp tif tiff gif pgm ppm avif heic heif"
SUFFIXES: Final = frozenset(f".{kind}" for kind in KINDS.split())
HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# Transparent pictures are mostly shown on a white page, so they are read on white.
PAPER: Final = (255, 255, 255, 255)


@dataclass(frozen=True)
class DecodeLimits:
    """Limits on a picture, checked before any pixel is decoded."""

    pixels: int = 50_000_000  # phones' 48 megapixels; decoding takes 7 bytes a pixel
    passes: int = 32  # a progressive JPEG has ten; one made to waste time has thousands
    formats: tuple[str, ...] = FORMATS
    rotate: bool = True  # turn it as its EXIF data says


# Pillow's warning is not needed: DecodeLimits is lower, and its error says what to do. This is a
# filter because warnings.catch_warnings isn't thread-safe.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_picture(path: str | Path) -> Picture:
    """Return the picture in a file; the first one of an animation or of several pages."""
    try:
        with Path(path).open("rb") as file:
            return _read(file, str(path), DecodeLimits())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the name") from None
    except OSError as fault:
        raise DataError(f"{path}: cannot be opened ({fault.strerror or fault})") from fault


def decode(data: bytes, name: str, limits: DecodeLimits | None = None) -> Picture:
    """Return the picture in a file's bytes; `name` is for the errors."""
    return _read(BytesIO(data), name, limits or DecodeLimits())


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """Return the picture files in these paths, each once.

    A path is a file, a folder (hidden files are left out) or a pattern such as `class/*.jpg`.
    """
    asked = [Path(path).expanduser() for path in paths]
    found = dict.fromkeys(picture for path in asked for picture in _found(path))
    if not found:
        where = ", ".join(map(str, asked)) or "nothing"
        raise UsageError(f"no pictures in {where}; these are read: {KINDS}")
    return list(found)


def _found(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if _is_picture(p, path))
    elif path.exists():
        yield path
    elif glob.has_magic(str(path)):
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207  # Path.glob wants a folder
        for match in map(Path, sorted(matches)):
            if match.is_dir():
                # `**` matches a folder's pictures too, so the folder itself is skipped.
                yield from () if "**" in path.parts else _found(match)
            elif _is_picture(match, match.parent):
                yield match
    else:
        raise UsageError(f"{path}: no such file or folder; check the name")


def _is_picture(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def _read(file: BinaryIO, name: str, limits: DecodeLimits) -> Picture:
    head = file.read(16)
    file.seek(0)
    if not head:
        raise DataError(f"{name}: the file is empty; choose another picture")
    try:
        _check_passes(file, head, name, limits)
        with Image.open(file, formats=limits.formats) as image:
            _check_pixels(image.width * image.height, name, limits)
            return _frame(image, limits)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        pixels = re.search(r"\d+", str(fault))  # the message is the only place with the size
        _check_pixels(int(pixels[0]) if pixels else limits.pixels * 2, name, limits)
        raise
    except UnidentifiedImageError:
        raise _not_a_picture(head, name) from None
    except MemoryError as fault:
        raise DataError(f"{name}: too large for this computer's memory; make it smaller") from fault
    except Exception as fault:  # Pillow raises many types for a damaged file
        raise DataError(
            f"{name}: the picture is cut off or damaged; fetch or save it again ({fault})"
        ) from fault


def _check_pixels(pixels: int, name: str, limits: DecodeLimits) -> None:
    if pixels > limits.pixels:
        raise DataError(
            f"{name}: {pixels / 1e6:.0f} megapixels exceed the limit of "
            f"{limits.pixels / 1e6:.0f}; make the picture smaller first",
            "pixels",
        )


def _check_passes(file: BinaryIO, head: bytes, name: str, limits: DecodeLimits) -> None:
    """Refuse a JPEG with more passes than allowed: a few bytes each, they take long to decode."""
    if not head.startswith(JPEG):
        return
    data = file.read()
    file.seek(0)
    passes, at = 0, 2
    # Stop at the picture's end, as phones append a video clip.
    while (marker := MARKER.search(data, at)) and marker[1] != ENDS:
        passes += marker[1] == BEGINS_PASS
        if passes > limits.passes:
            raise DataError(f"{name}: this JPEG has too many passes; save it again")
        at = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))


def _not_a_picture(head: bytes, name: str) -> DataError:
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        return DataError(
            f"{name}: HEIC pictures cannot be read; on an iPhone choose Settings, Camera, Formats, "
            "'Most Compatible', or convert it to JPEG",
            "heic",
        )
    return DataError(f"{name}: not a picture; choose a JPEG, PNG, WebP, TIFF or BMP file")


def _frame(image: Image.Image, limits: DecodeLimits) -> Picture:
    """Return the pixels. Converts a band at a time, as Pillow copies an image up to four times."""
    if limits.rotate:
        ImageOps.exif_transpose(image, in_place=True)
    if image.height <= SMALL:
        return _bgr(image)
    frame = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, BAND):
        bottom = min(top + BAND, image.height)
        frame[top:bottom] = _bgr(image.crop((0, top, image.width, bottom)))
    return frame


def _bgr(image: Image.Image) -> Picture:
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow's conversion would clip them at 255
        deep = np.asarray(image).astype(np.float64)
        grey = np.clip(np.round(deep / 257), 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        paper = Image.new("RGBA", picture.size, PAPER)
        image = Image.alpha_composite(paper, picture)
    return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)
