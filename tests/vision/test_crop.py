import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.vision.crop import DOWN, SIDE, SIZE, crops, fitted, squares

FRAME = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
BOXES = st.lists(
    st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.floats(0.5, 400), st.floats(0.5, 400)),
    max_size=4,
)


@given(BOXES)
def test_any_box_gives_a_crop_within_the_pictures_own_range(
    boxes: list[tuple[float, ...]],
) -> None:
    grey = cv2.cvtColor(FRAME, cv2.COLOR_BGR2GRAY)
    made = crops(FRAME, np.array(boxes, np.float32).reshape(-1, 4))
    assert made.shape == (len(boxes), SIZE, SIZE)
    assert made.dtype == np.uint8
    if len(boxes):
        assert grey.min() <= made.min()
        assert made.max() <= grey.max()


@given(st.floats(1, 300), st.floats(1, 300), st.floats(2, 200), st.floats(2, 200))
def test_the_square_has_the_faces_height_and_middle(
    left: float, top: float, width: float, height: float
) -> None:
    ((x, y, side),) = squares(np.array([[left, top, width, height]], np.float32))
    assert abs(side - SIDE * height) <= 0.5 + 1e-3
    assert abs(x + side / 2 - (left + width / 2)) <= 1
    assert abs(y + side / 2 - (top + height * (0.5 + DOWN))) <= 1


def test_beyond_the_edge_the_last_pixels_go_on() -> None:
    ramp = np.tile(np.arange(100, dtype=np.uint8), (100, 1))
    (crop,) = crops(ramp, np.array([[-50, 20, 60, 60]], np.float32))
    assert (crop[:, 0] == 0).all()  # left of the picture: its first column
    assert (np.diff(crop.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize("colour", [True, False])
def test_grey_and_colour_pictures_are_cut_alike(colour: bool) -> None:
    grey = cv2.cvtColor(FRAME, cv2.COLOR_BGR2GRAY)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) if colour else grey
    box = np.array([[20, 10, 40, 60]], np.float32)
    assert np.abs(crops(picture, box).astype(int) - crops(grey, box)).max() <= 1


def test_a_face_of_the_networks_size_is_left_as_it_is() -> None:
    face = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE), np.uint8)
    assert np.array_equal(fitted(face), face)


def test_a_large_face_is_averaged() -> None:
    face = np.random.default_rng(2).integers(0, 256, (4 * SIZE, 4 * SIZE), np.uint8)
    means = face.reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3))
    assert np.abs(fitted(face) - means).max() <= 1


def test_each_box_is_cut_for_itself() -> None:
    boxes = np.array([[5, 5, 30, 40], [60, 30, 20, 30]], np.float32)
    both = crops(FRAME, boxes)
    for at in range(2):
        assert np.array_equal(both[at], crops(FRAME, boxes[at : at + 1])[0])
