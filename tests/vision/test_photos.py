"""The photo service: limits, numbering, the copy for the screen and the download."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from fer.vision.draw import annotated
from fer.vision.media.pictures import decode
from fer.vision.photos import LARGEST, SCREEN, SMALLEST, Photo, Photos, in_rows, screen_picture
from tests.tiny_model import GREYS
from tests.vision.fakes import Network, Squares, class_picture, made_face, picture

TWO = [(40, 60, 60), (200, 60, 60)]


@pytest.fixture
def reader(tiny_model: Path) -> Analyzer:
    return Analyzer(tiny_model, detector=Squares())


def encoded(frame: np.ndarray) -> bytes:
    return cv2.imencode(".png", frame)[1].tobytes()


def seen(photo: Photo) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(photo.screen, np.uint8), cv2.IMREAD_COLOR)


def shown(frame: np.ndarray, reader: Analyzer) -> np.ndarray:
    return seen(Photos(reader).read(encoded(frame), "a.png"))


def test_faces_are_numbered_as_one_reads() -> None:
    grid = [[x, y, 40, 50] for y in (10, 110, 210) for x in (5, 105, 205, 305)]
    rng = np.random.default_rng(0)
    boxes = np.array(grid, np.float32)
    boxes[:, 1] += rng.uniform(-9, 9, len(grid)).astype(np.float32)
    order = rng.permutation(len(grid))
    faces = in_rows(Faces.of(boxes[order]))
    assert np.array_equal(faces.boxes, boxes)
    assert faces.ids.tolist() == [*range(1, len(grid) + 1)]


def test_the_words_and_crops_of_faces_are_those_of_their_numbers(reader: Analyzer) -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    words = ["sad", "angry", "neutral", "fear", "surprise", "happy"]
    for at, word in enumerate(words):  # in two rows of three, each a little askew
        made_face(frame, 20 + 130 * (at % 3), 60 + 150 * (at // 3) + 7 * (at * 5 % 3), 80, word)
    photo = Photos(reader).read(encoded(frame), "a.png")
    assert photo.faces.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert photo.faces.words() == words
    assert photo.crops[:, 12:36, 12:36].mean(axis=(1, 2)).tolist() == [
        GREYS[word] for word in words
    ]


def test_pictures_that_are_read_at_once_are_not_mixed_up(reader: Analyzer) -> None:
    photos = Photos(reader)
    files = {word: encoded(class_picture(word, "happy", word)) for word in EMOTIONS}
    with ThreadPoolExecutor(8) as pool:
        read = [*pool.map(photos.read, files.values(), files)]
    assert [photo.name for photo in read] == [*EMOTIONS]
    for photo in read:
        assert photo.faces.words() == [photo.name, "happy", photo.name]


def test_no_faces_need_no_numbers() -> None:
    assert len(in_rows(Faces.none())) == 0


@pytest.mark.parametrize("size", [(4000, 3000), (500, 5000), (5000, 20), (1, 1), (30, 60)])
def test_a_large_picture_shrinks_and_a_small_one_grows(
    size: tuple[int, int], reader: Analyzer
) -> None:
    copy = shown(np.zeros((*size, 3), np.uint8), reader)
    assert copy.shape[0] <= SCREEN[1] and copy.shape[1] <= SCREEN[0]
    assert max(copy.shape) >= min(SMALLEST, *SCREEN)


def test_crops_are_what_the_network_took() -> None:
    network = Network()
    analyzer = Analyzer(detector=Squares(), classifier=network)
    photo = Photos(analyzer).read(encoded(picture(*TWO)), "a.png")
    assert photo.crops.shape == (2, network.size, network.size)
    assert network.batches == [2]


def test_the_whole_picture_is_its_middle_square(reader: Analyzer) -> None:
    frame = picture(size=(320, 240))
    photo = Photos(reader).read(encoded(frame), "a.png", whole=True)
    assert photo.faces.boxes.tolist() == [[40, 0, 240, 240]]
    assert photo.whole
    assert photo.crops.shape[0] == 1


@pytest.mark.parametrize("shape", [(60, 80), (80, 60), (48, 48), (1, 1), (30, 500)])
def test_a_whole_picture_is_taken_as_the_network_wants_it(
    shape: tuple[int, int], reader: Analyzer
) -> None:
    frame = np.full((*shape, 3), 40, np.uint8)
    frame[:, shape[1] // 2 :] = 200
    crop = Photos(reader).read(encoded(frame), "a.png", whole=True).crops[0]
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    if min(shape) > 1:
        assert crop[:, :20].max() == 40
        assert crop[:, -20:].min() == 200


@pytest.mark.parametrize(
    "made",
    [
        np.full((50, 50), 90, np.uint8),
        np.dstack([np.full((50, 50, 3), 90), np.full((50, 50), 255)]).astype(np.uint8),
        np.full((50, 50, 3), 90 * 257, np.uint16),
    ],
    ids=["grey", "alpha", "deep"],
)
def test_any_kind_of_picture_is_taken(made: np.ndarray, reader: Analyzer) -> None:
    crop = Photos(reader).read(encoded(made), "a.png", whole=True).crops[0]
    assert abs(int(crop.mean()) - 90) <= 1


def test_what_is_no_picture_is_a_clear_error(reader: Analyzer) -> None:
    with pytest.raises(DataError, match=r"a\.png"):
        Photos(reader).read(b"", "a.png")


def test_the_chosen_face_is_set_off(reader: Analyzer) -> None:
    photo = Photos(reader).read(encoded(picture(*TWO)), "a.png")
    first, second = screen_picture(photo, 0), screen_picture(photo, 1)
    changed = np.flatnonzero((first != second).any(axis=(0, 2)))
    middle = round(photo.faces.boxes[0, 0] * photo.scale)
    assert changed.min() < middle < changed.max()


def test_one_face_has_no_number(reader: Analyzer) -> None:
    photo = Photos(reader).read(encoded(picture(TWO[0])), "a.png")
    faces = photo.faces.but(boxes=photo.faces.boxes * photo.scale)
    assert np.array_equal(screen_picture(photo, 0), annotated(seen(photo), faces, ids=False))


def test_the_annotated_picture_has_its_own_size(reader: Analyzer) -> None:
    frame = picture(*TWO, size=(2000, 1500))
    data = encoded(frame)
    photo = Photos(reader).read(data, "a.png")
    marked = decode(Photos(reader).drawn(data, "a.png", photo.faces), "marked")
    assert marked.shape == frame.shape
    inside = slice(70, 110), slice(50, 90)
    assert np.array_equal(marked[inside], frame[inside])
    blurred = decode(Photos(reader).drawn(data, "a.png", photo.faces, blur=True), "blurred")
    assert not np.array_equal(blurred[inside], frame[inside])
    assert (marked != frame).any()


def test_numbers_stay_within_the_smallest_picture() -> None:
    faces = Faces.of([[0, 0, 4, 4], [3, 3, 4, 4]], ids=[1, 2], probabilities=[[1] + [0] * 6] * 2)
    data = encoded(np.zeros((7, 7, 3), np.uint8))
    assert decode(Photos(reader).drawn(data, "a.png", faces), "marked").shape == (7, 7, 3)


class Slow:
    """A reader that counts how many pictures are read at once."""

    classifier = Network()

    def __init__(self) -> None:
        self.at_work = self.most = 0
        self.lock = threading.Lock()

    def photo(self, frame: np.ndarray) -> Faces:
        with self.lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        time.sleep(0.02)
        with self.lock:
            self.at_work -= 1
        return Faces.none()

    def read(self, frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return np.zeros((len(boxes), 7), np.float32)


def test_one_picture_is_at_work_whoever_asks() -> None:
    """Two pictures at once, from page and API, would take twice the memory."""
    reader = Slow()
    photos = Photos(reader)
    data = encoded(picture(*TWO))
    calls = [lambda: photos.read(data, "page"), lambda: photos.faces(data, "API")] * 4
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result(20)
    assert reader.most == 1


@pytest.mark.parametrize("method", ["read", "faces"])
def test_a_file_has_fifteen_megabytes_at_most(method: str, reader: Analyzer) -> None:
    assert LARGEST == 15_000_000
    small = encoded(picture(TWO[0]))
    padded = small + bytes(LARGEST - len(small))  # a PNG ends before these
    call = getattr(Photos(reader), method)
    call(padded, "a.png")
    with pytest.raises(DataError, match=r"a\.png: 15\.0 MB exceed the limit of 15 MB") as caught:
        call(padded + b"\0", "a.png")
    assert caught.value.fault == "size"
