"""Pictures with faces: the project's NASA portrait, alone and laid out as a class."""

import cv2
import numpy as np

from fer.bench.feed import FACE, gallery
from fer.faces import Faces, Floats
from fer.vision.boxes import overlaps

BACK = 150  # grey behind a face


def portrait(height: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """Return a picture with one face of about that height in the middle."""
    face = cv2.imread(str(FACE))
    scale = height / face.shape[0]
    face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((size[1], size[0], 3), BACK, np.uint8)
    top, left = (size[1] - face.shape[0]) // 2, (size[0] - face.shape[1]) // 2
    frame[top : top + face.shape[0], left : left + face.shape[1]] = face
    return frame


def tiles(count: int) -> tuple[np.ndarray, Floats]:
    """Return a gallery, and the places of its faces (a little larger than the tight boxes)."""
    frame, empty = gallery(count), gallery(count)
    side = int(np.ceil(np.sqrt(count)))
    height, width = frame.shape[0] // side, frame.shape[1] // side
    boxes = []
    for tile in range(count):
        top, left = tile // side * height, tile % side * width
        part = empty[top : top + height - 2, left : left + width - 2]
        face = (part != part[0, 0]).any(axis=2)
        rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
        boxes.append([left + columns[0], top + rows[0], np.ptp(columns), np.ptp(rows)])
    return frame, np.array(boxes, np.float32)


def found(faces: Faces, truth: Floats, least: float = 0.3) -> int:
    """Return how many of these places have a box."""
    return int((overlaps(truth, faces.boxes).max(axis=1, initial=0) >= least).sum())
