"""Faces: the record that every stage passes on, with a row for each face and columns of NumPy.

A detector makes it with boxes and confidence, the network adds probabilities, the tracker adds ids.
A value that is not known yet is NaN, or -1 for an id. The columns are read-only: a stage that knows
more makes a new record with `but`, which shares the unchanged columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS

Picture = npt.NDArray[np.uint8]  # BGR (height, width, 3), or grey (height, width)
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

NOBODY: Final = -1  # the id of a face that is not tracked
# Left and right as seen in the picture.
LANDMARKS: Final = ("left eye", "right eye", "nose", "left mouth", "right mouth")

# A column's name: the shape of its rows, its type, and what a row holds before it is known.
_COLUMNS: Final[dict[str, tuple[tuple[int, ...], Any, float]]] = {
    "boxes": ((4,), np.float32, np.nan),
    "confidence": ((), np.float32, np.nan),
    "probabilities": ((len(EMOTIONS),), np.float32, np.nan),
    "ids": ((), np.int64, NOBODY),
    "landmarks": ((len(LANDMARKS), 2), np.float32, np.nan),
    "readable": ((), np.bool_, True),
}

# The landmarks of a head that looks at the camera: millimetres to the right, up and to the front.
_HEAD: Final = np.array(
    [[-32, 35, -28], [32, 35, -28], [0, 0, 0], [-25, -32, -22], [25, -32, -22]], np.float64
)
_FROM_HEAD: Final = np.linalg.pinv(_HEAD - _HEAD.mean(axis=0)).T


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one picture. Boxes are [x, y, width, height] in pixels, tight around the face.

    >>> faces = Faces.of([[10, 20, 30, 40], [50, 20, 30, 40]], confidence=[0.9, 0.4])
    >>> len(faces), faces[faces.confidence > 0.5].boxes.tolist()
    (2, [[10.0, 20.0, 30.0, 40.0]])
    """

    boxes: Floats  # (n, 4)
    confidence: Floats  # (n,): the probability that the box is a face
    probabilities: Floats  # (n, 7) in the order of EMOTIONS; NaN where not read yet
    ids: Ids  # (n,); NOBODY where not tracked
    landmarks: Floats  # (n, 5, 2) in the order of LANDMARKS; NaN where the detector gives none
    readable: npt.NDArray[np.bool_]  # (n,); False: too small, blurred, dark or turned to be read

    @classmethod
    def of(cls, boxes: npt.ArrayLike, **columns: npt.ArrayLike) -> Faces:
        """Return faces with these boxes and columns, checked and read-only."""
        n = len(np.asarray(boxes, np.float32).reshape(-1, 4))
        unknown = columns.keys() - _COLUMNS.keys()
        if unknown:
            raise ValueError(f"Faces have no column {', '.join(sorted(unknown))}")
        return cls(**{name: _column(name, columns | {"boxes": boxes}, n) for name in _COLUMNS})

    @classmethod
    def none(cls) -> Faces:
        """Return a record without faces."""
        return _NONE

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Faces:
        """Return the faces that a mask, a slice or an array of indices selects."""
        return Faces(*(_frozen(getattr(self, name)[which]) for name in _COLUMNS))

    def but(self, **columns: npt.ArrayLike) -> Faces:
        """Return the same faces with these columns replaced."""
        unknown = columns.keys() - _COLUMNS.keys()
        if unknown:
            raise ValueError(f"Faces have no column {', '.join(sorted(unknown))}")
        return replace(self, **{name: _column(name, columns, len(self)) for name in columns})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Faces) and all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True)
            for name in _COLUMNS
        )

    __hash__ = None  # type: ignore[assignment]  # compared by value, and NumPy has no hash

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Return a mask of the faces that have been read."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def corners(self) -> Floats:
        """Return the boxes as [left, top, right, bottom]."""
        return np.concatenate([self.boxes[:, :2], self.boxes[:, :2] + self.boxes[:, 2:]], axis=1)

    @property
    def directions(self) -> Floats:
        """Return where each head points: yaw, pitch, roll in degrees; NaN without landmarks.

        Positive: to the right of the picture, upwards, clockwise. A usual head is fitted
        to the five landmarks, without perspective, so the angles are coarse.
        """
        points = self.landmarks.astype(np.float64)
        points = (points - points.mean(axis=1, keepdims=True)) * (1, -1)
        axes = np.swapaxes(points, 1, 2) @ _FROM_HEAD  # the picture's axes in the head's
        with np.errstate(invalid="ignore", divide="ignore"):
            axes /= np.linalg.norm(axes, axis=2, keepdims=True)
        yaw, pitch = np.arcsin(np.clip(axes[:, :, 2], -1, 1)).T
        eyes = self.landmarks[:, 1] - self.landmarks[:, 0]
        roll = np.arctan2(eyes[:, 1], eyes[:, 0])
        return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float32)

    def words(self) -> list[str | None]:
        """Return the most probable emotion of each face; None if it has not been read."""
        best = np.where(self.known[:, None], self.probabilities, 0).argmax(axis=1)
        return [EMOTIONS[at] if read else None for at, read in zip(best, self.known, strict=True)]

    def to_records(self) -> list[dict[str, Any]]:
        """Return a dict of JSON values for each face, in the form that similar packages use.

        >>> faces = Faces.of([[1, 2, 3, 4]], probabilities=[[0, 0, 0, 1, 0, 0, 0]], ids=[5])
        >>> record = faces.to_records()[0]
        >>> record["box"], record["emotions"]["happy"], record["id"]
        ([1, 2, 3, 4], 1.0, 5)
        """
        return [self._record(at) for at in range(len(self))]

    def _record(self, at: int) -> dict[str, Any]:
        left, top, right, bottom = (round(float(value)) for value in self.corners[at])
        record: dict[str, Any] = {
            "box": [left, top, right - left, bottom - top],
            "confidence": _number(self.confidence[at]),
            "readable": bool(self.readable[at]),
            "emotions": {},
            "id": None if self.ids[at] == NOBODY else int(self.ids[at]),
        }
        if self.known[at]:
            shares = zip(EMOTIONS, self.probabilities[at], strict=True)
            record["emotions"] = {name: round(float(share), 4) for name, share in shares}
        if not np.isnan(self.landmarks[at]).any():
            points = zip(LANDMARKS, self.landmarks[at], strict=True)
            record["landmarks"] = {name: [round(float(v), 1) for v in xy] for name, xy in points}
            angles = zip(("yaw", "pitch", "roll"), self[at : at + 1].directions[0], strict=True)
            record["head"] = {name: round(float(angle)) for name, angle in angles}
        return record


def _column(name: str, given: Any, n: int) -> Any:
    shape, kind, unknown = _COLUMNS[name]
    if name not in given:
        return _frozen(np.full((n, *shape), unknown, kind))
    column = np.array(given[name], kind)  # a copy: nobody else can write to it later
    if column.size == 0 and n == 0:
        column = column.reshape(0, *shape)
    if column.shape != (n, *shape):
        raise ValueError(f"{name} must have the shape {(n, *shape)}, not {column.shape}")
    if name == "boxes" and not (np.isfinite(column).all() and (column[:, 2:] > 0).all()):
        raise ValueError("boxes must be finite, with a width and height above 0")
    return _frozen(column)


def _frozen(column: Any) -> Any:
    column.flags.writeable = False
    return column


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


_NONE: Final = Faces.of(np.zeros((0, 4)))
assert {field.name for field in fields(Faces)} == _COLUMNS.keys()
