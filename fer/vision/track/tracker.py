"""The tracker: which face of this frame is which face of the last ones."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.faces import Faces, Floats, Ids, Picture
from fer.vision.boxes import Mask, corrected, distinct, doubled, outside, overlaps
from fer.vision.track.appearance import likeness, looks, paired, unit
from fer.vision.track.flow import ENOUGH, View, coarse, follow, jumped
from fer.vision.track.state import (
    History,
    Moment,
    Rows,
    merged,
    new_rows,
    remembered,
    renewed,
    sighted,
    smoothed,
)

# Likeness of a face's look to another, 1 at most.
STILL_SAME: Final = 0.5  # what was found in an older frame must look so alike now
STILL_THERE: Final = 0.8  # the same where it could not be followed, so must not have moved
CHANGED: Final = 0.6  # below this, it is not who was last found in that place
LEARNING: Final = 0.25  # share of the newest look in the look of long, with every scan

TOUCHING: Final = 0.15  # overlap from which a found box may be the face that was there
FADE: Final = 0.8  # of its confidence a face keeps with every scan that misses it


class Tracker:
    """Follows faces from frame to frame: ids that last, boxes that move, shares smoothed over time.

    Not for several threads at once: who shares it holds a lock. Each frame is moved first, then
    scans and readings of it or of an earlier one may come in.

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
        self.patience = patience  # seconds without being found after which a face isn't shown
        self._shown = new_rows(Faces.none(), 0, 0)
        self._away = self._shown.copy()
        self._next_id = 0
        self._turn = 0
        self._time = -np.inf
        self._view = View.of(np.zeros((1, 1, 3), np.uint8))
        self._history = History()
        self._scan_from: float | None = -np.inf  # a whole scan of this time or later is wanted

    @property
    def faces(self) -> Faces:
        """The faces shown, as of the newest frame, in the order of their ids."""
        rows = self._shown[np.argsort(self._shown["id"])]
        boxes = rows["box"]
        return Faces.of(
            boxes,
            confidence=rows["confidence"],
            probabilities=rows["probabilities"],
            ids=rows["id"],
            landmarks=boxes[:, None, :2] + rows["landmarks"] * boxes[:, None, 2:],
        )

    @property
    def unsettled(self) -> bool:
        """Whether something changed that only another whole scan can clear up."""
        return self._scan_from is not None

    def due(self, count: int) -> Ids:
        """At most `count` faces to read next: new ones, then those whose last turn is longest ago.

        To be handed out here is a face's turn, so readings may take their time to come back.
        """
        rows = np.flatnonzero(self._shown["steady"])
        rows = rows[np.argsort(self._shown["turn"][rows], kind="stable")][: max(count, 0)]
        self._shown["turn"][rows] = self._turn + np.arange(len(rows))
        self._turn += len(rows)
        return np.asarray(self._shown["id"][rows], np.int64)

    def read(self, ids: npt.ArrayLike, probabilities: npt.ArrayLike, time: float) -> None:
        """Takes in the network's answer for those faces in the frame of that time."""
        smoothed(self._shown, np.asarray(ids), np.asarray(probabilities), time, self.half_life)

    def move(self, frame: Picture, time: float) -> None:
        """Carries the faces on to this frame, and notices where the picture changed all at once."""
        view, before = View.of(frame), self._view
        if time < self._time:
            self._turn_back(time)
        passed = max(time - self._time, 0)
        self._time, self._view = time, view
        changed = self._follow(before, view, passed)
        if changed:
            self._scan_from = time
        resized = not np.array_equal(before.size, view.size)
        ids, boxes = self._shown["id"].copy(), self._shown["box"].copy()
        moment = Moment(time, view.size, view.thumb, ids, boxes)
        self._history.add(moment, always=changed or resized)

    def match(self, found: Faces, time: float) -> None:
        """Takes in a whole scan of the frame of that time, which may be a few seconds old.

        A scan of a frame that never came, or that is forgotten by now, says nothing.
        """
        self._take_in(found, time, None)

    def look(self, found: Faces, around: npt.ArrayLike, time: float) -> None:
        """Takes in a scan of only the surroundings of those faces; the others are left alone."""
        self._take_in(found, time, np.asarray(around, np.int64).ravel())

    def _turn_back(self, time: float) -> None:
        """A recording jumped back: what was known of later frames is no use."""
        self._history.clear()
        self._scan_from = time
        for rows in (self._shown, self._away):
            for name in ("born", "seen", "read", "gone"):
                rows[name] = np.minimum(rows[name], time)

    def _follow(self, before: View, view: View, passed: float) -> bool:
        """Moves the boxes, hides the faces that got lost; whether the picture changed at once."""
        shown = self._shown
        shown["box"], agreeing = follow(before, view, shown["box"])
        self._away["box"] *= np.tile(view.size / before.size, 2)
        latest = looks(view.thumb, view.size, shown["box"])
        jump = jumped(before, view)
        torn = renewed(shown, latest, agreeing >= ENOUGH, passed, jump)
        if jump or torn.sum() > 1:  # a new grid or another scene: nobody need be where they were
            self._away["torn"] = True
        lost = torn | outside(shown["box"], view.size)
        self._hide(lost, torn=True)
        return bool(lost.any()) or jump

    def _take_in(self, found: Faces, time: float, around: Ids | None) -> None:
        then = self._history.at(time)
        if then is None:
            return
        if around is None and self._scan_from is not None and time >= self._scan_from:
            self._scan_from = None
        time = min(time, self._time)
        found = distinct(found[~outside(found.boxes, then.size)])
        shown = self._shown
        # Where everybody was then; whoever has gone since still claims the face found there.
        there = np.isin(shown["id"], then.ids)
        boxes = then.boxes_of(shown["id"], shown["box"] * np.tile(then.size / self._view.size, 2))
        boxes = np.concatenate([boxes, then.boxes[~np.isin(then.ids, shown["id"])]])
        shared = overlaps(boxes, found.boxes)
        shared[: len(shown)][~there] = 0
        pairs = np.array(paired(shared, TOUCHING), int).reshape(-1, 2)
        ours = pairs[pairs[:, 0] < len(shown)]
        if self._expelled(ours[:, 0], boxes, then):
            self._take_in(found, time, around)
            return
        missed = there & (shown["seen"] < time)
        if around is not None:
            missed &= np.isin(shown["id"], around)
        missed[ours[:, 0]] = False
        self._correct(ours[:, 0], boxes[ours[:, 0]], found[ours[:, 1]], time)
        claimed = np.any(doubled(found.boxes, boxes[pairs[:, 0]]), axis=1)
        claimed[pairs[:, 1]] = True
        self._miss(missed, time)
        if not claimed.all():
            self._welcome(found[~claimed], then, time)
        self._shown = merged(self._shown)
        self._away = remembered(self._away, self._time)

    def _expelled(self, rows: Ids, boxes: Floats, then: Moment) -> bool:
        """Hides those of these faces in whose place somebody else was then; whether any was."""
        known = self._shown["look"][rows]
        doubtful = (looks(then.thumb, then.size, boxes[rows]) * known).sum(axis=1) < CHANGED
        rows = rows[doubtful]
        alike = likeness(then.thumb, then.size, boxes[rows], known[doubtful]).diagonal()
        strange = np.isin(np.arange(len(self._shown)), rows[alike < CHANGED])
        self._history.forget(self._shown["id"][strange])
        self._hide(strange, torn=True)
        return bool(strange.any())

    def _correct(self, rows: Ids, then: Floats, found: Faces, time: float) -> None:
        faces = self._shown[rows]
        faces["box"] = corrected(faces["box"], then, found.boxes, faces["sightings"])
        sighted(faces, found, time)
        faces["latest"] = faces["lately"] = faces["sure"] = self._looks(faces["box"])
        faces["look"] = unit(faces["look"] + LEARNING * (faces["latest"] - faces["look"]))
        self._shown[rows] = faces

    def _miss(self, missed: Mask, time: float) -> None:
        """Counts a scan that didn't find these faces; hides those it is enough for."""
        self._shown["missed"] += missed
        self._shown["confidence"][missed] *= FADE
        # Seen once and never again was probably no face.
        too_long = (time - self._shown["seen"] > self.patience) | (self._shown["sightings"] == 1)
        self._hide(missed & too_long & (self._shown["missed"] > 1), torn=False)

    def _welcome(self, found: Faces, then: Moment, time: float) -> None:
        """Found faces that nobody shown claims: somebody out of sight, or somebody new."""
        found, boxes = self._carried(found, then)
        known = self._away[~np.isin(self._away["id"], then.ids)]
        pairs = recalled(found.boxes, then, known, self._view.size, self.patience)
        back = known[pairs[:, 1]]
        sighted(back, found[pairs[:, 0]], time)
        stale = back["gone"] < time - self.patience
        back["probabilities"][stale], back["read"][stale], back["turn"][stale] = np.nan, np.nan, -1
        back["gone"], back["torn"] = np.nan, False

        others = np.delete(np.arange(len(found)), pairs[:, 0])
        new = new_rows(found[others], self._next_id, time)
        self._next_id += len(new)
        back["box"], new["box"] = boxes[pairs[:, 0]], boxes[others]
        back["latest"] = back["lately"] = back["sure"] = self._looks(back["box"])
        new["look"] = new["latest"] = new["lately"] = new["sure"] = self._looks(new["box"])
        self._away = self._away[~np.isin(self._away["id"], back["id"])]
        self._shown = np.concatenate([self._shown, back, new])

    def _carried(self, found: Faces, then: Moment) -> tuple[Faces, Floats]:
        """Those of the found faces that can be told in the newest frame too, and where."""
        now = coarse(self._view.size, self._view.thumb)
        boxes, agreeing = follow(coarse(then.size, then.thumb), now, found.boxes)
        before, after = looks(then.thumb, then.size, found.boxes), self._looks(boxes)
        least = np.where(agreeing >= ENOUGH, STILL_SAME, STILL_THERE)
        same = ((before * after).sum(axis=1) >= least) & ~outside(boxes, now.size)
        if not same.all():
            self._scan_from = self._time
        same &= ~doubled(boxes, self._shown["box"]).any(axis=1)
        return found[same], boxes[same]

    def _hide(self, which: Mask, *, torn: bool) -> None:
        if not which.any():
            return
        gone = self._shown[which]
        gone["gone"], gone["torn"] = self._time, torn
        self._away = np.concatenate([self._away, gone])
        self._shown = self._shown[~which]

    def _looks(self, boxes: Floats) -> Floats:
        return looks(self._view.thumb, self._view.size, boxes)


SAME: Final = 0.85  # likeness from which it may be
CLEARER: Final = 0.03  # by so much it must be more alike than anybody else
SAME_PLACE: Final = 0.1  # likeness added where that one went out of sight at this very place
JUST_GONE: Final = 0.05  # and where it was a moment ago
SAME_SPOT: Final = 0.25  # overlap that makes it the same place


def recalled(
    boxes: Floats, then: Moment, known: Rows, size: Floats, patience: float
) -> npt.NDArray[np.int64]:
    """Pairs of a box found then and a row out of sight that are one person, (n, 2).

    The rows' own boxes are in pixels of a picture of the given size.
    """
    alike = likeness(then.thumb, then.size, boxes, known["look"])
    places = known["box"] * np.tile(then.size / size, 2)
    alike += SAME_PLACE * ((overlaps(boxes, places) >= SAME_SPOT) & ~known["torn"])
    alike += JUST_GONE * (known["gone"] > then.time - patience)
    # Ids never there together may be one person's, who wasn't recognised once: no rivals.
    after = known["born"][:, None] >= known["gone"]
    return np.array(paired(alike, SAME, CLEARER, after | after.T), np.int64).reshape(-1, 2)
