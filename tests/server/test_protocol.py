"""The live socket's messages: valid frames, malformed frames, answers."""

import io
import json
import struct
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.server import protocol
from fer.server.protocol import (
    BAD_DATA,
    MOST_PASSES,
    TOO_BIG,
    RefusedError,
    answer,
    decode,
    parse,
    rows,
)
from tests.server.server import jpeg, message

MOST = 8_000_000


def saved(image: Image.Image, **options: object) -> memoryview:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return memoryview(file.getvalue())


def claiming(data: bytes, width: int, height: int) -> memoryview:
    """Return the same JPEG with another size in its header."""
    at = data.index(b"\xff\xc0") + 5
    return memoryview(data[:at] + struct.pack(">HH", height, width) + data[at + 4 :])


def test_a_message_is_parsed() -> None:
    seq, time, data, arrived = parse(message(2**32 - 1, b"abc", -12.5), arrived=7.0)
    assert (seq, time, bytes(data), arrived) == (2**32 - 1, -12.5, b"abc", 7)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), float("-inf"), 1.1e15, -1.1e15])
def test_an_impossible_time_is_refused(time: float) -> None:
    with pytest.raises(RefusedError, match="time") as refused:
        parse(message(time=time), 0.0)
    assert refused.value.code == BAD_DATA


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        decode(parse(data, 0.0).jpeg, MOST)
    assert refused.value.code == BAD_DATA
    assert len(refused.value.reason.encode()) <= 120  # the space in a close message


@given(st.data())
def test_a_picture_with_any_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    spoilt = bytearray(jpeg())
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RefusedError):  # no other error
        picture = decode(memoryview(spoilt), MOST)
        assert picture.ndim == 3
        assert picture.dtype == np.uint8


def test_the_picture_is_bgr() -> None:
    red = saved(Image.new("RGB", (32, 16), (250, 10, 10)), quality=95)
    picture = decode(red, MOST)
    assert picture.shape == (16, 32, 3)
    assert picture[8, 16, 2] > 240
    assert picture[8, 16, 0] < 20


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_pictures_become_bgr(mode: str) -> None:
    assert decode(saved(Image.new(mode, (32, 16))), MOST).shape == (16, 32, 3)


def test_a_progressive_picture_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), progressive=True)
    assert bytes(data).count(b"\xff\xda") > MOST_PASSES
    with pytest.raises(RefusedError, match="many passes"):
        decode(data, MOST)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_picture_is_refused(share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    with pytest.raises(RefusedError, match="damaged, cut off") as refused:
        decode(memoryview(data[: int(share * len(data))]), MOST)
    assert refused.value.code == BAD_DATA


@pytest.mark.parametrize("size", [(4001, 2000), (8_001, 1_000), (30_000, 30_000), (65_535, 65_535)])
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(RefusedError, match="8 megapixels") as refused:
        decode(claiming(jpeg(), *size), MOST)
    assert refused.value.code == TOO_BIG


def test_a_picture_with_two_sizes_is_refused() -> None:
    """The first header is small, the second large: check and decoder could read different ones."""
    data = jpeg(64, 48)
    at = data.index(b"\xff\xc0")
    header = data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
    second = bytes(claiming(header, 30_000, 30_000))
    with pytest.raises(RefusedError):
        decode(memoryview(data[:at] + header + second + data[at + len(header) :]), MOST)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_only_jpegs_are_accepted(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (32, 16)).save(file, kind)
    with pytest.raises(RefusedError, match="plain JPEG"):
        decode(memoryview(file.getvalue()), MOST)


def test_an_answer_has_a_row_for_each_face() -> None:
    shares = np.full((2, len(EMOTIONS)), 0.05, np.float32)
    shares[0, 3] = 0.7
    shares[1] = np.nan
    boxes = [[1.4, 2.6, 30, 40], [-5, 0, 9, 9]]
    faces = Faces.of(boxes, probabilities=shares, ids=[7, 8])
    sent = json.loads(answer(parse(message(3, time=9.5), 0.0), faces, (640, 480), 12.345, 4))
    assert sent == {
        "seq": 3,
        "time": 9.5,
        "size": [640, 480],
        "ms": 12.3,
        "faces": [[7, 1, 3, 30, 40, 3, 70], [8, -5, 0, 9, 9, -1, 0]],
        "left_out": 4,
    }


def test_the_hello_is_short() -> None:
    assert (
        protocol.text(protocol.hello("abc", 2, 9)) == '{"hello":"abc","inflight":2,"max_bytes":9}'
    )


@pytest.mark.parametrize(("share", "shown"), [(1.0, 99), (0.996, 99), (0.994, 99), (0.984, 98)])
def test_no_face_has_100_percent(share: float, shown: int) -> None:
    probabilities = [[share if name == "happy" else 0.0 for name in EMOTIONS]]
    (row,) = rows(Faces.of([[0, 0, 9, 9]], probabilities=probabilities))
    assert row[-1] == shown
