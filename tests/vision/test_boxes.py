"""How much boxes share, which are of one face, and how found ones correct followed ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.faces import Faces, Floats
from fer.vision.boxes import (
    corrected,
    distinct,
    doubled,
    inside,
    keep_best,
    outside,
    overlaps,
    within,
)

SIDES = st.floats(1, 2000, width=32)
BOXES = st.lists(st.tuples(st.floats(-500, 2000, width=32), st.floats(-500, 2000), SIDES, SIDES))


def boxes(*rows: tuple[float, ...]) -> Floats:
    return np.array(rows, np.float32).reshape(-1, 4)


def beside(share: float) -> Floats:
    """Two boxes of 100 x 10, of which the second lies so far to the right that they share this
    part of each."""
    return boxes((0, 0, 100, 10), (100 * (1 - share), 0, 100, 10))


SURE = np.array([0.9, 0.8], np.float32)


@given(BOXES)
def test_overlaps_are_shares_and_alike_both_ways(several: list[tuple[float, ...]]) -> None:
    rows = Faces.of(several).boxes
    shared = overlaps(rows, rows)
    assert ((shared >= 0) & (shared <= 1 + 1e-3)).all()
    assert np.allclose(shared, shared.T, atol=1e-3)


def test_an_overlap_is_the_shared_area_over_the_area_of_both() -> None:
    first = boxes((0, 0, 10, 20), (100, 100, 4, 4))
    second = boxes((0, 0, 10, 20), (5, 10, 10, 20), (10, 0, 10, 20), (2, 25, 9, 9))
    shared = overlaps(first, second)
    assert shared.shape == (2, 4)
    # Half of each side: 50 of 200 + 200 - 50. Boxes that only touch share nothing.
    assert shared[0].tolist() == pytest.approx([1, 50 / 350, 0, 0])
    assert shared[1].tolist() == [0, 0, 0, 0]


def test_an_overlap_does_not_depend_on_where_in_the_picture_it_is() -> None:
    near, far = beside(0.5), beside(0.5) + np.float32([300, 200, 0, 0])
    assert overlaps(far[:1], far[1:]) == overlaps(near[:1], near[1:])


def test_tiny_boxes_overlap_like_large_ones() -> None:
    """Shares of the picture, 0 to 1, are boxes too."""
    small = beside(0.5) * np.float32(1e-3)
    assert overlaps(small[:1], small[1:])[0, 0] == pytest.approx(1 / 3, rel=1e-3)


def test_a_box_of_no_size_shares_nothing() -> None:
    assert overlaps(boxes((5, 5, 0, 0)), boxes((5, 5, 0, 0))).tolist() == [[0]]


def test_within_is_the_share_of_the_smaller_box() -> None:
    large, small = boxes((0, 0, 40, 40)), boxes((30, 0, 20, 10), (10, 10, 20, 20), (50, 0, 9, 9))
    expected = pytest.approx([0.5, 1, 0], abs=1e-6)
    assert within(large, small)[0].tolist() == expected
    assert within(small, large)[:, 0].tolist() == expected


def test_inside_is_a_share_of_the_first_box_and_within_of_the_smaller() -> None:
    small, large = boxes((0, 0, 10, 10)), boxes((5, 0, 20, 20))
    assert inside(small, large)[0, 0] == pytest.approx(50 / 100)
    assert inside(large, small)[0, 0] == pytest.approx(50 / 400)


def test_of_boxes_on_one_face_the_surest_stays() -> None:
    several = boxes((0, 0, 10, 10), (1, 0, 10, 10), (50, 0, 10, 10), (2, 0, 10, 10))
    assert keep_best(several, np.array([0.5, 0.9, 0.3, 0.6], np.float32)).tolist() == [1, 2]


def test_a_part_of_a_face_is_no_second_face() -> None:
    several = boxes((0, 0, 40, 40), (5, 25, 20, 12), (30, 30, 40, 40))
    assert keep_best(several, np.array([0.9, 0.8, 0.7], np.float32)).tolist() == [0, 2]


def test_a_box_of_unknown_confidence_comes_last() -> None:
    sure = np.array([np.nan, 0.1], np.float32)
    assert keep_best(beside(0.9), sure).tolist() == [1]


def test_of_equally_sure_boxes_the_first_stays() -> None:
    assert keep_best(beside(0.9), np.array([0.5, 0.5], np.float32)).tolist() == [0]


def test_no_boxes_are_none_to_keep() -> None:
    kept = keep_best(boxes(), np.zeros(0, np.float32))
    assert (kept.tolist(), kept.dtype) == ([], np.intp)


@pytest.mark.parametrize(
    ("shared", "faces"),
    # Of two equal boxes that share s of each, the overlap is s / (2 - s): 0.3 at s = 0.4615.
    [(0.45, 2), (0.47, 1)],
)
def test_found_boxes_are_one_face_from_an_overlap_of_three_tenths(
    shared: float, faces: int
) -> None:
    assert len(keep_best(beside(shared), SURE)) == faces


@pytest.mark.parametrize(("shared", "faces"), [(0.58, 2), (0.62, 1)])
def test_a_small_box_is_of_the_large_ones_face_if_six_tenths_lie_inside(
    shared: float, faces: int
) -> None:
    several = boxes((0, 0, 100, 100), (100 - 10 * shared, 0, 10, 10))
    assert len(keep_best(several, SURE)) == faces


def test_what_is_exactly_at_the_limit_is_two_faces() -> None:
    half = boxes((0, 0, 90, 10), (30, 0, 90, 10))
    assert overlaps(half[:1], half[1:]) == 0.5
    assert len(keep_best(half, SURE, same=0.5, inside=np.inf)) == 2
    part = boxes((0, 0, 90, 10), (75, 0, 30, 10))
    assert within(part[:1], part[1:]) == 0.5
    assert len(keep_best(part, SURE, same=np.inf, inside=0.5)) == 2
    followed = beside(0.4)
    assert within(followed[:1], followed[1:]) == np.float32(0.4)
    assert not doubled(followed[:1], followed[1:])


@pytest.mark.parametrize(("shared", "faces"), [(0.38, 2), (0.42, 1)])
def test_followed_faces_are_one_if_four_tenths_lie_inside(shared: float, faces: int) -> None:
    several = beside(shared)
    assert len(distinct(Faces.of(several, confidence=SURE))) == faces
    assert bool(doubled(several[:1], several[1:])[0, 0]) is (faces == 1)


def test_the_surest_of_followed_faces_stays() -> None:
    faces = Faces.of(beside(0.9), confidence=[0.2, 0.7], ids=[4, 5])
    assert distinct(faces).ids.tolist() == [5]


@pytest.mark.parametrize(
    ("box", "bad"),
    [
        ((0, 0, 30, 30), False),
        ((-10, -10, 20, 20), False),  # its middle lies on the corner
        ((-11, -9, 20, 20), True),
        ((-9, -11, 20, 20), True),
        ((90, 40, 20, 20), False),
        ((91, 40, 20, 20), True),
        ((80, 41, 20, 20), True),
        ((10, 10, 2, 2), False),
        ((10, 10, 1.9, 20), True),  # smaller than two pixels
        ((10, 10, 20, 1.9), True),
        ((-50, 0, 200, 50), False),  # twice the picture's width
        ((-50, 0, 201, 50), True),
        ((0, -25, 50, 100), False),
        ((0, -26, 50, 101), True),
        ((np.nan, 0, 10, 10), True),
        ((0, 0, np.inf, 10), True),
    ],
)
def test_which_boxes_are_out_of_a_picture_of_100_by_50(box: tuple[float, ...], bad: bool) -> None:
    assert outside(boxes(box), np.array([100, 50], np.float32)).tolist() == [bad]


def correct(now: Floats, then: Floats, found: Floats, sightings: int) -> list[float]:
    return corrected(now, then, found, np.array([sightings])).tolist()[0]


@pytest.mark.parametrize(
    ("sightings", "share"),
    # The mean of all sightings so far, and three tenths of a found box at least.
    [(0, 1), (1, 1 / 2), (2, 1 / 3), (3, 0.3), (50, 0.3)],
)
def test_a_found_box_counts_less_the_more_sightings_there_were(
    sightings: int, share: float
) -> None:
    then, found = boxes((100, 100, 40, 40)), boxes((108, 96, 44, 36))
    expected = then[0] + share * (found[0] - then[0])
    assert correct(then, then, found, sightings) == pytest.approx(expected.tolist())


def test_a_face_that_moved_and_grew_since_is_corrected_in_its_own_size() -> None:
    then, found = boxes((100, 90, 40, 40)), boxes((108, 86, 44, 36))
    now = boxes((300, 200, 80, 120))  # twice as wide and three times as high
    assert correct(now, then, found, 0) == pytest.approx([316, 188, 88, 108])


@pytest.mark.parametrize(
    ("aside", "share"),
    # At 53 % of the width beside it the overlap is 0.307, and at 55 % 0.290: it has drifted.
    [(53, 0.3), (55, 1)],
)
def test_a_box_that_drifted_from_its_face_is_replaced(aside: float, share: float) -> None:
    then, found = boxes((0, 0, 100, 100)), boxes((aside, 0, 100, 100))
    assert correct(then, then, found, 50)[0] == pytest.approx(share * aside)


def test_every_box_is_corrected_by_its_own() -> None:
    then = boxes((0, 0, 100, 100), (200, 0, 100, 100))
    found = boxes((90, 0, 100, 100), (210, 0, 100, 100))
    lefts = corrected(then, then, found, np.array([50, 50]))[:, 0]
    assert lefts.tolist() == pytest.approx([90, 203])


def test_a_box_at_the_limit_has_not_drifted() -> None:
    then, found = boxes((0, 0, 65, 10)), boxes((35, 0, 65, 10))
    assert overlaps(then, found) == np.float32(0.3)
    assert correct(then, then, found, 50)[0] == pytest.approx(0.3 * 35)
