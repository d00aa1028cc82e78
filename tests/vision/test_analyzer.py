from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fer import Analyzer, Faces
from fer.emotions import EMOTIONS
from fer.errors import ModelError, UsageError
from fer.vision.analyzer import BATCH, PHOTO_LONGEST
from tests.vision.fakes import Network, Squares, class_picture, made_face, picture


def analyzer(detector: Squares | None = None, network: Network | None = None) -> Analyzer:
    return Analyzer(detector=detector or Squares(), classifier=network or Network())


def test_a_photo_is_searched_thoroughly_and_every_face_read() -> None:
    detector, network = Squares(), Network()
    faces = analyzer(detector, network).photo(picture((20, 30, 40), (150, 60, 90)))
    assert faces.boxes.tolist() == [[20, 30, 40, 40], [150, 60, 90, 90]]
    assert faces.words() == ["happy", "happy"]
    assert faces.to_records()[0]["emotions"]["happy"] == pytest.approx(0.88)
    assert detector.asked == [(0, PHOTO_LONGEST)]
    assert network.batches == [2]


def test_a_photo_without_faces_is_no_error() -> None:
    network = Network()
    faces = analyzer(network=network).photo(picture())
    assert faces == Faces.none().but(probabilities=np.zeros((0, 7)))
    assert network.batches == []


def test_many_faces_are_read_in_batches_that_bound_the_memory() -> None:
    network = Network()
    squares = [(10 + 30 * (at % 10), 10 + 30 * (at // 10), 20) for at in range(BATCH + 3)]
    faces = analyzer(network=network).photo(picture(*squares))
    assert len(faces) == BATCH + 3
    assert faces.known.all()
    assert network.batches == [BATCH, 3]


def test_each_of_many_faces_has_its_own_reading(tiny_model: Path) -> None:
    """Also across the batches that they are read in."""
    frame = np.zeros((400, 400, 3), np.uint8)
    places = [(10 + 30 * (at % 10), 10 + 30 * (at // 10), 20) for at in range(BATCH + 3)]
    expected = {}
    for at, (left, top, side) in enumerate(places):
        word = EMOTIONS[at * 3 % len(EMOTIONS)]
        made_face(frame, left, top, side, word)
        expected[left, top] = word
    faces = Analyzer(tiny_model, detector=Squares()).photo(frame)
    corners = [(left, top) for left, top, *_ in faces.boxes.astype(int).tolist()]
    assert dict(zip(corners, faces.words(), strict=True)) == expected


class Recorded:
    """Return a video of one square that moves a pixel per frame."""

    def __init__(self, frames: int, duration: float | None) -> None:
        self.frames, self.duration = frames, duration

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        for at in range(self.frames):
            yield at / 10, picture((20 + at, 30, 60))


def test_a_video_gives_every_frame_in_order_with_progress() -> None:
    steps = list(analyzer().video(Recorded(30, duration=3.0)))
    assert [step.time for step in steps] == [at / 10 for at in range(30)]
    assert [step.progress for step in steps] == pytest.approx([at / 30 for at in range(30)])
    for at, step in enumerate(steps):
        assert step.faces.ids.tolist() == [0]
        assert step.faces.boxes[0] == pytest.approx([20 + at, 30, 60, 60], abs=3)
        assert step.faces.words() == ["happy"]


def test_in_a_video_everybody_keeps_their_own_reading(tiny_model: Path) -> None:
    """Two faces that move, and from the twentieth frame on a third one to their left."""
    known = class_picture("sad", "surprise", side=80)
    frames = []
    for at in range(60):
        frame = np.zeros((300, 500, 3), np.uint8)
        right = 100 + at // 4
        frame[20 : 20 + known.shape[0], right : right + known.shape[1]] = known
        if at >= 20:
            made_face(frame, 10, 50, 60, "angry")
        frames.append((at / 10, frame))
    steps = list(Analyzer(tiny_model, detector=Squares()).video(frames))
    told = [dict(zip(one.faces.ids.tolist(), one.faces.words(), strict=True)) for one in steps]
    assert {tuple(sorted(one.items())) for one in told[:20]} == {((0, "sad"), (1, "surprise"))}
    assert told[-1] == {0: "sad", 1: "surprise", 2: "angry"}
    lefts = dict(zip(steps[-1].faces.ids.tolist(), steps[-1].faces.boxes[:, 0], strict=True))
    assert lefts[2] < 20 < lefts[0] < lefts[1]


def test_a_video_of_unknown_length_has_no_progress() -> None:
    steps = list(analyzer().video(Recorded(3, duration=None)))
    assert [step.progress for step in steps] == [None] * 3
    assert list(analyzer().video([])) == []


def test_a_video_is_read_alike_every_time() -> None:
    runs = [[step.faces for step in analyzer().video(Recorded(25, 2.5))] for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("reader", ["photo", "video"])
def test_nothing_is_loaded_before_the_first_picture(reader: str, tmp_path: Path) -> None:
    empty = Analyzer(tmp_path, detector=Squares())
    with pytest.raises(ModelError, match="not a model description"):
        getattr(empty, reader)(picture()) if reader == "photo" else next(
            empty.video([(0, picture())])
        )


def test_an_unknown_detector_is_told_when_it_is_needed(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="no detector is called"):
        Analyzer(tiny_model, detector="magic").load()


def test_several_threads_share_one_analyzer() -> None:
    shared = analyzer()
    frames = [picture((10 * at, 20, 40)) for at in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        boxes = [faces.boxes[0, 0] for faces in pool.map(shared.photo, frames)]
    assert boxes == [10 * at for at in range(1, 9)]


def test_the_shipped_parts_work_together() -> None:
    from fer.bench.feed import gallery

    faces = Analyzer(detector="haar").photo(gallery(1))
    assert len(faces) == 1
    assert faces.words() == ["happy"]  # NASA's portrait smiles
