import time
from struct import pack

import pytest

from fer.vision.media.exif import orientation, oversized_tag
from tests.hostile.pictures import RATIONAL, SHORT, directory, exif_list

ORIENTATION = 0x0112


@pytest.mark.parametrize("head", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_is_told(head: bytes, value: int) -> None:
    assert (
        orientation(head + directory([(0x010F, 2, 9, 99), (ORIENTATION, SHORT, 1, value)])) == value
    )


def test_both_orders_of_bytes_are_read() -> None:
    entry = pack(">HHIHH", ORIENTATION, SHORT, 1, 8, 0)
    assert orientation(b"MM\0*" + pack(">IH", 8, 1) + entry + bytes(4)) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"no EXIF data",
        b"II*\0\xff\xff\xff\xff",
        directory([(ORIENTATION, SHORT, 1, 6)])[:19],
        directory([(ORIENTATION, SHORT, 1, 0)]),
        directory([(ORIENTATION, SHORT, 1, 9)]),
        directory([(ORIENTATION, SHORT, 2, 6)]),
        directory([(ORIENTATION, RATIONAL, 1, 6)]),
    ],
)
def test_what_tells_none_is_upright(data: bytes) -> None:
    assert orientation(data) == 1


def test_xmp_is_asked_where_exif_tells_nothing() -> None:
    xmp = b'<rdf:Description tiff:Orientation="3"/>'
    assert orientation(b"", xmp) == 3
    assert orientation(b"", b"<tiff:Orientation>8</tiff:Orientation>") == 8
    assert orientation(directory([(ORIENTATION, SHORT, 1, 6)]), xmp) == 6
    assert orientation(b"", bytes(70_000) + xmp) == 1


def test_a_list_of_megabytes_costs_nothing() -> None:
    data = exif_list(RATIONAL, 14_900_000)
    begun = time.process_time()
    assert orientation(data) == 6
    assert time.process_time() - begun < 0.2


def test_a_tiffs_long_tags_are_named() -> None:
    assert oversized_tag(directory([(282, RATIONAL, 8_193, 50)])) == 282
    assert oversized_tag(directory([(282, RATIONAL, 8_192, 50), (273, 4, 200_000, 50)])) is None
    assert oversized_tag(directory([(273, 4, 300_000, 50)])) == 273
