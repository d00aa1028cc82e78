"""Cutting pictures into tiles, and joining the faces found in them."""

from itertools import pairwise

import numpy as np
import pytest

from fer.faces import Faces
from fer.vision.detect.tiles import Tiling, joined, spans

CUT = Tiling(width=100, height=80, shared=20, edge=4)


@pytest.mark.parametrize("length", [1, 79, 80, 81, 140, 141, 500, 503])
def test_a_side_is_cut_without_gaps_into_parts_of_one_length(length: int) -> None:
    cuts = spans(length, CUT.height, CUT.shared)
    assert cuts[0][0] == 0
    assert cuts[-1][1] == length
    assert len({end - begin for begin, end in cuts}) == 1
    assert max(end - begin for begin, end in cuts) <= CUT.height
    assert all(left[1] - right[0] >= CUT.shared for left, right in pairwise(cuts))


def test_a_small_picture_is_one_part() -> None:
    picture = np.zeros((80, 100, 3), np.uint8)
    (tile,) = CUT.tiles(picture)
    assert tile.picture.shape == picture.shape
    everywhere = Faces.of([[0, 0, 10, 10], [90, 70, 10, 10]], confidence=[0.5, 0.6])
    assert tile.whole(everywhere) == everywhere


def test_every_part_tells_boxes_in_the_pixels_of_the_whole() -> None:
    """A mark in the picture lies at the position that each tile gives for it."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[96:104, 144:152] = 255
    seen = 0
    for tile in CUT.tiles(picture):
        rows, columns = np.nonzero(tile.picture[..., 0] > 127)
        if not len(rows):
            continue
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        found = tile.whole(Faces.of([box], landmarks=[[box[:2]] * 5]))
        seen += len(found)
        for at in range(len(found)):
            assert found.boxes[at] == pytest.approx([144, 96, 8, 8], abs=4)
            assert found.landmarks[at, 0] == pytest.approx(found.boxes[at, :2])
    assert seen >= 2  # at full size and at half, at least


def test_a_face_beside_a_cut_is_left_to_the_next_part() -> None:
    left, *_ = CUT.tiles(np.zeros((80, 180, 3), np.uint8))
    height, width = left.picture.shape[:2]
    at_the_cut = [width - 20 - CUT.edge + 1, 20, 20, 20]
    off_it = [width - 20 - CUT.edge, 20, 20, 20]
    at_the_pictures_own_edge = [0, height - 20, 20, 20]
    found = left.whole(Faces.of([at_the_cut, off_it, at_the_pictures_own_edge]))
    assert found.boxes.tolist() == [off_it, at_the_pictures_own_edge]


def test_a_face_that_two_parts_hold_is_told_once_by_the_surer() -> None:
    first = Faces.of([[10, 10, 20, 20]], confidence=[0.6])
    second = Faces.of([[11, 10, 20, 20], [60, 10, 20, 20]], confidence=[0.9, 0.7])
    both = joined([first, second], np.array([0.5, 0.5], np.float32))
    assert both.boxes.tolist() == [[22, 20, 40, 40], [120, 20, 40, 40]]
    assert both.confidence.tolist() == pytest.approx([0.9, 0.7])
    assert len(joined([Faces.none(), Faces.none()], np.ones(2, np.float32))) == 0
