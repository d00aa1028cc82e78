from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fer.errors import DataError
from fer.vision.media.jpeg import MOST_SEGMENTS, reduced
from tests.hostile.pictures import RATIONAL, RESOLUTION, exif_list, jpeg_with_exif, noise, saved


def segment(code: int, content: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(content) + 2).to_bytes(2) + content


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 99}]
)
def test_the_pixels_stay(options: dict[str, int]) -> None:
    data = saved(noise(97, 65), "JPEG", **options)
    assert np.array_equal(pixels(reduced(data, "a", 32).data), pixels(data))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_the_colours_stay(mode: str) -> None:
    """Adobe's segment tells how printers' colours are stored."""
    data = saved(noise(97, 65).convert(mode), "JPEG")
    assert np.array_equal(pixels(reduced(data, "a", 32).data), pixels(data))


def test_what_no_decoder_needs_is_dropped() -> None:
    plain = saved(noise(32, 32), "JPEG")
    extra = segment(0xE5, b"x" * 999) + segment(0xFE, b"a comment") + segment(0xE2, b"ICC_PROFILE")
    assert reduced(plain[:2] + extra + plain[2:] + b"a clip", "a", 32).data == plain


def test_the_first_exif_and_xmp_are_given() -> None:
    plain = saved(noise(32, 32), "JPEG")
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    extra = [b"Exif\0\0first", xmp, b"Exif\0\0second", b"other"]
    found = reduced(plain[:2] + b"".join(segment(0xE1, one) for one in extra) + plain[2:], "a", 32)
    assert (found.exif, found.xmp, found.data) == (extra[0], xmp, plain)


def test_a_list_in_exif_never_gets_to_pillow() -> None:
    data = jpeg_with_exif(exif_list(RATIONAL, 2_900_000, RESOLUTION))
    assert len(reduced(data, "a", 32).data) < 1000


def test_passes_are_counted() -> None:
    data = saved(noise(64, 64), "JPEG", progressive=True)
    found = reduced(data, "a", 32)
    assert found.progressive
    assert found.passes == data.count(b"\xff\xda")
    with pytest.raises(DataError, match="too many passes"):
        reduced(data, "a", found.passes - 1)


def test_endless_segments_are_refused() -> None:
    plain = saved(noise(32, 32), "JPEG")
    with pytest.raises(DataError, match="damaged"):
        reduced(plain[:2] + segment(0xE5, b"") * MOST_SEGMENTS + plain[2:], "a", 32)


def test_two_sizes_are_refused() -> None:
    plain = saved(noise(32, 32), "JPEG")
    at = plain.index(b"\xff\xc0")
    header = plain[at : at + 2 + int.from_bytes(plain[at + 2 : at + 4])]
    with pytest.raises(DataError, match="damaged"):
        reduced(plain[:at] + header + plain[at:], "a", 32)
