"""The behaviour that all three detectors share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.errors import ModelError, UsageError
from fer.vision.boxes import overlaps
from fer.vision.detect import KINDS, Detector, load_detector
from fer.vision.detect.base import faces_of, reduction, shrunk
from fer.vision.detect.centerface import CenterFaceDetector
from fer.vision.detect.haar import HaarDetector
from fer.vision.detect.yunet import YuNetDetector
from tests.vision.detect.conftest import loaded
from tests.vision.detect.pictures import found, portrait, tiles


def test_every_face_of_a_gallery_is_found(detector: Detector) -> None:
    frame, truth = tiles(25)
    faces = detector.detect(frame)
    assert found(faces, truth) == len(truth)
    assert len(faces) == len(truth)
    assert ((faces.confidence > 0) & (faces.confidence <= 1)).all()


def test_the_three_draw_the_same_box() -> None:
    frame = portrait(150)
    boxes = [loaded(kind).detect(frame).boxes for kind in ("haar", "centerface", "yunet")]
    assert [len(each) for each in boxes] == [1, 1, 1]
    for other in boxes[1:]:
        assert overlaps(boxes[0], other)[0, 0] > 0.6


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_boxes_are_in_the_pictures_own_pixels(detector: Detector, scale: float) -> None:
    frame = portrait(160, (400, 300))
    other = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    once, again = detector.detect(frame), detector.detect(other)
    assert len(once) == len(again) == 1
    assert overlaps(once.boxes * scale, again.boxes)[0, 0] > 0.6


def test_a_picture_larger_than_is_searched_gives_its_own_pixels(detector: Detector) -> None:
    frame = portrait(200, (640, 480))
    small, whole = detector.detect(frame, longest=320), detector.detect(frame)
    assert overlaps(small.boxes, whole.boxes).max() > 0.6


def test_who_asks_for_large_faces_gets_no_small_ones(detector: Detector) -> None:
    frame, _ = tiles(49)
    frame[:, 640:] = portrait(300, (640, 720))
    faces = detector.detect(frame, smallest=250)
    assert (faces.boxes[:, 3] > 200).sum() == 1
    assert len(faces) < 10 < len(detector.detect(frame))


def test_a_look_finds_known_faces_again_where_they_have_gone(detector: Detector) -> None:
    frame, truth = tiles(9)
    known = detector.detect(frame).boxes
    moved = np.roll(frame, (8, -12), axis=(0, 1))
    again = detector.redetect(moved, known)
    assert len(again) == len(truth)
    assert (
        overlaps(again.boxes, known + np.array([-12, 8, 0, 0], np.float32)).max(axis=1).min() > 0.6
    )
    assert len(detector.redetect(np.zeros_like(frame), known)) == 0
    assert len(detector.redetect(frame, known[:0])) == 0


def test_landmarks_lie_within_the_face(detector: Detector) -> None:
    faces = detector.detect(portrait(180))
    assert len(faces) == 1
    if detector.name == "haar":
        assert np.isnan(faces.landmarks).all()
        return
    left, top, right, bottom = faces.corners[0]
    eye, other, nose, mouth, mouth_too = faces.landmarks[0]
    assert left < eye[0] < nose[0] < other[0] < right
    assert top < eye[1] < nose[1] < mouth[1] < bottom
    assert mouth[0] < mouth_too[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (17, 3), (2, 2), (64, 64)])
@pytest.mark.parametrize("colour", [True, False])
def test_pictures_of_any_shape_are_searched(
    detector: Detector, shape: tuple[int, int], colour: bool
) -> None:
    frame = np.full((*shape, 3) if colour else shape, 127, np.uint8)
    assert len(detector.detect(frame)) == 0
    assert len(detector.detect(frame, smallest=30, longest=2560)) == 0


def test_the_picture_is_left_as_it_is(detector: Detector) -> None:
    frame = portrait(100)
    before = frame.copy()
    frame.flags.writeable = False
    detector.detect(frame)
    assert np.array_equal(frame, before)


def test_several_threads_may_ask_at_once(detector: Detector) -> None:
    frames = [portrait(height) for height in (80, 120, 160, 200)]
    alone = [detector.detect(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, frames * 2))
    assert together == alone * 2


def test_a_large_photo_is_searched_in_bands_without_losing_or_doubling_a_face() -> None:
    detector = loaded("centerface")
    frame, truth = tiles(25)
    whole, banded = detector.detect(frame), detector.detect(frame, longest=1920)
    assert len(banded) == len(whole) == len(truth)
    assert found(banded, whole.boxes, 0.6) == len(whole)
    # Faces of every height, also where one band ends and the next begins.
    large = np.vstack([portrait(height, (1600, 420)) for height in (40, 100, 220, 400)])
    assert len(detector.detect(large, longest=2560)) == 4


def test_auto_takes_the_best_that_is_here(tmp_path: Path) -> None:
    names = {kind: load_detector(kind).name for kind in ("auto", "haar")}
    assert names["haar"] == "haar"
    assert names["auto"] in KINDS


@pytest.mark.parametrize(
    ("kind", "fault", "expected"),
    [
        (
            "magic",
            UsageError,
            "no detector is called 'magic'; choose one of auto, haar, centerface, yunet",
        )
    ],
)
def test_an_unknown_detector_is_one_line(kind: str, fault: type[Exception], expected: str) -> None:
    with pytest.raises(fault, match=expected):
        load_detector(kind)


def test_yunet_without_its_file_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="python -m fer models fetch"):
        load_detector("yunet", tmp_path)


@pytest.mark.parametrize("kind", [CenterFaceDetector, YuNetDetector])
@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x04" * 50])
def test_a_file_that_is_no_network_is_one_line(kind: type, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"net\.onnx: not"):
        kind(path)


def test_a_missing_cascade_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a Haar cascade"):
        HaarDetector(tmp_path)
    (tmp_path / "haarcascade_frontalface_default.xml").write_text("<no/>")
    with pytest.raises(ModelError, match="not a Haar cascade"):
        HaarDetector(tmp_path)


def test_boxes_that_are_none_are_dropped() -> None:
    faces = faces_of([[0, 0, 5, 5], [0, 0, 0, 5], [np.nan, 0, 5, 5]], [0.1, 0.2, 0.3])
    assert faces.confidence.tolist() == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("shape", "smallest", "longest", "scale"),
    [
        ((720, 1280), 0, 1280, 1),
        ((1080, 1920), 0, 1280, 1280 / 1920),
        ((720, 1280), 100, 1280, 24 / 100),
        ((720, 1280), 10, 1280, 1),  # never enlarged
        ((1080, 1920), 30, 960, 960 / 1920),
    ],
)
def test_a_picture_shrinks_as_far_as_the_faces_asked_for_allow(
    shape: tuple[int, int], smallest: float, longest: int, scale: float
) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    assert reduction(frame, 24, smallest, longest) == pytest.approx(scale)
    small, factors = shrunk(frame, scale)
    assert small.shape[:2] == tuple(round(side * scale) for side in shape)
    assert factors == pytest.approx([scale, scale], rel=0.01)
