"""Which faces are read: rules on made faces and crops."""

import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from fer.vision.readable import FURTHEST_ROLL, FURTHEST_YAW, LOWEST, readable
from tests.vision.fakes import HAPPY, Network, Squares, picture

# Five points of a head in millimetres: to the right, down, and away from the camera.
HEAD = np.array([[-32, -35, 28], [32, -35, 28], [0, 0, 0], [-25, 32, 22], [25, 32, 22]])


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0, height: float = 60) -> Faces:
    """A face whose landmarks are those of a head turned by these degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    right = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    clockwise = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = HEAD @ (clockwise @ right @ up).T
    return Faces.of([[0, 0, height, height]], landmarks=[points[:, :2] + 30])


def crop(side: int = 48, contrast: float = 1.0, mean: float = 128) -> np.ndarray:
    """A crop of noise: shrunk to `side` and back, with less contrast, at this mean."""
    noise = np.random.default_rng(1).normal(0, 50, (48, 48)).astype(np.float32)
    small = cv2.resize(noise, (side, side), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR)
    back *= 50 * contrast / back.std()
    return np.clip(back + mean, 0, 255).round().astype(np.uint8)[None]


@pytest.mark.parametrize("angle", [-40, -15, 0, 15, 40])
@pytest.mark.parametrize("axis", ["yaw", "pitch", "roll"])
def test_the_direction_of_a_usual_head_is_found(axis: str, angle: float) -> None:
    expected = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0} | {axis: angle}
    found = turned(**{axis: angle}).directions[0]
    assert found.tolist() == pytest.approx([*expected.values()], abs=0.5)


def test_the_record_tells_the_direction_in_whole_degrees() -> None:
    assert turned(yaw=20).to_records()[0]["head"] == {"yaw": 20, "pitch": 0, "roll": 0}
    assert "head" not in Faces.of([[0, 0, 60, 60]]).to_records()[0]


def test_a_clear_face_is_readable() -> None:
    assert readable(turned(), crop()).all()


@pytest.mark.parametrize(("height", "expected"), [(LOWEST, True), (LOWEST - 1, False)])
def test_a_low_face_is_not(height: float, expected: bool) -> None:
    assert readable(turned(height=height), crop()).tolist() == [expected]


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("axis", "furthest"), [("yaw", FURTHEST_YAW), ("roll", FURTHEST_ROLL)])
def test_a_head_turned_too_far_is_not(axis: str, furthest: float, sign: int) -> None:
    assert readable(turned(**{axis: sign * (furthest - 2)}), crop()).all()
    assert not readable(turned(**{axis: sign * (furthest + 2)}), crop()).any()


def test_a_face_without_landmarks_may_be_readable() -> None:
    assert readable(Faces.of([[0, 0, 60, 60]]), crop()).all()


def test_neither_blurred_nor_dim_nor_over_exposed_faces_are() -> None:
    assert readable(turned(), crop(24)).all()
    assert not readable(turned(), crop(5)).any()
    assert readable(turned(), crop(contrast=0.3)).all()
    assert not readable(turned(), crop(contrast=0.1)).any()
    assert not readable(turned(), crop(contrast=0.4, mean=240)).any()


def test_what_cannot_be_read_gets_no_answer_and_the_rest_its_own() -> None:
    frame = picture((10, 10, 80), (120, 10, 80))
    frame[10:90, 10:90] = 120  # no contrast
    network = Network()
    faces = Analyzer(detector=Squares(), classifier=network).photo(frame)
    left, right = faces.boxes[:, 0].argsort()
    assert faces.readable[[left, right]].tolist() == [False, True]
    assert np.isnan(faces.probabilities[left]).all()
    assert faces.probabilities[right, HAPPY] > 0.5
    assert network.batches == [1]
    record = faces.to_records()[left]
    assert (record["readable"], record["emotions"]) == (False, {})
    assert faces.words()[right] == EMOTIONS[HAPPY]
