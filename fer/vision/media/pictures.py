"""Pictures, from files and from uploads' bytes, as BGR frames the right way up.

Pillow reads all of them. OpenCV would be twice as fast, but it decodes before it tells the size,
drops alpha without a word and fills what a cut-off file lacks with grey.
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

BAND: Final = 256  # rows made into a frame at once
SMALL: Final = 1200  # rows; a picture of fewer is made into a frame at once, which is quicker
JPEG: Final = b"\xff\xd8\xff"
MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # in a JPEG, with a length behind it
BEGINS_PASS: Final = b"\xda"
ENDS: Final = b"\xd9"
# Named, because Pillow would open PostScript and a dozen dusty formats as well.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
# HEIC isn't read, but a folder of phone photos should say so rather than seem empty.
KINDS: Final = "jpg jpeg png webp bmp tif tiff gif pgm ppm avif heic heif"
SUFFIXES: Final = frozenset(f".{kind}" for kind in KINDS.split())
HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# A transparent picture is mostly seen on a white page, so that is how faces in it are read.
PAPER: Final = (255, 255, 255, 255)


@dataclass(frozen=True)
class DecodeLimits:
    """What a picture may be, checked before any pixel is decoded."""

    pixels: int = 50_000_000  # phones' 48 megapixels; decoding takes 7 bytes a pixel
    passes: int = 32  # a progressive JPEG has ten; one made to waste time has thousands
    formats: tuple[str, ...] = FORMATS
    rotate: bool = True  # turn it as its EXIF data says


# Our own limit is lower and says what to do. In a filter, as catching warnings isn't thread-safe.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_picture(path: str | Path) -> Picture:
    """Return the picture in a file; of an animation or several pages, the first one."""
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
    """The files, the folders' pictures (hidden ones left out) and the patterns', each once."""
    asked = [Path(path).expanduser() for path in paths]
    found = dict.fromkeys(picture for path in asked for picture in _found(path))
    if not found:
        where = ", ".join(map(str, asked)) or "nothing"
        raise UsageError(f"no pictures in {where}; looked for {KINDS}")
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
                # Of what `**` matches a folder's pictures come by themselves.
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
        raise DataError(f"{name}: this is not a picture that can be read: the file is empty")
    try:
        _check_passes(file, head, name, limits)
        with Image.open(file, formats=limits.formats) as image:
            _check_pixels(image.width * image.height, name, limits)
            return _frame(image, limits)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        pixels = re.search(r"\d+", str(fault))  # Pillow gives the size nowhere else
        _check_pixels(int(pixels[0]) if pixels else limits.pixels * 2, name, limits)
        raise
    except UnidentifiedImageError:
        raise _not_a_picture(head, name) from None
    except MemoryError as fault:
        raise DataError(f"{name}: too large for this computer's memory; make it smaller") from fault
    except Exception as fault:  # what Pillow raises for a damaged file is anybody's guess
        raise DataError(
            f"{name}: this is not a picture that can be read: it is cut off or damaged "
            f"({fault}); fetch or save it again"
        ) from fault


def _check_pixels(pixels: int, name: str, limits: DecodeLimits) -> None:
    if pixels > limits.pixels:
        raise DataError(
            f"{name}: {pixels / 1e6:.0f} megapixels are more than the "
            f"{limits.pixels / 1e6:.0f} that are read; make the picture smaller first",
            "pixels",
        )


def _check_passes(file: BinaryIO, head: bytes, name: str, limits: DecodeLimits) -> None:
    """Refuse a JPEG of many passes over its pixels, which take a few bytes each."""
    if not head.startswith(JPEG):
        return
    data = file.read()
    file.seek(0)
    passes, at = 0, 2
    # Up to the picture's end, behind which phones put a film clip.
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
    said = f"{name}: this is not a picture that can be read; take a JPEG, PNG, WebP, TIFF or BMP"
    return DataError(said)


def _frame(image: Image.Image, limits: DecodeLimits) -> Picture:
    """Return the pixels. A band at a time, as Pillow alone copies a picture up to four times."""
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
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
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
