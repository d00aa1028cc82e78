"""The tracker: give each face the same id in every frame."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.faces import Faces, Floats, Ids, Picture
from fer.vision.boxes import Mask, corrected, distinct, doubled, outside, overlaps
from fer.vision.track.appearance import appearances, best_pairs, similarity, unit_length
from fer.vision.track.flow import ENOUGH, View, coarse, follow, jumped
from fer.vision.track.state import (
    FrameHistory,
    PastFrame,
    Rows,
    drop_forgotten,
    mark_detected,
    merge_duplicates,
    new_rows,
    set_appearance,
    smooth_readings,
    update_appearances,
)

# Similarity of two appearances, at most 1.
STILL_SAME: Final = 0.5  # least, for a face detected in an older frame and carried to the newest
STILL_THERE: Final = 0.8  # the same where optical flow failed, so the face must not have moved
CHANGED: Final = 0.6  # below this, another person is in the place of a tracked face
LEARNING: Final = 0.25  # weight of the newest appearance in the running mean, per detection

TOUCHING: Final = 0.15  # least overlap of a detected box with the tracked face that it belongs to
FADE: Final = 0.8  # a face's confidence is multiplied by this in every search that misses it


class Tracker:
    """Tracks faces: lasting ids, boxes that follow the picture, shares smoothed over time.

    Not safe for several threads at once. Call `move` with each frame first; then detections
    (`match`, `match_around`) and readings (`read`) of it or of an earlier frame may follow.

    >>> tracker = Tracker()
    >>> frame = np.full((90, 160, 3), 60, np.uint8)
    >>> tracker.move(frame, time=0.0)
    >>> tracker.match(Faces.of([[60, 20, 30, 40]], confidence=[0.9]), time=0.0)
    >>> tracker.read(tracker.due(5), np.array([[0, 0, 0, 1, 0, 0, 0]]), time=0.0)
    >>> tracker.faces.ids.tolist(), tracker.faces.words()
    ([0], ['happy'])
    """

    def __init__(self, half_life: float = 0.6, patience: float = 2.5) -> None:
        self.half_life = half_life  # seconds in which an old reading loses half its weight
        self.patience = patience  # seconds without a detection after which a face is lost
        self._tracked = new_rows(Faces.none(), 0, 0)
        self._lost = self._tracked.copy()
        self._next_id = 0
        self._order = 0
        self._time = -np.inf
        self._view = View.of(np.zeros((1, 1, 3), np.uint8))
        self._history = FrameHistory()
        self._detect_after: float | None = -np.inf  # a whole frame from then on must be searched

    @property
    def faces(self) -> Faces:
        """Return the tracked faces in the newest frame, ordered by id."""
        rows = self._tracked[np.argsort(self._tracked["id"])]
        boxes = rows["box"]
        return Faces.of(
            boxes,
            confidence=rows["confidence"],
            probabilities=rows["probabilities"],
            ids=rows["id"],
            landmarks=boxes[:, None, :2] + rows["landmarks"] * boxes[:, None, 2:],
        )

    @property
    def needs_detection(self) -> bool:
        """Return whether faces may have moved or appeared, so a whole frame must be searched."""
        return self._detect_after is not None

    def due(self, count: int) -> Ids:
        """Return the ids of at most `count` faces to read next: new ones, then the longest unread.

        A returned face goes to the end of the line at once, not when its reading arrives.
        """
        rows = np.flatnonzero(self._tracked["steady"])
        rows = rows[np.argsort(self._tracked["due_order"][rows], kind="stable")][: max(count, 0)]
        self._tracked["due_order"][rows] = self._order + np.arange(len(rows))
        self._order += len(rows)
        return np.asarray(self._tracked["id"][rows], np.int64)

    def read(self, ids: npt.ArrayLike, probabilities: npt.ArrayLike, time: float) -> None:
        """Mix the network's probabilities for these ids, read at that time, into their shares."""
        smooth_readings(
            self._tracked, np.asarray(ids), np.asarray(probabilities), time, self.half_life
        )

    def move(self, frame: Picture, time: float) -> None:
        """Move the boxes to this frame, and drop faces whose picture was cut."""
        view, before = View.of(frame), self._view
        if time < self._time:
            self._jump_back(time)
        passed = max(time - self._time, 0)
        self._time, self._view = time, view
        changed = self._follow(before, view, passed)
        if changed:
            self._detect_after = time
        resized = not np.array_equal(before.size, view.size)
        ids, boxes = self._tracked["id"].copy(), self._tracked["box"].copy()
        past = PastFrame(time, view.size, view.thumb, ids, boxes)
        self._history.add(past, always=changed or resized)

    def match(self, found: Faces, time: float) -> None:
        """Match the faces detected in the whole frame of that time, up to a few seconds ago.

        Ignored if that frame is no longer kept.
        """
        self._update(found, time, None)

    def match_around(self, found: Faces, around: npt.ArrayLike, time: float) -> None:
        """Match the faces detected around these ids only; other faces don't count as missed."""
        self._update(found, time, np.asarray(around, np.int64).ravel())

    def _jump_back(self, time: float) -> None:
        """Forget the frames after a recording's jump back in time."""
        self._history.clear()
        self._detect_after = time
        for rows in (self._tracked, self._lost):
            for name in ("first_detected", "last_detected", "last_read", "lost_at"):
                rows[name] = np.minimum(rows[name], time)

    def _follow(self, before: View, view: View, passed: float) -> bool:
        """Move the boxes and drop lost faces. Return whether any were lost or the scene was cut."""
        tracked = self._tracked
        tracked["box"], agreeing = follow(before, view, tracked["box"])
        self._lost["box"] *= np.tile(view.size / before.size, 2)
        latest = appearances(view.thumb, view.size, tracked["box"])
        jump = jumped(before, view)
        cut = update_appearances(tracked, latest, agreeing >= ENOUGH, passed, jump)
        if jump or cut.sum() > 1:  # a new grid or another scene: anybody may be anywhere
            self._lost["cut"] = True
        lost = cut | outside(tracked["box"], view.size)
        self._hide(lost, cut=True)
        return bool(lost.any()) or jump

    def _update(self, found: Faces, time: float, around: Ids | None) -> None:
        """Take in detections: correct matched faces, count misses, add the others."""
        then = self._history.at(time)
        if then is None:
            return
        if around is None and self._detect_after is not None and time >= self._detect_after:
            self._detect_after = None
        time = min(time, self._time)
        found = distinct(found[~outside(found.boxes, then.size)])
        tracked = self._tracked
        # Match with the boxes of that time, also those of faces lost since: what was detected on
        # one of them must not become a new face.
        there = np.isin(tracked["id"], then.ids)
        boxes = then.boxes_of(
            tracked["id"], tracked["box"] * np.tile(then.size / self._view.size, 2)
        )
        boxes = np.concatenate([boxes, then.boxes[~np.isin(then.ids, tracked["id"])]])
        shared = overlaps(boxes, found.boxes)
        shared[: len(tracked)][~there] = 0
        pairs = np.array(best_pairs(shared, TOUCHING), int).reshape(-1, 2)
        ours = pairs[pairs[:, 0] < len(tracked)]
        if self._drop_replaced(ours[:, 0], boxes, then):
            self._update(found, time, around)
            return
        missed = there & (tracked["last_detected"] < time)
        if around is not None:
            missed &= np.isin(tracked["id"], around)
        missed[ours[:, 0]] = False
        self._correct(ours[:, 0], boxes[ours[:, 0]], found[ours[:, 1]], time)
        claimed = np.any(doubled(found.boxes, boxes[pairs[:, 0]]), axis=1)
        claimed[pairs[:, 1]] = True
        self._miss(missed, time)
        if not claimed.all():
            self._add_unclaimed(found[~claimed], then, time)
        self._tracked = merge_duplicates(self._tracked)
        self._lost = drop_forgotten(self._lost, self._time)

    def _drop_replaced(self, rows: Ids, boxes: Floats, then: PastFrame) -> bool:
        """Drop the faces in whose box another person was then. Return whether there were any."""
        known = self._tracked["appearance"][rows]
        doubtful = (appearances(then.thumb, then.size, boxes[rows]) * known).sum(axis=1) < CHANGED
        rows = rows[doubtful]
        alike = similarity(then.thumb, then.size, boxes[rows], known[doubtful]).diagonal()
        strange = np.isin(np.arange(len(self._tracked)), rows[alike < CHANGED])
        self._history.forget(self._tracked["id"][strange])
        self._hide(strange, cut=True)
        return bool(strange.any())

    def _correct(self, rows: Ids, then: Floats, found: Faces, time: float) -> None:
        faces = self._tracked[rows]
        faces["box"] = corrected(faces["box"], then, found.boxes, faces["detections"])
        mark_detected(faces, found, time)
        appearance = self._appearances(faces["box"])
        set_appearance(faces, appearance)
        mean = faces["appearance"]
        faces["appearance"] = unit_length(mean + LEARNING * (appearance - mean))
        self._tracked[rows] = faces

    def _miss(self, missed: Mask, time: float) -> None:
        """Count a search that missed these faces; drop those missed for too long."""
        self._tracked["misses"] += missed
        self._tracked["confidence"][missed] *= FADE
        too_long = time - self._tracked["last_detected"] > self.patience
        too_long |= self._tracked["detections"] == 1  # probably no face
        self._hide(missed & too_long & (self._tracked["misses"] > 1), cut=False)

    def _add_unclaimed(self, found: Faces, then: PastFrame, time: float) -> None:
        """Add detected faces that match no tracked one: recognised lost faces, or new ones."""
        found, boxes = self._carry_to_newest(found, then)
        known = self._lost[~np.isin(self._lost["id"], then.ids)]
        pairs = recognise(found.boxes, then, known, self._view.size, self.patience)
        back = known[pairs[:, 1]]
        mark_detected(back, found[pairs[:, 0]], time)
        stale = back["lost_at"] < time - self.patience
        back["probabilities"][stale] = back["last_read"][stale] = np.nan
        back["due_order"][stale] = -1
        back["lost_at"], back["cut"] = np.nan, False

        others = np.delete(np.arange(len(found)), pairs[:, 0])
        new = new_rows(found[others], self._next_id, time)
        self._next_id += len(new)
        back["box"], new["box"] = boxes[pairs[:, 0]], boxes[others]
        set_appearance(back, self._appearances(back["box"]))
        new["appearance"] = self._appearances(new["box"])
        set_appearance(new, new["appearance"])
        self._lost = self._lost[~np.isin(self._lost["id"], back["id"])]
        self._tracked = np.concatenate([self._tracked, back, new])

    def _carry_to_newest(self, found: Faces, then: PastFrame) -> tuple[Faces, Floats]:
        """Return the detected faces that are still in the newest frame, and their boxes there."""
        now = coarse(self._view.size, self._view.thumb)
        boxes, agreeing = follow(coarse(then.size, then.thumb), now, found.boxes)
        before, after = appearances(then.thumb, then.size, found.boxes), self._appearances(boxes)
        least = np.where(agreeing >= ENOUGH, STILL_SAME, STILL_THERE)
        same = ((before * after).sum(axis=1) >= least) & ~outside(boxes, now.size)
        if not same.all():
            self._detect_after = self._time
        same &= ~doubled(boxes, self._tracked["box"]).any(axis=1)
        return found[same], boxes[same]

    def _hide(self, which: Mask, *, cut: bool) -> None:
        if not which.any():
            return
        gone = self._tracked[which]
        gone["lost_at"], gone["cut"] = self._time, cut
        self._lost = np.concatenate([self._lost, gone])
        self._tracked = self._tracked[~which]

    def _appearances(self, boxes: Floats) -> Floats:
        return appearances(self._view.thumb, self._view.size, boxes)


SAME: Final = 0.85  # least similarity of a detected face to the lost one that it is
CLEARER: Final = 0.03  # margin to the next most similar one
SAME_PLACE: Final = 0.1  # similarity added if the face was lost in the same place
JUST_GONE: Final = 0.05  # and if it was lost less than `patience` ago
SAME_SPOT: Final = 0.25  # overlap from which it is the same place


def recognise(
    boxes: Floats, then: PastFrame, known: Rows, size: Floats, patience: float
) -> npt.NDArray[np.int64]:
    """Return pairs (box, row) of a box detected then and a lost face's row of one person, (n, 2).

    The rows' boxes are in pixels of a picture of the given size.
    """
    alike = similarity(then.thumb, then.size, boxes, known["appearance"])
    places = known["box"] * np.tile(then.size / size, 2)
    alike += SAME_PLACE * ((overlaps(boxes, places) >= SAME_SPOT) & ~known["cut"])
    alike += JUST_GONE * (known["lost_at"] > then.time - patience)
    # Two ids that were never tracked at once may be one person's, so they are no rivals.
    after = known["first_detected"][:, None] >= known["lost_at"]
    return np.array(best_pairs(alike, SAME, CLEARER, after | after.T), np.int64).reshape(-1, 2)
