"""Read pictures from files or bytes as upright BGR frames.

Pillow reads all of them. OpenCV would be twice as fast, but it decodes a picture before its size
can be checked, ignores transparency and fills the missing part of a cut-off file with grey.

Before any pixel is decoded, a picture's kind is told by its first bytes, and its size, a JPEG's
passes and a TIFF's tags are checked. Pictures that visitors bring are decoded in limited processes
all the same (`decoder.py`).
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from fer.errors import DataError, UsageError
from fer.faces import Picture
from fer.vision.media import exif, jpeg

BAND: Final = 500_000  # pixels converted at once
SMALL: Final = 1200  # rows; a picture of fewer is converted in one piece, which is faster
# The first bytes of each format that is read, by Pillow's names; it would also open PostScript and
# other formats with a history of faults. No plain PBM, PGM and PPM, which it reads in Python.
BEGINNINGS: Final = {
    "JPEG": re.compile(jpeg.BEGIN),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.S),
    "AVIF": re.compile(rb"....ftyp(?:avif|avis|mif1|msf1)", re.S),
    "GIF": re.compile(rb"GIF8[79]a"),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "BMP": re.compile(rb"BM"),
    "PPM": re.compile(rb"P[456]\s"),
}
KNOWN: Final = tuple(BEGINNINGS)
HEAD: Final = 32  # bytes that tell the format, and a WebP's size
# These formats, and progressive JPEGs, take up to 19 bytes a pixel to decode; the others take 7.
COSTLY: Final = frozenset({"WEBP", "AVIF", "GIF", "TIFF"})
# HEIC can't be read, but is listed, so that a folder of such photos gives a clear error.
KINDS: Final = "jpg jpeg png webp bmp tif tiff gif pgm ppm avif heic heif"
SUFFIXES: Final = frozenset(f".{kind}" for kind in KINDS.split())
HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# Transparent pictures are mostly shown on a white page, so they are read on white.
PAPER: Final = (255, 255, 255, 255)
# What stands a picture upright, by its EXIF orientation: rows for columns, then left for right,
# then top for bottom.
TURNS: Final = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}

Allocate = Callable[[int, int], Picture]  # height and width to a frame to write into


@dataclass(frozen=True)
class DecodeLimits:
    """Limits on a picture, checked before any pixel is decoded. The defaults are for own files."""

    pixels: int = 50_000_000  # phones' 48 megapixels
    costly_pixels: int = 50_000_000  # of the COSTLY kinds
    side: int = 65_535  # pixels; what a JPEG can have
    passes: int = 32  # a progressive JPEG has ten; one made to waste time has thousands
    formats: tuple[str, ...] = KNOWN
    rotate: bool = True  # turn it as its EXIF data says


# For pictures that visitors bring. 16 megapixels of the COSTLY kinds take as much memory as 50 of
# the others; phones write no panoramas with a longer side.
BROUGHT: Final = DecodeLimits(
    costly_pixels=16_000_000,
    side=16_384,
    formats=("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"),
)


# Pillow's warning is not needed: DecodeLimits is lower, and its error says what to do. This is a
# filter because warnings.catch_warnings isn't thread-safe.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Decoding AVIF in one thread: in a limited process none can be started.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def read_picture(path: str | Path) -> Picture:
    """Return the picture in a file; the first one of an animation or of several pages."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the name") from None
    except OSError as fault:
        raise DataError(f"{path}: cannot be opened ({fault.strerror or fault})") from fault
    return decode(data, str(path))


def decode(
    data: bytes | memoryview,
    name: str,
    limits: DecodeLimits | None = None,
    allocate: Allocate | None = None,
) -> Picture:
    """Return the picture in a file's bytes; `name` is for the errors.

    With `allocate`, the picture is written into the frame that it returns.
    """
    limits = limits or DecodeLimits()
    head = bytes(data[:HEAD])
    if not head:
        raise DataError(f"{name}: the file is empty; choose another picture")
    try:
        return _decode(data, head, name, limits, allocate)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        pixels = re.search(r"\d+", str(fault))  # the message is the only place with the size
        _check_pixels(int(pixels[0]) if pixels else limits.pixels * 2, limits.pixels, name)
        raise
    except UnidentifiedImageError:
        raise _not_a_picture(head, name, limits) from None
    except MemoryError as fault:
        raise DataError(
            f"{name}: takes too much memory to decode; make it smaller or save it as a plain JPEG",
            "costly",
        ) from fault
    except Exception as fault:  # Pillow raises many types for a damaged file
        raise DataError(
            f"{name}: the picture is cut off or damaged; fetch or save it again ({fault})"
        ) from fault


