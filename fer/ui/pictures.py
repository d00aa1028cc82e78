"""A picture that a visitor brought: read once, then shown, explained and handed out again.

What is kept of it is small: its numbers, the faces as the network took them, and a copy that fits
the screen.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from fer.errors import DataError
from fer.faces import Faces, Floats
from fer.tables import FACE, csv_text, face_rows
from fer.ui.text import say
from fer.vision.classifier import Classifier
from fer.vision.crop import crops
from fer.vision.draw import DARK, TEXT_SIZES, draw, plate
from fer.vision.media.pictures import MOST_PIXELS, decode_picture

Frame = npt.NDArray[np.uint8]  # BGR

LARGEST_MB: Final = 15
SCREEN: Final = (1600, 900)  # what a shown copy fits into
SMALLEST: Final = 480  # so far a small picture is enlarged, as words don't fit on it otherwise
ROW: Final = 0.7  # in heights of a face: what lies lower than that begins a new row
CHOSEN: Final = (255, 255, 255)
GAP: Final = 4  # pixels between a face's box and its number
# The largest photo takes 300 MB while it is read, and lessons run beside it.
ONE_AT_A_TIME: Final = threading.Lock()


class Reader(Protocol):
    """What finds and reads the faces: `fer.vision.analyzer.Analyzer`."""

    def photo(self, frame: Frame) -> Faces: ...
    def read(self, frame: Frame, boxes: Floats) -> Floats: ...
    @property
    def classifier(self) -> Classifier: ...


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture, read."""

    name: str
    faces: Faces  # in its own pixels; their ids are their numbers, from 1
    crops: Frame  # (n, size, size): the faces as the network took them
    screen: bytes  # the copy to show, a JPEG
    scale: float  # that copy's size over the picture's
    whole: bool = False  # its middle was taken as one face


def read_photo(name: str, data: bytes, reader: Reader, *, whole: bool = False) -> Photo:
    """Finds and reads the faces of a file, or reads its middle square as one."""
    with ONE_AT_A_TIME:
        frame = decode_picture(data, name)
        faces = middle(frame, reader) if whole else in_rows(reader.photo(frame))
        height, width = frame.shape[:2]
        scale = min(SCREEN[0] / width, SCREEN[1] / height, max(1, SMALLEST / max(height, width)))
        size = max(1, round(scale * width)), max(1, round(scale * height))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        copy = cv2.resize(frame, size, interpolation=way)
        return Photo(
            name,
            faces,
            crops(frame, faces.boxes, reader.classifier.size),
            cv2.imencode(".jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes(),
            scale,
            whole,
        )


def middle(frame: Frame, reader: Reader) -> Faces:
    """The picture's middle square as its one face."""
    height, width = frame.shape[:2]
    side = min(height, width)
    box = np.array([[(width - side) // 2, (height - side) // 2, side, side]], np.float32)
    return Faces.of(box, probabilities=reader.read(frame, box), ids=[1])


def in_rows(faces: Faces) -> Faces:
    """The faces in the order in which one reads, numbered from 1."""
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


def fault_of(name: str, data: bytes, fault: DataError) -> str:
    """Why a file can't be read, in the reader's language."""
    if not data:
        return say("photo.fault.empty", name=name)
    if fault.fault == "heic":
        return say("photo.fault.heic", name=name)
    if fault.fault == "pixels":
        return say("photo.fault.pixels", name=name, most=f"{MOST_PIXELS / 1e6:.0f}")
    return say("photo.fault.unreadable", name=name)


def for_screen(photo: Photo, chosen: int, *, blur: bool = False) -> Frame:
    """The copy to show, with the chosen face's box set off."""
    frame = np.asarray(cv2.imdecode(np.frombuffer(photo.screen, np.uint8), cv2.IMREAD_COLOR))
    faces = photo.faces.but(boxes=photo.faces.boxes * photo.scale)
    mark(frame, faces, blur=blur)
    if len(faces) > 1:
        left, top, right, bottom = np.rint(faces.corners[chosen]).astype(int).tolist()
        for out, ink in ((4, CHOSEN), (5, CHOSEN), (6, CHOSEN), (7, DARK)):
            cv2.rectangle(frame, (left - out, top - out), (right + out, bottom + out), ink)
    return frame


def png_of(name: str, data: bytes, faces: Faces, *, blur: bool = False) -> bytes:
    """The picture in its own size with the faces drawn on it."""
    with ONE_AT_A_TIME:
        frame = decode_picture(data, name)
        mark(frame, faces, blur=blur)
        return cv2.imencode(".png", frame)[1].tobytes()


def mark(frame: Frame, faces: Faces, *, blur: bool = False) -> None:
    """Boxes and words; each of several faces has its number beside it, in a crowd too."""
    draw(frame, faces, ids=False, blur=blur)
    if len(faces) < 2:
        return
    height, width = frame.shape[:2]
    for number, box in zip(faces.ids.tolist(), faces.boxes.tolist(), strict=True):
        size = TEXT_SIZES[max(0, TEXT_SIZES.searchsorted(0.25 * box[2], side="right") - 1)]
        piece = plate(str(number), int(size))
        high, wide = min(piece.shape[0], height), min(piece.shape[1], width)
        # Left of the face, as words stand above or below it.
        top = min(max(round(box[1] + box[3]) - high, 0), height - high)
        left = min(max(round(box[0]) - wide - GAP, 0), width - wide)
        frame[top : top + high, left : left + wide] = piece[:high, :wide]


def csv_of(photos: Sequence[Photo]) -> str:
    """A row a face."""
    rows = (row for photo in photos for row in face_rows(photo.name, photo.faces))
    return csv_text(("file", *FACE), rows)


def json_of(photos: Sequence[Photo], faults: Sequence[tuple[str, str]]) -> str:
    """An entry a file, as `python -m fer photo --json` gives them."""
    entries: list[dict[str, Any]] = [
        {"file": photo.name, "faces": photo.faces.to_records()} for photo in photos
    ]
    entries += [{"file": name, "error": fault} for name, fault in faults]
    return json.dumps(entries, indent=1, ensure_ascii=False)
