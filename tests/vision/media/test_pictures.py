import time
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.errors import DataError, UsageError
from fer.vision.media.pictures import (
    BROUGHT,
    DecodeLimits,
    decode,
    find_pictures,
    png,
    read_picture,
)
from tests.hostile.pictures import WORST
from tests.vision.media.media import SIZE, UPRIGHT, Frame, flag, patches

ORIENTATION = 0x0112
# How the camera held the picture: what undoes each EXIF orientation, turned round.
HELD: dict[int, Any] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p),
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: np.rot90(p, -1),
}


def pillow(picture: Frame) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1]))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", HELD)
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(pillow(HELD[orientation](flag())), kind, exif=exif)
    read = decode(data, "flag")
    assert read.shape == flag().shape
    assert patches(read) == UPRIGHT


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "PPM", "WEBP", "AVIF", "JPEG"])
def test_usual_kinds_keep_their_colours(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    read = decode(saved(pillow(flag()), kind, **options), "flag")
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    if kind in ("JPEG", "AVIF"):
        assert patches(read) == UPRIGHT
    else:
        assert np.array_equal(read, flag())


@pytest.mark.parametrize("kind", ["png", "tiff", "pgm"])
def test_16_bits_are_scaled(kind: str) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (4, 1))
    read = decode(cv2.imencode(f".{kind}", ramp)[1].tobytes(), "deep")
    assert np.array_equal(read[0, :, 0], np.arange(256))


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_of_colour_are_scaled(channels: int) -> None:
    deep = np.full((5, 5, channels), 0xFFFF, np.uint16)
    deep[..., :3] = (0x2000, 0x8000, 0xFFFF)
    read = decode(cv2.imencode(".png", deep)[1].tobytes(), "deep")
    assert read[2, 2].tolist() == [0x20, 0x80, 0xFF]


@pytest.mark.parametrize("alpha", [0, 51, 255])
def test_what_is_transparent_lies_on_white(alpha: int) -> None:
    picture = np.dstack([np.full((4, 4, 3), 100), np.full((4, 4), alpha)]).astype(np.uint8)
    read = decode(cv2.imencode(".png", picture)[1].tobytes(), "glass")
    assert np.abs(read.astype(int) - (100 * alpha + 255 * (255 - alpha)) / 255).max() <= 1


def test_a_transparent_colour_of_a_palette_lies_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    read = decode(saved(image, "GIF", transparency=0), "palette")
    assert read[0, 0].tolist() == [60, 50, 40]
    assert read[2, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_grey_and_palettes_become_colour(mode: str) -> None:
    grey = Image.new("L", (6, 6), 255)
    assert (decode(saved(grey.convert(mode), "PNG"), "grey") == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printers_colours_come_out_right(kind: str) -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
    read = decode(saved(ink, kind), "print")
    assert np.abs(read[8, 8].astype(int) - (0, 0, 255)).max() < 8


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_pictures_the_first_counts(kind: str) -> None:
    pages = [pillow(np.full((8, 8, 3), grey, np.uint8)) for grey in (40, 200)]
    data = saved(pages[0], kind, save_all=True, append_images=pages[1:])
    assert abs(int(decode(data, "pages").mean()) - 40) <= 2


def test_one_pixel_is_a_picture() -> None:
    assert decode(saved(Image.new("RGB", (1, 1), "red"), "PNG"), "dot").tolist() == [[[0, 0, 255]]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = saved(pillow(noise), kind)
    for share in (0.3, 0.7):
        with pytest.raises(DataError, match=r"a\.bin: (not a|the file is|.* cut off)"):
            decode(data[: round(len(data) * share)], "a.bin")


def passes(count: int) -> bytes:
    """Return a JPEG's start-of-scan markers, each with an empty header."""
    return b"\xff\xda\x00\x02" * count


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    data = saved(pillow(flag()), "JPEG", progressive=True)
    with pytest.raises(DataError, match=r"a\.jpg: this JPEG has too many passes"):
        decode(data[:-2] + passes(DecodeLimits().passes) + data[-2:], "a.jpg")


@pytest.mark.parametrize("progressive", [False, True])
def test_what_stands_in_a_jpegs_notes_or_behind_its_end_is_not_counted(progressive: bool) -> None:
    comment = passes(DecodeLimits().passes + 1)
    data = saved(pillow(flag()), "JPEG", progressive=progressive, comment=comment)
    assert comment in data
    film = b"\0\0\0\x18ftypmp42" + comment  # as phones put one behind a photo
    assert np.array_equal(decode(data + film, "a.jpg"), decode(data, "a.jpg"))
    assert patches(decode(data + film, "a.jpg")) == UPRIGHT


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("megapixels", [51, 100, 400, 900])
def test_a_huge_picture_is_refused_by_its_header(megapixels: int) -> None:
    with pytest.raises(DataError) as fault:
        decode(bomb(10_000, megapixels * 100), "huge.png")
    assert fault.value.fault == "pixels"
    message = str(fault.value)
    assert (
        f"{megapixels} megapixels exceed the limit of {DecodeLimits().pixels / 1e6:.0f}" in message
    )
    assert "smaller" in message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "choose a JPEG, PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "Most Compatible"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "Most Compatible"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "choose a JPEG, PNG"),
        (cv2.imencode(".tiff", np.full((4, 4), 0.5, np.float32))[1].tobytes(), "floating-point"),
    ],
)
def test_what_is_no_picture_is_one_line_that_helps(data: bytes, expected: str) -> None:
    with pytest.raises(DataError) as fault:
        decode(data, "a.jpg")
    message = str(fault.value)
    assert message.startswith("a.jpg: ")
    assert expected in message
    assert "\n" not in message


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "Übung 1.png"
    path.write_bytes(saved(pillow(flag()), "PNG"))
    assert np.array_equal(read_picture(path), flag())
    with pytest.raises(DataError, match=r"none\.png: no such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be opened"):
        read_picture(tmp_path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "sub/c.webp", ".hidden.png", ".git/d.png"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["."], ["a.PNG", "b.jpg", "sub/c.webp"]),
        (["sub", "b.jpg", "sub/c.webp"], ["sub/c.webp", "b.jpg"]),
        (["*.jpg"], ["b.jpg"]),
        (["*"], ["a.PNG", "b.jpg", "sub/c.webp"]),
        (["**/*.webp"], ["sub/c.webp"]),
        (["**"], ["a.PNG", "b.jpg", "sub/c.webp"]),
        (["notes.txt"], ["notes.txt"]),  # asked for by name: the reader will say what is wrong
    ],
)
def test_pictures_are_found(album: Path, asked: list[str], found: list[str]) -> None:
    assert find_pictures([album / name for name in asked]) == [album / name for name in found]


