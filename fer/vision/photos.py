"""The photo service: read the faces in the bytes of a picture file.

The page and the API share the process's `Photos` and its limits. One picture is read at a time,
as the largest takes about 300 MB meanwhile and lessons run in the same process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np

from fer.errors import DataError
from fer.faces import Faces, Floats, Picture
from fer.vision.classifier import Classifier
from fer.vision.crop import crops
from fer.vision.draw import DARK, TEXT_SIZES, draw, plate
from fer.vision.media.box import PHOTO
from fer.vision.media.decoder import Decoder, OwnDecoder
from fer.vision.media.pictures import png

LARGEST: Final = 15_000_000  # bytes of a file
AT_ONCE: Final = PHOTO.at_once  # pictures read at once in a process
SCREEN: Final = (1600, 900)  # the largest width and height of the copy for the screen
SMALLEST: Final = 480  # pixels: a smaller picture is enlarged to this, so that labels fit on it
QUALITY: Final = 92  # of the copy, a JPEG
ROW: Final = 0.7  # heights of a face: a face lower than that begins a new row
CHOSEN: Final = (255, 255, 255)  # the colour of the frame around the chosen face
GAP: Final = 4  # pixels between a face's box and its number


class PhotoReader(Protocol):
    """Detects and reads faces: `vision.analyzer.Analyzer`, or a test's fake."""

    def photo(self, frame: Picture) -> Faces: ...
    def read(self, frame: Picture, boxes: Floats) -> Floats: ...
    @property
    def classifier(self) -> Classifier: ...


@dataclass(frozen=True, eq=False)
class Photo:
    """The faces of one picture, and reduced copies; it does not keep the picture itself."""

    name: str
    faces: Faces  # in the picture's own pixels, numbered from 1 in reading order
    size: tuple[int, int]  # width and height
    crops: Picture  # (n, size, size): the faces as the network's input
    screen: bytes  # a copy that fits the screen, as JPEG
    scale: float  # the copy's size over the picture's
    whole: bool = False  # whether its middle square was read as one face


class Photos:
    """Reads pictures, at most `at_once` at a time. Safe to call from several threads."""

    def __init__(
        self, reader: PhotoReader, decoder: Decoder | None = None, at_once: int = AT_ONCE
    ) -> None:
        self.reader, self._decoder = reader, decoder or OwnDecoder()
        self._places = threading.BoundedSemaphore(at_once)

    def faces(self, data: bytes, name: str) -> tuple[Faces, tuple[int, int]]:
        """Return the faces of a file, and its width and height."""
        _check_size(data, name)
        with self._places, self._decoder.photo(data, name) as frame:
            return self.reader.photo(frame), (frame.shape[1], frame.shape[0])

    def read(self, data: bytes, name: str, *, whole: bool = False) -> Photo:
        """Read a file's faces, or with `whole` its middle square as one face.

        Raises DataError if the file is too large or cannot be read as a picture.
        """
        _check_size(data, name)
        with self._places, self._decoder.photo(data, name) as frame:
            faces = self._middle(frame) if whole else in_rows(self.reader.photo(frame))
            screen, scale = _screen_copy(frame)
            found = crops(frame, faces.boxes, self.reader.classifier.size)
            size = (frame.shape[1], frame.shape[0])
            return Photo(name, faces, size, found, screen, scale, whole)

    def drawn(self, data: bytes, name: str, faces: Faces, *, blur: bool = False) -> bytes:
        """Return a file's picture in its own size with the faces drawn on it, as PNG."""
        with self._places, self._decoder.photo(data, name) as frame:
            draw_numbered(frame, faces, blur=blur)
            return png(frame, name)

    def _middle(self, frame: Picture) -> Faces:
        """Return the picture's middle square as its only face."""
        height, width = frame.shape[:2]
        side = min(height, width)
        box = np.array([[(width - side) // 2, (height - side) // 2, side, side]], np.float32)
        return Faces.of(box, probabilities=self.reader.read(frame, box), ids=[1])


def in_rows(faces: Faces) -> Faces:
    """Return the faces in reading order, numbered from 1."""
    rows: list[list[int]] = []
    top = -np.inf
    middles = faces.boxes[:, 1] + faces.boxes[:, 3] / 2
    for at in middles.argsort(kind="stable").tolist():
        if not rows or middles[at] - top > ROW * faces.boxes[at, 3]:
            rows.append([])
            top = middles[at]
        rows[-1].append(at)
    order = [at for row in rows for at in sorted(row, key=lambda at: float(faces.boxes[at, 0]))]
    return faces[np.array(order, np.intp)].but(ids=range(1, len(faces) + 1))


def screen_picture(photo: Photo, chosen: int, *, blur: bool = False) -> Picture:
    """Return the copy for the screen with its faces drawn, the chosen one with a double frame."""
    frame = np.asarray(cv2.imdecode(np.frombuffer(photo.screen, np.uint8), cv2.IMREAD_COLOR))
    faces = photo.faces.but(boxes=photo.faces.boxes * photo.scale)
    draw_numbered(frame, faces, blur=blur)
    if len(faces) > 1:
        left, top, right, bottom = np.rint(faces.corners[chosen]).astype(int).tolist()
        for out, ink in ((4, CHOSEN), (5, CHOSEN), (6, CHOSEN), (7, DARK)):
            cv2.rectangle(frame, (left - out, top - out), (right + out, bottom + out), ink)
    return frame


def draw_numbered(frame: Picture, faces: Faces, *, blur: bool = False) -> None:
    """Draw boxes and labels onto `frame`, and a number beside each of several faces."""
    draw(frame, faces, ids=False, blur=blur)
    if len(faces) < 2:
        return
    height, width = frame.shape[:2]
    for number, box in zip(faces.ids.tolist(), faces.boxes.tolist(), strict=True):
        size = TEXT_SIZES[max(0, TEXT_SIZES.searchsorted(0.25 * box[2], side="right") - 1)]
        piece = plate(str(number), int(size))
        high, wide = min(piece.shape[0], height), min(piece.shape[1], width)
        # Left of the face, since labels stand above or below it.
        top = min(max(round(box[1] + box[3]) - high, 0), height - high)
        left = min(max(round(box[0]) - wide - GAP, 0), width - wide)
        frame[top : top + high, left : left + wide] = piece[:high, :wide]


def _screen_copy(frame: Picture) -> tuple[bytes, float]:
    height, width = frame.shape[:2]
    scale = min(SCREEN[0] / width, SCREEN[1] / height, max(1, SMALLEST / max(height, width)))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    copy = cv2.resize(frame, size, interpolation=method)
    encoded = cv2.imencode(".jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return encoded.tobytes(), scale


def _check_size(data: bytes, name: str) -> None:
    if len(data) > LARGEST:
        raise DataError(
            f"{name}: {len(data) / 1e6:.1f} MB exceed the limit of {LARGEST / 1e6:g} MB; "
            "make the picture smaller first",
            "size",
        )
