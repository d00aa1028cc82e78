"""The tracker's state: one NumPy row per face, and the last frames with the boxes in them."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import LANDMARKS, Faces, Floats, Ids, Picture
from fer.vision.boxes import Mask, doubled
from fer.vision.track.appearance import LENGTH, face_only, unit_length

Rows = npt.NDArray[Any]  # of ROW

ROW: Final = np.dtype(
    [
        ("id", np.int64),
        ("box", np.float32, 4),
        ("landmarks", np.float32, (len(LANDMARKS), 2)),  # in parts of the box
        ("confidence", np.float32),
        ("probabilities", np.float32, len(EMOTIONS)),
        ("readable", np.float32),  # share of the last readings in which it could be read
        ("appearance", np.float32, LENGTH),  # a running mean since it was first detected
        ("appearance_detected", np.float32, LENGTH),  # when it was last detected
        ("appearance_recent", np.float32, LENGTH),  # a running mean of the last few frames
        ("appearance_latest", np.float32, LENGTH),  # in the newest frame
        ("steady", np.bool_),  # its picture hardly changed in the newest frame
        ("detections", np.int64),  # how often it was detected
        ("misses", np.int64),  # searches since then that did not find it
        ("first_detected", np.float64),  # time
        ("last_detected", np.float64),  # time
        ("last_read", np.float64),  # time of its newest reading, NaN before the first
        ("due_order", np.int64),  # counts up: the face with the lowest number is read next
        ("lost_at", np.float64),  # time it was lost, NaN while it is tracked
        ("cut", np.bool_),  # it was lost in a scene cut, so it may be anywhere now
    ]
)
REMEMBER: Final = 600.0  # seconds for which a lost face is remembered
REMEMBER_ONCE: Final = 10.0  # the same for what was detected only once, mostly no face at all
MOST: Final = 128  # lost faces remembered

# Similarity of a face's appearance in the newest frame to an earlier one, below which its picture
# was replaced by another.
CUT: Final = 0.85  # to the last frame
# Pairs: with the face's surroundings, and of the face alone. A head that moves changes only the
# first, another person both.
CUT_TOO: Final = (0.93, 0.95)  # to the last frame, if something else in the picture was cut
FADED: Final = (0.7, 0.8)  # to the mean of the last few frames: one picture fades into another
FADED_TOO: Final = (0.8, 0.85)  # the same, if something else in the picture was cut
REPLACED: Final = (0.5, 0.7)  # to when it was last detected
LATELY: Final = 0.3  # seconds in which a frame loses half its weight in that mean
STEADY: Final = 0.93  # to the last frame; below this the face is too blurred or covered to read

FRAMES: Final = 80  # kept, so that a slow detection still finds the boxes of its own frame
SPACING: Final = 0.1  # seconds between them, except at a scene cut


def new_rows(found: Faces, first_id: int, time: float) -> Rows:
    """Return rows for new faces; the caller fills in their appearances."""
    rows = np.zeros(len(found), ROW)
    rows["id"] = np.arange(first_id, first_id + len(found))
    rows["probabilities"] = np.nan
    rows["readable"] = 1
    rows["last_read"] = rows["lost_at"] = np.nan
    rows["due_order"] = -1
    rows["first_detected"] = rows["last_detected"] = time
    rows["steady"] = True
    mark_detected(rows, found, time)
    return rows


def mark_detected(rows: Rows, found: Faces, time: float) -> None:
    """Mark these rows as detected at that time; their boxes are left as they are."""
    rows["confidence"] = found.confidence
    rows["detections"] += 1
    rows["misses"] = 0
    rows["last_detected"] = np.maximum(rows["last_detected"], time)
    sides = found.boxes[:, None, 2:]
    rows["landmarks"] = (found.landmarks - found.boxes[:, None, :2]) / sides


def set_appearance(rows: Rows, appearance: Floats) -> None:
    """Set the appearance of rows that were just detected; their running mean is left as it is."""
    for name in ("appearance_detected", "appearance_recent", "appearance_latest"):
        rows[name] = appearance


def update_appearances(
    rows: Rows, latest: Floats, followed: Mask, passed: float, jump: bool
) -> Mask:
    """Take in the newest appearances. Return the rows whose picture was cut.

    In such a row's place there may be another person now.
    """
    like_last = (latest * rows["appearance_latest"]).sum(axis=1)
    cut = (like_last < CUT) | _differs(latest, rows["appearance_recent"], FADED)
    cut |= _differs(latest, rows["appearance_detected"], REPLACED)
    if jump or cut.any():
        cut |= (like_last < STEADY) & (
            ~followed | _differs(latest, rows["appearance_latest"], CUT_TOO)
        )
        cut |= _differs(latest, rows["appearance_recent"], FADED_TOO)
    fresh = 1 - 0.5 ** (passed / LATELY)
    rows["appearance_recent"] = unit_length(
        rows["appearance_recent"] + fresh * (latest - rows["appearance_recent"])
    )
    rows["appearance_latest"], rows["steady"] = latest, like_last >= STEADY
    return np.asarray(cut)


def _differs(first: Floats, second: Floats, least: tuple[float, float]) -> Mask:
    """Return the rows that are less similar than `least`, with surroundings and without."""
    differs = (first * second).sum(axis=1) < least[0]
    if differs.any():  # seldom, and the rest takes time
        differs &= (face_only(first) * face_only(second)).sum(axis=1) < least[1]
    return np.asarray(differs)


def merge_duplicates(rows: Rows) -> Rows:
    """Return one row per face: the oldest id with the box that was detected last."""
    drop = np.zeros(len(rows), bool)
    for one, other in np.argwhere(np.triu(doubled(rows["box"], rows["box"]), 1)).tolist():
        if drop[one] or drop[other]:
            continue
        old, new = sorted((one, other), key=lambda at: int(rows["id"][at]))
        if rows["last_detected"][new] > rows["last_detected"][old]:
            for name in (
                "box",
                "landmarks",
                "confidence",
                "appearance_latest",
                "appearance_recent",
                "appearance_detected",
                "last_detected",
                "misses",
            ):
                rows[name][old] = rows[name][new]
        drop[new] = True
    return rows[~drop]


def smooth_readings(rows: Rows, ids: Ids, readings: Any, time: float, half_life: float) -> None:
    """Mix new readings into the rows of these ids; old ones lose half their weight per half life.

    A reading of NaN says that the face could not be read. Other invalid readings are ignored, and
    one older than the last does not change the shares.
    """
    shares = np.asarray(readings, np.float64).reshape(-1, len(EMOTIONS))
    places = {who: at for at, who in enumerate(rows["id"].tolist())}
    which = np.array([places.get(who, -1) for who in ids.ravel().tolist()], np.int64)
    unread = np.isnan(shares).all(axis=1)
    sums = shares.sum(axis=1)
    read = np.isfinite(sums) & (shares >= 0).all(axis=1) & (sums > 0)
    valid = (which >= 0) & (unread | read)
    which, shares, read = which[valid], shares[valid], read[valid]
    last = rows["last_read"][which]
    # The first reading is taken as it is; one from before the last reading gets no weight.
    keep = np.where(np.isnan(last), 0, 0.5 ** (np.fmax(time - last, 0) / half_life))
    rows["readable"][which] = keep * rows["readable"][which] + (1 - keep) * read
    rows["last_read"][which] = np.fmax(last, time)
    which, shares, keep = which[read], shares[read], keep[read][:, None]
    shares = shares / shares.sum(axis=1, keepdims=True)
    keep = np.where(np.isnan(rows["probabilities"][which]), 0, keep)
    mixed = keep * np.nan_to_num(rows["probabilities"][which]) + (1 - keep) * shares
    rows["probabilities"][which] = mixed / mixed.sum(axis=1, keepdims=True)


def drop_forgotten(rows: Rows, time: float) -> Rows:
    """Return the rows of lost faces that are still remembered, at most MOST."""
    known_well = rows["detections"] > 1
    rows = rows[time - rows["lost_at"] < np.where(known_well, REMEMBER, REMEMBER_ONCE)]
    return rows[np.argsort(rows["lost_at"], kind="stable")][-MOST:]


class PastFrame(NamedTuple):
    """A past frame's thumb, and the boxes that were tracked in it."""

    time: float
    size: Floats
    thumb: Picture
    ids: Ids
    boxes: Floats

    def boxes_of(self, ids: Ids, otherwise: Floats) -> Floats:
        """Return the boxes of these ids in this frame; `otherwise` where it has none."""
        boxes = np.array(otherwise, np.float32)
        places = {who: at for at, who in enumerate(self.ids.tolist())}
        for row, who in enumerate(ids.tolist()):
            if who in places:
                boxes[row] = self.boxes[places[who]]
        return boxes


class FrameHistory:
    """The last few seconds' frames, at most FRAMES at any frame rate."""

    def __init__(self) -> None:
        self._frames: deque[PastFrame] = deque(maxlen=FRAMES)

    def add(self, frame: PastFrame, *, always: bool = False) -> None:
        """Keep the frame if it is SPACING seconds from the last one, or `always`."""
        if always or not self._frames or frame.time - self._frames[-1].time >= SPACING:
            self._frames.append(frame)

    def at(self, time: float) -> PastFrame | None:
        """Return the last frame at that time or before; None if none is kept."""
        early = (frame for frame in reversed(self._frames) if frame.time <= time)
        return next(early, None)

    def forget(self, ids: Ids) -> None:
        """Remove the boxes of these ids from all frames."""
        for at, frame in enumerate(self._frames):
            others = ~np.isin(frame.ids, ids)
            self._frames[at] = frame._replace(ids=frame.ids[others], boxes=frame.boxes[others])

    def clear(self) -> None:
        """Remove all frames."""
        self._frames.clear()
