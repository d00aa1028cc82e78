"""The tracker's state: one NumPy row a face, and what it keeps of the frames just past."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import LANDMARKS, Faces, Floats, Ids, Picture
from fer.vision.boxes import Mask, doubled
from fer.vision.track.appearance import LOOK, inner, unit

Rows = npt.NDArray[Any]  # of ROW

ROW: Final = np.dtype(
    [
        ("id", np.int64),
        ("box", np.float32, 4),
        ("landmarks", np.float32, (len(LANDMARKS), 2)),  # in parts of the box
        ("confidence", np.float32),
        ("probabilities", np.float32, len(EMOTIONS)),
        ("look", np.float32, LOOK),  # how it has looked for a while
        ("sure", np.float32, LOOK),  # how it looked when a scan last found it
        ("lately", np.float32, LOOK),  # the mean of the last few frames
        ("latest", np.float32, LOOK),  # how it looked in the newest frame
        ("steady", np.bool_),  # its picture hardly changed in the newest frame
        ("sightings", np.int64),  # scans that found it
        ("missed", np.int64),  # scans since then
        ("born", np.float64),  # time of the first scan that found it
        ("seen", np.float64),  # time of the last scan that found it
        ("read", np.float64),  # time of its newest reading, NaN before the first
        ("turn", np.int64),  # when it was last due, counted in turns
        ("gone", np.float64),  # time it went out of sight, NaN while it is shown
        ("torn", np.bool_),  # it may be anywhere now: its picture changed all at once
    ]
)
MEMORY: Final = 600.0  # seconds for which somebody who left is remembered
PASSING: Final = 10.0  # the same for what was seen in one scan only, mostly no face at all
MOST: Final = 128  # rows remembered

# Likeness of a face's look in the newest frame.
TORN: Final = 0.85  # to the frame before: below this, the picture changed all at once
# The same with what is around the face, and of the face alone: a head that moves changes the first
# only, another person both.
TORN_TOO: Final = (0.93, 0.95)  # to the frame before, if something else changed in that very one
FADED: Final = (0.7, 0.8)  # to the mean of the last few frames: one picture fades into another
FADED_TOO: Final = (0.8, 0.85)  # where something else in the picture did so in that very frame
STRANGE: Final = (0.5, 0.7)  # to when a scan last found it
LATELY: Final = 0.3  # seconds in which a frame loses half its weight in that mean
STEADY: Final = 0.93  # below this a reading would be of a blurred or covered face

FRAMES: Final = 80  # kept, so that a scan that took long still meets the frame it was of
SPACING: Final = 0.1  # seconds between them, unless the picture changed all at once


def new_rows(found: Faces, first_id: int, time: float) -> Rows:
    """Rows of faces seen for the first time; the looks are still to come."""
    rows = np.zeros(len(found), ROW)
    rows["id"] = np.arange(first_id, first_id + len(found))
    rows["probabilities"] = np.nan
    rows["read"] = rows["gone"] = np.nan
    rows["turn"] = -1
    rows["born"] = rows["seen"] = time
    rows["steady"] = True
    sighted(rows, found, time)
    return rows


def sighted(rows: Rows, found: Faces, time: float) -> None:
    """Notes that a scan of that time found these rows' faces; where they are is left alone."""
    rows["confidence"] = found.confidence
    rows["sightings"] += 1
    rows["missed"] = 0
    rows["seen"] = np.maximum(rows["seen"], time)
    sides = found.boxes[:, None, 2:]
    rows["landmarks"] = (found.landmarks - found.boxes[:, None, :2]) / sides


def renewed(rows: Rows, latest: Floats, followed: Mask, passed: float, jump: bool) -> Mask:
    """Takes the looks in the newest frame in; whose picture changed all at once.

    Nobody is who they were then, as far as can be told from their place.
    """
    like_last = (latest * rows["latest"]).sum(axis=1)
    torn = (like_last < TORN) | _unlike(latest, rows["lately"], FADED)
    torn |= _unlike(latest, rows["sure"], STRANGE)
    if jump or torn.any():
        torn |= (like_last < STEADY) & (~followed | _unlike(latest, rows["latest"], TORN_TOO))
        torn |= _unlike(latest, rows["lately"], FADED_TOO)
    fresh = 1 - 0.5 ** (passed / LATELY)
    rows["lately"] = unit(rows["lately"] + fresh * (latest - rows["lately"]))
    rows["latest"], rows["steady"] = latest, like_last >= STEADY
    return np.asarray(torn)


