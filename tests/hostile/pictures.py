"""Hostile pictures: the worst ones by hand, the others by mutation of small good ones."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from PIL import Image

from tests.hostile.mutation import mutated

Make = Callable[[], bytes]
MEGABYTE = 1_000_000
SHORT, LONG, RATIONAL = 3, 4, 5
ORIENTATION, RESOLUTION = 0x0112, 0x011A


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    depth = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width, depth) if depth > 1 else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return (
        Image.fromarray(pixels) if mode in ("RGB", "RGBA", "L") else Image.new(mode, shape[1::-1])
    )


def turned(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    *,
    colour: int = 2,
    depth: int = 8,
    interlaced: bool = False,
    before: bytes = b"",
    pixels: bool = True,
) -> bytes:
    """A black PNG; `before` stands before the pixels."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(width, height)]
    if interlaced:
        steps = ((8, 8, 0, 0), (8, 8, 4, 0), (4, 8, 0, 4), (4, 4, 2, 0), (2, 4, 0, 2), (2, 2, 1, 0))
        steps += ((1, 2, 0, 1),)
        passes = [((width - x + w - 1) // w, (height - y + h - 1) // h) for w, h, x, y in steps]
    packer, parts = zlib.compressobj(9), []
    for wide, high in passes if pixels else ():
        row = bytes(1 + (wide * bits + 7) // 8)
        parts += [packer.compress(row * 64) for _ in range(high // 64)]
        parts.append(packer.compress(row * (high % 64)))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    data = b"".join([*parts, packer.flush()])
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# EXIF and TIFF


def directory(entries: list[tuple[int, int, int, int]], values: bytes = b"") -> bytes:
    """EXIF data: entries of tag, kind, count, value; behind them the values."""
    rows = [struct.pack("<HHII", *entry) for entry in entries]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4) + values


def exif_list(kind: int, size: int, tag: int = 0x9999) -> bytes:
    """EXIF data with an orientation, a unit and one list of so many bytes."""
    width = {SHORT: 2, LONG: 4, RATIONAL: 8}[kind]
    item = {SHORT: b"\1\0", LONG: b"\1\0\0\0", RATIONAL: struct.pack("<II", 1, 3)}[kind]
    count = size // width
    unit = (0x0128, SHORT, 1, 2)  # without it Pillow does not look at the resolution
    entries = [(ORIENTATION, SHORT, 1, 6), (tag, kind, count, 8 + 2 + 36 + 4), unit]
    return directory(entries, item * count)


def jpeg_with_exif(exif: bytes, width: int = 16, height: int = 16) -> bytes:
    """A JPEG without a resolution of its own, its EXIF data in as many segments as it takes."""
    plain = saved(Image.new("RGB", (width, height), (90, 120, 60)), "JPEG")
    rest = plain[4 + int.from_bytes(plain[4:6]) :]  # without JFIF's segment
    out = b"\xff\xd8"
    for at in range(0, len(exif), 65_000):
        part = exif[at : at + 65_000]
        out += b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part
    return out + rest


# WebP


def flat_webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour: its 40 bytes don't depend on its size."""
    data = bytearray(saved(Image.new("RGB", (16, 16), (1, 2, 3)), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[at : at + 4], "little") & ~0xFFFFFFF
    data[at : at + 4] = (bits | (width - 1) | (height - 1) << 14).to_bytes(4, "little")
    return bytes(data)


def claiming_webp(width: int, height: int) -> bytes:
    """An extended WebP whose canvas is larger than its picture."""
    picture = saved(Image.new("RGBA", (16, 16), (1, 2, 3, 4)), "WEBP", lossless=True)[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([0x10, 0, 0, 0]) + canvas + picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_comments(size: int) -> bytes:
    """A GIF whose comment is so many bytes in pieces of 255, which Pillow puts together in turn."""
    head = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + bytes(6)
    pieces = (b"\xff" + b"a" * 255) * (size // 256)
    return head + b"\x21\xfe" + pieces + b"\0" + saved(Image.new("P", (16, 16)), "GIF")[13:]


def many_segments(size: int) -> bytes:
    plain = saved(noise(64, 48), "JPEG")
    return plain[:2] + b"\xff\xe5\x00\x02" * (size // 4) + plain[2:]


def many_passes(count: int, side: int = 2000) -> bytes:
    data = saved(noise(side, side), "JPEG", progressive=True, quality=20)
    at = data.rindex(b"\xff\xda")  # the last pass, once more and once more
    return data[:at] + data[at:-2] * count + data[-2:]


def text_bomb(count: int, size: int) -> bytes:
    packed = b"key\0\0" + zlib.compress(bytes(size), 9)
    return b"".join(chunk(b"zTXt", packed) for _ in range(count))


WORST: dict[str, Make] = {
    # What took hundreds of megabytes.
    "webp-flat-50mp": lambda: flat_webp(7050, 7050),
    "webp-flat-16383": lambda: flat_webp(16_383, 16_383),
    "webp-flat-16mp": lambda: flat_webp(4000, 4000),
    "webp-canvas": lambda: claiming_webp(16_384, 16_384),
    "webp-canvas-16mp": lambda: claiming_webp(4000, 4000),
    "webp-two": lambda: saved(
        noise(64, 64, "RGBA"), "WEBP", save_all=True, append_images=[noise(64, 64, "RGBA", 1)]
    ),
    "png-50mp": lambda: png(7071, 7071),
    "png-50mp-interlaced": lambda: png(7071, 7071, interlaced=True),
    "png-50mp-alpha": lambda: png(7071, 7071, colour=6),
    "png-50mp-alpha-turned": lambda: png(
        7071, 7071, colour=6, before=chunk(b"eXIf", directory([(ORIENTATION, SHORT, 1, 6)]))
    ),
    "png-50mp-deep": lambda: png(7071, 7071, colour=6, depth=16),
    "png-50mp-grey-deep": lambda: png(7071, 7071, colour=0, depth=16),
    "png-widest": lambda: png(16_384, 3051),
    "png-tallest": lambda: png(3051, 16_384),
    "png-wide-50m": lambda: png(50_000_000, 1),
    "png-tall-50m": lambda: png(1, 50_000_000, pixels=False),
    "png-wide-2m": lambda: png(2_000_000, 1),
    "png-tall-2m": lambda: png(1, 2_000_000),
    "png-claims-900mp": lambda: png(30_000, 30_000, pixels=False),
    "png-claims-4g": lambda: png(0x7FFFFFFF, 0x7FFFFFFF, pixels=False),
    "png-no-pixels": lambda: png(7071, 7071, pixels=False),
    "jpeg-50mp-turned": lambda: saved(
        Image.new("RGB", (7071, 7071)), "JPEG", quality=30, exif=turned()
    ),
    "jpeg-50mp-cmyk": lambda: saved(Image.new("CMYK", (7071, 7071)), "JPEG", quality=30),
    "jpeg-50mp-progressive": lambda: saved(
        Image.new("RGB", (7071, 7071)), "JPEG", quality=30, progressive=True
    ),
    "jpeg-16mp-progressive": lambda: saved(
        noise(4000, 4000), "JPEG", quality=30, progressive=True, subsampling=0, exif=turned()
    ),
    "jpeg-16mp-cmyk-progressive": lambda: saved(
        Image.new("CMYK", (4000, 4000), (9, 8, 7, 6)), "JPEG", progressive=True, exif=turned()
    ),
    "tiff-16mp-alpha": lambda: saved(
        Image.new("RGBA", (4000, 4000)), "TIFF", compression="tiff_adobe_deflate", exif=turned()
    ),
    "tiff-50mp": lambda: saved(
        Image.new("1", (7071, 7071)), "TIFF", compression="tiff_adobe_deflate"
    ),
    "gif-16mp": lambda: saved(Image.new("P", (4000, 4000)), "GIF"),
    "avif-16mp": lambda: saved(Image.new("RGB", (4000, 4000)), "AVIF", speed=10, quality=30),
    # What took seconds or minutes.
    "png-exif-shorts": lambda: png(16, 16, before=chunk(b"eXIf", exif_list(SHORT, 14_900_000))),
    "png-exif-rationals": lambda: png(
        16, 16, before=chunk(b"eXIf", exif_list(RATIONAL, 14_900_000))
    ),
    "jpeg-exif-shorts": lambda: jpeg_with_exif(exif_list(SHORT, 14_900_000, RESOLUTION)),
    "jpeg-exif-rationals": lambda: jpeg_with_exif(exif_list(RATIONAL, 14_900_000, RESOLUTION)),
    "webp-exif-rationals": lambda: saved(
        noise(16, 16), "WEBP", exif=exif_list(RATIONAL, 14_900_000)
    ),
    "avif-exif-rationals": lambda: saved(noise(16, 16), "AVIF", exif=exif_list(RATIONAL, 400_000)),
    "tiff-long-tag": lambda: exif_list(RATIONAL, 14_900_000, RESOLUTION),
    "tiff-many-strips": lambda: directory(
        [(256, LONG, 1, 16), (257, LONG, 1, 16), (273, LONG, 250_000, 8 + 2 + 36 + 4)],
        bytes(1_000_000),
    ),
    "pgm-comments-1mb": lambda: b"P2\n7000 7000\n255\n" + b"#\n" * 500_000,
    "pgm-comments-15mb": lambda: b"P2\n7000 7000\n255\n" + b"#\n" * 7_400_000,
    "pgm-comments-before-size": lambda: b"P5\n" + b"#\n" * 7_400_000 + b"16 16\n255\n" + bytes(256),
    "ppm-plain": lambda: b"P3\n1500 1600\n255\n" + b"1 " * 7_200_000,
    "gif-comments": lambda: gif_of_comments(14_900_000),
    "jpeg-segments": lambda: many_segments(14_900_000),
    "jpeg-passes-30": lambda: many_passes(20),
    "jpeg-passes-1000": lambda: many_passes(1000, side=256),
    "png-chunks": lambda: png(16, 16, before=chunk(b"tEXt", b"") * 1_200_000),
    "png-text-bomb": lambda: png(16, 16, before=text_bomb(500, MEGABYTE)),
    "png-profile-bomb": lambda: png(
        16, 16, before=chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200 * MEGABYTE), 9))
    ),
    # What is no picture, or two at once.
    "empty": lambda: b"",
    "a-byte": lambda: b"\xff",
    "zip": lambda: b"PK\x03\x04" + bytes(2000),
    "html": lambda: b"<html><script>alert(1)</script></html>",
    "svg-entities": lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa">]><svg/>',
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": lambda: b"%PDF-1.7\n" + bytes(500),
    "heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(3000),
    "bmp": lambda: saved(noise(64, 48), "BMP"),
    "jpeg-then-zip": lambda: saved(noise(64, 48), "JPEG") + b"PK\x03\x04" + bytes(900_000),
    "jpeg-in-jpeg": lambda: saved(noise(64, 48), "JPEG") * 300,
    "jpeg-cut": lambda: saved(noise(640, 480), "JPEG")[:20_000],
    "png-cut": lambda: saved(noise(640, 480), "PNG")[:200_000],
}
# Those of WORST that take seconds to make or to read.
SLOW = {
    "png-50mp",
    "png-50mp-interlaced",
    "png-widest",
    "png-chunks",
    "jpeg-50mp-turned",
    "jpeg-16mp-cmyk-progressive",
    "jpeg-passes-30",
    "tiff-16mp-alpha",
    "gif-16mp",
    "avif-16mp",
    "jpeg-16mp-progressive",
    "png-50mp-deep",
    "png-50mp-alpha",
    "png-50mp-alpha-turned",
    "jpeg-50mp-progressive",
    "jpeg-50mp-cmyk",
    "png-tallest",
    "png-50mp-grey-deep",
}


@cache
def good() -> tuple[bytes, ...]:
    """Small pictures of every kind and mode that is read."""
    pictures = []
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"):
        for mode, size in (("RGB", (96, 64)), ("L", (33, 47)), ("RGBA", (64, 96)), ("P", (40, 30))):
            if (kind, mode) in {("JPEG", "RGBA"), ("JPEG", "P")}:
                continue
            image = noise(*size, mode)
            exif = {"exif": turned(len(pictures) % 8 + 1)} if kind != "GIF" else {}
            pictures.append(saved(image, kind, **exif))
    pictures += [
        saved(noise(96, 64), "JPEG", progressive=True, exif=turned(3)),
        saved(Image.new("CMYK", (48, 48), (1, 2, 3, 4)), "JPEG"),
        saved(noise(64, 64), "WEBP", lossless=True),
        saved(noise(64, 64), "TIFF", compression="tiff_lzw"),
        saved(noise(64, 64), "TIFF", compression="jpeg"),
        saved(Image.new("1", (64, 64)), "TIFF", compression="group4"),
        png(64, 64, depth=16),
        png(33, 65, interlaced=True),
        saved(noise(24, 24), "GIF", save_all=True, append_images=[noise(24, 24, seed=1)]),
        saved(noise(24, 24), "PNG", save_all=True, append_images=[noise(24, 24, seed=1)]),
    ]
    return tuple(pictures)


@cache
def frames() -> tuple[bytes, ...]:
    """The JPEGs among them, and larger ones as a browser sends them."""
    browsers = (saved(noise(*size), "JPEG", quality=60) for size in ((320, 240), (640, 480)))
    return (*(data for data in good() if data.startswith(b"\xff\xd8")), *browsers)


def corpus(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many mutated pictures with their names."""
    for at in range(count):
        dice = random.Random(f"{seed}-{at}")
        yield f"picture-{seed}-{at}", mutated(good(), dice)


def live_corpus(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many mutated live frames with their names."""
    for at in range(count):
        dice = random.Random(f"live-{seed}-{at}")
        yield f"live-{seed}-{at}", mutated(frames(), dice)
