"""Searching in tiles, with a detector that finds white rectangles."""

import cv2
import numpy as np
import pytest

from fer.faces import Faces, Floats
from fer.vision.boxes import overlaps
from fer.vision.detect import LONGEST
from fer.vision.detect.base import Picture, ReducedRedetection
from fer.vision.detect.tiles import SIDE, TILING, SmallSearch

SMALL = TILING.shared - 10  # pixels high: whole in one of two parts


class Whites(ReducedRedetection):
    """Finds white rectangles, cut or not, and records the sizes of the pictures it gets."""

    name = "whites"

    def __init__(self) -> None:
        self.given: list[tuple[int, int]] = []

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        self.given.append(frame.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (frame[..., 0] > 127).astype(np.uint8)
        )
        boxes = stats[1:count, :4].astype(np.float32)
        return Faces.of(
            boxes,
            confidence=np.full(len(boxes), 0.9),
            landmarks=np.repeat(boxes[:, None, :2], 5, axis=1),
        )


def picture(boxes: list[list[int]], size: tuple[int, int] = (SIDE, 540)) -> Picture:
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, width, height in boxes:
        frame[top : top + height, left : left + width] = 255
    return frame


def same(found: Faces, boxes: list[list[int]], close: float = 0.9) -> bool:
    """Return whether each of the boxes is found once, and nothing else."""
    shared = overlaps(np.float32(boxes), found.boxes)
    return len(found) == len(boxes) and bool((shared.max(axis=1) > close).all())


@pytest.mark.parametrize("top", range(0, 540 - SMALL, 37))
def test_a_small_face_is_found_once_wherever_it_is(top: int) -> None:
    boxes = [[left, top, SMALL, SMALL] for left in range(top % 43, SIDE - SMALL, 97)]
    found = SmallSearch(Whites()).detect(picture(boxes))
    assert same(found, boxes)
    assert np.allclose(found.landmarks[:, 0], found.boxes[:, :2], atol=1)


@pytest.mark.parametrize("height", [60, TILING.height - 20, TILING.height + 40, 400])
def test_a_face_higher_than_a_part_is_found_in_a_smaller_picture(height: int) -> None:
    boxes = [[200, 70, height, height]]
    assert same(SmallSearch(Whites()).detect(picture(boxes)), boxes, close=0.85)


def test_never_more_than_a_part_is_searched_at_once() -> None:
    detector = Whites()
    SmallSearch(detector).detect(picture([], (1920, 1080)))
    assert len(detector.given) > 1
    assert max(height for height, _ in detector.given) <= TILING.height
    assert max(width for _, width in detector.given) <= TILING.width


def test_a_larger_picture_is_made_smaller_and_boxes_are_told_in_its_own_pixels() -> None:
    boxes = [[400, 300, 80, 80], [1500, 900, 60, 70]]
    assert same(SmallSearch(Whites()).detect(picture(boxes, (1920, 1080))), boxes, close=0.85)


def test_where_faces_are_known_to_be_large_less_is_searched() -> None:
    boxes, whole, again = [[300, 100, 200, 240]], Whites(), Whites()
    known = SmallSearch(whole).detect(picture(boxes))
    found = SmallSearch(again).redetect(picture(boxes), known.boxes)
    assert same(found, boxes, close=0.8)

    def work(done: Whites) -> int:
        return sum(height * width for height, width in done.given)

    assert work(again) < work(whole) / 4


def test_a_detector_with_a_look_of_its_own_keeps_it() -> None:
    class Looking:
        name, full_every = "looking", 2

        def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
            raise AssertionError

        def redetect(self, frame: Picture, known: Floats) -> Faces:
            return Faces.of(known)

    search = SmallSearch(Looking())
    assert search.full_every == Looking.full_every
    assert search.redetect(picture([]), np.float32([[1, 2, 3, 4]])).boxes.tolist() == [[1, 2, 3, 4]]


def test_nothing_is_found_in_nothing() -> None:
    assert len(SmallSearch(Whites()).detect(picture([]))) == 0