def _unlike(looks: Floats, others: Floats, least: tuple[float, float]) -> Mask:
    around = (looks * others).sum(axis=1) < least[0]
    if around.any():  # seldom, and the rest takes time
        around &= (inner(looks) * inner(others)).sum(axis=1) < least[1]
    return np.asarray(around)


def merged(rows: Rows) -> Rows:
    """Of rows on one face the oldest id stays, with the place that was seen last."""
    drop = np.zeros(len(rows), bool)
    for one, other in np.argwhere(np.triu(doubled(rows["box"], rows["box"]), 1)).tolist():
        if drop[one] or drop[other]:
            continue
        old, new = sorted((one, other), key=lambda at: int(rows["id"][at]))
        if rows["seen"][new] > rows["seen"][old]:
            for name in (
                "box",
                "landmarks",
                "confidence",
                "latest",
                "lately",
                "sure",
                "seen",
                "missed",
            ):
                rows[name][old] = rows[name][new]
        drop[new] = True
    return rows[~drop]


def smoothed(rows: Rows, ids: Ids, readings: Any, time: float, half_life: float) -> None:
    """Takes readings of these ids in; an old one loses half its weight in a half life."""
    shares = np.asarray(readings, np.float64).reshape(-1, len(EMOTIONS))
    sums = shares.sum(axis=1)
    places = {who: at for at, who in enumerate(rows["id"].tolist())}
    which = np.array([places.get(who, -1) for who in ids.ravel().tolist()], np.int64)
    good = (which >= 0) & np.isfinite(sums) & (shares >= 0).all(axis=1) & (sums > 0)
    which, shares = which[good], shares[good] / sums[good, None]
    last = rows["read"][which]
    # The first is taken as it is, and one that a later one overtook changes nothing.
    keep = np.where(np.isnan(last), 0, 0.5 ** (np.fmax(time - last, 0) / half_life))[:, None]
    mixed = keep * np.nan_to_num(rows["probabilities"][which]) + (1 - keep) * shares
    rows["probabilities"][which] = mixed / mixed.sum(axis=1, keepdims=True)
    rows["read"][which] = np.fmax(last, time)


def remembered(rows: Rows, time: float) -> Rows:
    """Those of the faces out of sight that are still worth keeping."""
    known_well = rows["sightings"] > 1
    rows = rows[time - rows["gone"] < np.where(known_well, MEMORY, PASSING)]
    return rows[np.argsort(rows["gone"], kind="stable")][-MOST:]


class Moment(NamedTuple):
    """A frame just past, and who was where in it."""

    time: float
    size: Floats
    thumb: Picture
    ids: Ids
    boxes: Floats

    def boxes_of(self, ids: Ids, otherwise: Floats) -> Floats:
        """Where these faces were; for those not known then, the given boxes."""
        boxes = np.array(otherwise, np.float32)
        places = {who: at for at, who in enumerate(self.ids.tolist())}
        for row, who in enumerate(ids.tolist()):
            if who in places:
                boxes[row] = self.boxes[places[who]]
        return boxes


class History:
    """The last few seconds, thinned out: bounded whatever the frame rate."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque(maxlen=FRAMES)

    def add(self, moment: Moment, *, always: bool = False) -> None:
        """Keeps the moment if it is far enough from the last one, or must be kept."""
        if always or not self._moments or moment.time - self._moments[-1].time >= SPACING:
            self._moments.append(moment)

    def at(self, time: float) -> Moment | None:
        """The last moment at that time or before; None where that is forgotten or never was."""
        early = (moment for moment in reversed(self._moments) if moment.time <= time)
        return next(early, None)

    def forget(self, ids: Ids) -> None:
        """As if these faces had not been followed."""
        for at, moment in enumerate(self._moments):
            others = ~np.isin(moment.ids, ids)
            self._moments[at] = moment._replace(ids=moment.ids[others], boxes=moment.boxes[others])

    def clear(self) -> None:
        """Forgets it all."""
        self._moments.clear()
