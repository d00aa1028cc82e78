"""A JPEG's segments: which of them a decoder needs.

The others can hold lists that take Pillow seconds to read, thumbnails, and other pictures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fer.errors import DataError

BEGIN: Final = b"\xff\xd8\xff"
SEGMENT: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # a marker with a length behind it
END: Final = 0xD9
SCAN: Final = 0xDA
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # a frame's size and components
PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
# Tables for entropy coding, quantization, number of lines, restart interval.
NEEDED: Final = FRAMES | {0xC4, 0xCC, SCAN, 0xDB, 0xDC, 0xDD}
# What tells how colours are stored: JFIF's head and Adobe's.
COLOUR: Final = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
COLOUR_BYTES: Final = 32  # without JFIF's thumbnail
EXIF: Final = b"Exif\0\0"
XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
APP1: Final = 0xE1
MOST_SEGMENTS: Final = 2048  # phones write about 40; more than this is made to waste time


@dataclass
class Jpeg:
    """A JPEG reduced to what a decoder needs."""

    data: bytes = b""
    passes: int = 0  # over the pixels
    progressive: bool = False
    exif: bytes = b""  # the first EXIF segment's content
    xmp: bytes = b""


def reduced(data: bytes | memoryview, name: str, most_passes: int) -> Jpeg:
    """Return the JPEG up to its end, without the segments that no decoder needs.

    Raises DataError for one with more passes than `most_passes`, two sizes, or endless segments.
    """
    whole, found = memoryview(data), Jpeg()
    kept: list[memoryview] = []
    run, at, end = 0, 2, len(whole)  # `run` is where the bytes that are kept next begin
    frames = segments = 0
    while marker := SEGMENT.search(whole, at):
        code = marker[1][0]
        if code == END:  # behind it phones put a film clip
            end = marker.end()
            break
        segments += 1
        found.passes += code == SCAN
        frames += code in FRAMES
        found.progressive |= code in PROGRESSIVE
        _check(name, found.passes, most_passes, frames, segments)
        length = int.from_bytes(whole[marker.end() : marker.end() + 2])
        at = marker.end() + max(2, length)
        content = whole[marker.end() + 2 : at]
        if not _is_needed(code, content):
            kept.append(whole[run : marker.start()])
            run = at
            _note(found, code, content)
    found.data = b"".join([*kept, whole[run:end]])
    return found


def _is_needed(code: int, content: memoryview) -> bool:
    if code in COLOUR:
        return len(content) <= COLOUR_BYTES and bytes(content[:5]) == COLOUR[code]
    return code in NEEDED


def _note(found: Jpeg, code: int, content: memoryview) -> None:
    """Keep the first EXIF and XMP data, in which the orientation may stand."""
    if code != APP1:
        return
    if not found.exif and bytes(content[: len(EXIF)]) == EXIF:
        found.exif = bytes(content)
    elif not found.xmp and bytes(content[: len(XMP)]) == XMP:
        found.xmp = bytes(content)


def _check(name: str, passes: int, most_passes: int, frames: int, segments: int) -> None:
    if passes > most_passes:
        raise DataError(f"{name}: this JPEG has too many passes; save it again", "costly")
    if frames > 1 or segments > MOST_SEGMENTS:
        raise DataError(f"{name}: the picture is damaged; fetch or save it again")
