"""The geometry of boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.faces import Faces
from fer.vision.boxes import inside, keep_best, overlaps, within

SIDES = st.floats(1, 2000, width=32)
BOXES = st.lists(st.tuples(st.floats(-500, 2000, width=32), st.floats(-500, 2000), SIDES, SIDES))


@given(BOXES)
def test_overlaps_are_shares_and_alike_both_ways(boxes: list[tuple[float, ...]]) -> None:
    rows = Faces.of(boxes).boxes
    shared = overlaps(rows, rows)
    assert ((shared >= 0) & (shared <= 1 + 1e-3)).all()
    assert np.allclose(shared, shared.T, atol=1e-3)


def test_overlap_is_intersection_over_union() -> None:
    first = Faces.of([[0, 0, 10, 10]]).boxes
    others = Faces.of([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [2, 2, 5, 5]]).boxes
    expected = [1, 50 / 150, 0, 25 / 100]
    assert overlaps(first, others)[0] == pytest.approx(expected)


def test_inside_is_a_share_of_the_first_box_and_within_of_the_smaller() -> None:
    small, large = Faces.of([[0, 0, 10, 10]]).boxes, Faces.of([[5, 0, 20, 20]]).boxes
    assert inside(small, large)[0, 0] == pytest.approx(50 / 100)
    assert inside(large, small)[0, 0] == pytest.approx(50 / 400)
    assert within(large, small)[0, 0] == within(small, large)[0, 0] == pytest.approx(50 / 100)


def test_of_boxes_on_one_face_the_surest_stays() -> None:
    faces = Faces.of([[0, 0, 10, 10], [1, 0, 10, 10], [3, 3, 4, 4], [40, 0, 10, 10]])
    kept = keep_best(faces.boxes, np.array([0.5, 0.9, 0.7, 0.3], np.float32))
    assert kept.tolist() == [1, 3]  # one overlaps the surest, one lies inside it


def test_boxes_side_by_side_all_stay() -> None:
    boxes = Faces.of([[0, 0, 10, 10], [8, 0, 10, 10]]).boxes  # a tenth of both is shared
    assert sorted(keep_best(boxes, np.array([0.5, 0.9], np.float32)).tolist()) == [0, 1]
