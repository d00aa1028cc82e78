"""Doubtful boxes, and a search of their close-ups that is made up."""

from collections.abc import Callable

import numpy as np
import pytest

from fer.faces import Faces, Picture
from fer.vision.detect.second_look import CLOSE, MOST, QuickSearch, SecondLook, close_up, side_of

LOOK = SecondLook(sure=0.8, least=0.5, heights=(40, 64))
FRAME = np.zeros((200, 300, 3), np.uint8)


QUICK = QuickSearch(side=640, lowest=10, sure=0.6, refused=0.2, confirmed=0.5, most=2)


def answering(*confidences: float) -> tuple[Callable[[Picture], Faces], list[int]]:
    """A search that finds the middle of each close-up with the next of these confidences."""
    sides: list[int] = []

    def search(picture: Picture) -> Faces:
        side = picture.shape[0]
        height = {side_of(each): each for each in LOOK.heights}[side]
        confidence = confidences[len(sides) % len(confidences)]
        sides.append(side)
        left = (side - height) / 2
        return Faces.of([[left, left, height, height]], confidence=[confidence])

    return search, sides


def found(*confidences: float) -> Faces:
    boxes = [[50 + 20 * at, 50, 20, 20] for at in range(len(confidences))]
    return Faces.of(boxes, confidence=confidences)


def test_a_sure_box_is_kept_without_another_search() -> None:
    search, sides = answering(0.0)
    assert len(LOOK.confirm(FRAME, found(0.8, 0.95), search)) == 2
    assert sides == []


@pytest.mark.parametrize(("seen", "kept"), [((0.6, 0.4), 1), ((0.6, 0.3), 0), ((0.0, 0.0), 0)])
def test_the_mean_of_all_close_ups_decides(seen: tuple[float, ...], kept: int) -> None:
    search, sides = answering(*seen)
    assert len(LOOK.confirm(FRAME, found(0.79), search)) == kept
    assert sides == [side_of(40), side_of(64)]


def test_the_first_look_counts_by_the_weight_of_the_rest() -> None:
    half = SecondLook(sure=0.8, least=0.5, heights=(40,), weight=0.5)
    search, _ = answering(0.3)
    assert len(half.confirm(FRAME, found(0.75, 0.65), search)) == 1  # (0.3 + 0.75) / 2 > 0.5


def test_a_face_elsewhere_in_the_close_up_confirms_nothing() -> None:
    def search(picture: Picture) -> Faces:
        return Faces.of([[0, 0, 20, 20]], confidence=[0.9])

    assert not len(LOOK.confirm(FRAME, found(0.6), search))


def test_many_doubtful_boxes_cost_a_bounded_number_of_searches() -> None:
    search, sides = answering(0.9)
    doubtful = found(*np.linspace(0.3, 0.7, MOST + 20).tolist())
    kept = LOOK.confirm(FRAME, doubtful, search)
    assert len(sides) == MOST * len(LOOK.heights)
    assert kept.confidence.min() > doubtful.confidence[19]  # the least likely are left out


def test_a_close_up_shows_the_box_in_its_middle_at_the_wanted_height() -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[90:110, 140:160] = 255
    shown = close_up(frame, np.array([140, 90, 20, 20], np.float32), 64)
    rows, columns = np.nonzero(shown[:, :, 0] > 127)
    assert shown.shape == (side_of(64), side_of(64), 3)
    assert rows.max() - rows.min() == pytest.approx(64, abs=2)
    assert (rows.max() + rows.min()) / 2 == pytest.approx(side_of(64) / 2, abs=2)
    assert (columns.max() + columns.min()) / 2 == pytest.approx(side_of(64) / 2, abs=2)


def test_a_close_up_at_the_edge_repeats_the_last_pixels() -> None:
    frame = np.full((100, 100, 3), 77, np.uint8)
    assert (close_up(frame, np.array([-5, -5, 20, 20], np.float32), 40) == 77).all()


def test_a_quick_search_is_enough_where_every_box_is_sure_or_settled_by_a_close_up() -> None:
    assert CLOSE in LOOK.heights
    search, sides = answering(0.9, 0.1)
    kept = QUICK.faces(FRAME, found(0.6, 0.5, 0.4), 0.5, search)
    assert kept is not None
    assert kept.confidence.tolist() == pytest.approx([0.6, 0.5])
    assert len(sides) == 2


@pytest.mark.parametrize("score", [0.2, 0.49])
def test_a_box_that_stays_doubtful_asks_for_a_full_search(score: float) -> None:
    assert QUICK.faces(FRAME, found(0.9, 0.5), 0.5, answering(score)[0]) is None


def test_many_doubtful_boxes_ask_for_a_full_search_at_once() -> None:
    search, sides = answering(0.9)
    assert QUICK.faces(FRAME, found(0.5, 0.5, 0.5), 0.5, search) is None
    assert sides == []


def test_a_low_face_asks_for_a_full_search_since_others_may_be_missed() -> None:
    search, _ = answering(0.9)  # the boxes are 20 pixels high, so 10 and 9.8 in the copy
    assert QUICK.faces(FRAME, found(0.9), 0.5, search) is not None
    assert QUICK.faces(FRAME, found(0.9), 0.49, search) is None


def test_no_box_at_all_is_an_answer() -> None:
    assert QUICK.faces(FRAME, Faces.none(), 0.5, answering(0.0)[0]) is not None