def png(picture: Picture, name: str) -> bytes:
    """Return the picture as a PNG; `name` is for the error if it is too long or wide for one."""
    made, data = cv2.imencode(".png", picture)
    if not made:
        raise DataError(f"{name}: a PNG cannot be that large; make the picture smaller", "side")
    return data.tobytes()


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


def _decode(
    data: bytes | memoryview,
    head: bytes,
    name: str,
    limits: DecodeLimits,
    allocate: Allocate | None,
) -> Picture:
    kind = next((kind for kind in limits.formats if BEGINNINGS[kind].match(head)), None)
    if kind is None:
        raise _not_a_picture(head, name, limits)
    found = jpeg.Jpeg()
    if kind == "JPEG":
        found = jpeg.reduced(data, name, limits.passes)
        data = found.data
    elif kind == "TIFF" and (tag := exif.oversized_tag(head + bytes(data[HEAD:]))) is not None:
        said = f"{name}: this TIFF's tag {tag} is too long; save it as a plain JPEG"
        raise DataError(said, "costly")
    most = limits.costly_pixels if kind in COSTLY or found.progressive else limits.pixels
    if kind == "WEBP":  # before Pillow, which makes room for the picture when it opens it
        _check_size(_webp_size(head), most, name, limits)
    with Image.open(BytesIO(data), formats=(kind,)) as image:
        _check_size(image.size, most, name, limits)
        # PNG may tell the orientation behind the pixels, and a TIFF is turned as it is loaded.
        image.load()
        turn = 1
        if limits.rotate and kind != "TIFF":
            told = found.exif or image.info.get("exif") or b""
            turn = exif.orientation(told, found.xmp or _xmp(image))
        return _frame(image, TURNS[turn], allocate)


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    return found.encode() if isinstance(found, str) else bytes(found)


def _webp_size(head: bytes) -> tuple[int, int]:
    """Return the size that a WebP's first chunk tells; (0, 0) if it is none that is known."""
    match head[12:16]:
        case b"VP8X":
            width, height = int.from_bytes(head[24:27], "little"), head[27:30]
            return width + 1, int.from_bytes(height, "little") + 1
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width = int.from_bytes(head[26:28], "little") & 0x3FFF
            return width, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def _check_size(size: tuple[int, int], most: int, name: str, limits: DecodeLimits) -> None:
    width, height = size
    _check_pixels(width * height, most, name)
    if max(width, height) > limits.side:
        raise DataError(
            f"{name}: a side of {max(width, height)} pixels exceeds the limit of {limits.side}; "
            "cut the picture or make it smaller first",
            "side",
        )


def _check_pixels(pixels: int, most: int, name: str) -> None:
    if pixels > most:
        raise DataError(
            f"{name}: {pixels / 1e6:.0f} megapixels exceed the limit of "
            f"{most / 1e6:.0f}; make the picture smaller first",
            "pixels",
        )


def _not_a_picture(head: bytes, name: str, limits: DecodeLimits) -> DataError:
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        return DataError(
            f"{name}: HEIC pictures cannot be read; on an iPhone choose Settings, Camera, Formats, "
            "'Most Compatible', or convert it to JPEG",
            "heic",
        )
    kinds = "JPEG, PNG, WebP, TIFF or BMP" if "BMP" in limits.formats else "JPEG, PNG, WebP or AVIF"
    return DataError(f"{name}: not a picture that can be read; choose a {kinds} file")


def _frame(image: Image.Image, turn: tuple[bool, bool, bool], allocate: Allocate | None) -> Picture:
    """Return the pixels. Converts a band at a time, as Pillow copies an image up to four times."""
    if image.height <= SMALL and allocate is None and not any(turn):
        return _bgr(image)
    swap, mirror, flip = turn
    width, height = image.size
    size = (width, height) if swap else (height, width)
    frame = np.empty((*size, 3), np.uint8) if allocate is None else allocate(*size)
    # Written through a view that lies as the camera held it, so that no second copy is turned.
    held = frame[:: -1 if flip else 1, :: -1 if mirror else 1]
    held = held.transpose(1, 0, 2) if swap else held
    band = height if height <= SMALL else max(1, BAND // width)
    for top in range(0, height, band):
        bottom = min(top + band, height)
        part = image if band == height else image.crop((0, top, width, bottom))
        held[top:bottom] = _bgr(part)
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