def test_a_name_with_brackets_is_a_name(album: Path) -> None:
    odd = album / "[1].png"
    odd.touch()
    assert find_pictures([odd]) == [odd]


@pytest.mark.parametrize("asked", ["none.png", "*.bmp", "empty"])
def test_nothing_found_is_a_clear_error(album: Path, asked: str) -> None:
    (album / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no (pictures in|such file or folder)"):
        find_pictures([album / asked])


@pytest.mark.parametrize("name", ["pgm-comments-15mb", "ppm-plain"])
def test_what_pillow_reads_in_python_is_refused(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(DataError, match="not a picture"):
        decode(WORST[name](), "a.pgm")
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("kind", ["BMP", "PPM"])
def test_visitors_bring_no_dusty_kinds(kind: str) -> None:
    with pytest.raises(DataError, match="choose a JPEG, PNG, WebP or AVIF"):
        decode(saved(pillow(flag()), kind), "a", BROUGHT)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("webp-flat-50mp", "pixels"),  # 40 bytes took 763 MB
        ("webp-flat-16383", "pixels"),
        ("webp-canvas", "pixels"),
        ("png-wide-50m", "side"),
        ("png-wide-2m", "side"),
        ("png-tall-2m", "side"),
    ],
)
def test_what_would_take_the_memory_is_refused_by_its_size(name: str, fault: str) -> None:
    with pytest.raises(DataError) as refused:
        decode(WORST[name](), "a", BROUGHT)
    assert refused.value.fault == fault


@pytest.mark.parametrize("name", ["png-exif-shorts", "png-exif-rationals"])
def test_a_list_in_exif_takes_no_time(name: str) -> None:
    """It took 16 and 47 seconds, and up to 1.3 GB."""
    data = WORST[name]()
    begun = time.process_time()
    assert decode(data, "a").shape == (16, 16, 3)
    assert time.process_time() - begun < 1


def test_a_picture_is_written_where_the_caller_says() -> None:
    given = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = saved(pillow(HELD[6](flag())), "PNG", exif=exif)
    asked: list[tuple[int, int]] = []

    def allocate(height: int, width: int) -> Frame:
        asked.append((height, width))
        return given

    assert decode(data, "a", None, allocate) is given
    assert asked == [(SIZE[1], SIZE[0])]
    assert patches(given) == UPRIGHT


def test_a_picture_too_long_for_a_png_is_a_line() -> None:
    with pytest.raises(DataError, match=r"long\.jpg: a PNG cannot be that large") as refused:
        png(np.zeros((1, 2_000_000, 3), np.uint8), "long.jpg")
    assert refused.value.fault == "side"
