import cv2
import numpy as np
import pytest

from fer.training.shifts import BLUR, SHIFTS
from fer.vision.classifier import Crops
from tests.training.faces import drawings

FACES = drawings(8).faces


def changed(name: str, faces: Crops = FACES) -> Crops:
    return SHIFTS[name].change(faces)


def sharpness(faces: Crops) -> float:
    return float(np.mean([cv2.Laplacian(face, cv2.CV_64F).var() for face in faces]))


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_keeps_shape_and_type_and_always_gives_the_same(name: str) -> None:
    before = FACES.copy()
    out = changed(name)
    assert out.shape == FACES.shape
    assert out.dtype == np.uint8
    assert np.array_equal(out, changed(name))
    assert np.array_equal(FACES, before)
    assert np.array_equal(out, FACES) is (name == "none")


def test_the_smaller_the_face_the_less_detail_is_left() -> None:
    left = [sharpness(changed(name)) for name in ("none", "small_32", "small_24", "small_16")]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 4


def test_a_blur_spreads_a_point() -> None:
    point = np.zeros((1, 48, 48), np.uint8)
    point[0, 24, 24] = 255
    peak = float(changed("blurred", point).max())
    assert peak == pytest.approx(255 / (2 * np.pi * BLUR**2), rel=0.1)


def test_light_is_taken_away_and_added_until_white() -> None:
    grey = np.array([[[0, 100, 200]]], np.uint8)
    assert changed("darkened", grey).tolist() == [[[0, 30, 60]]]
    assert changed("overexposed", grey).tolist() == [[[0, 200, 255]]]


def test_half_of_the_faces_turn_each_way() -> None:
    bar = np.zeros((2, 48, 48), np.uint8)
    bar[:, 23:25, :] = 255
    angles = []
    for face in changed("rotated_15", bar):
        y, x = np.nonzero(face[8:40, 8:40] > 128)
        angles.append(np.rad2deg(np.arctan(np.polyfit(x, y, 1)[0])))
    assert angles == pytest.approx([-15, 15], abs=1)  # rows count downwards


def test_a_face_moves_to_each_side_in_turn() -> None:
    dot = np.zeros((4, 50, 50), np.uint8)
    dot[:, 25, 25] = 255
    places = [np.argwhere(face == 255)[0].tolist() for face in changed("shifted_10", dot)]
    assert places == [[25, 30], [25, 20], [30, 25], [20, 25]]


def test_mirrored_twice_is_as_before() -> None:
    assert np.array_equal(changed("mirrored", changed("mirrored")), FACES)
