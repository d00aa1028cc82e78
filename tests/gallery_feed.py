"""Simulated galleries of a video call with the true position of everybody in every frame.

People are tiles, drawn or cut from pictures of galleries. A call lays them out on a grid, moves
them a little, and lets them join, leave, come back, switch the camera off and change places.
`FaultyDetector` simulates a face detector with its faults, and `measure_tracker` compares a
tracker's ids and boxes with the truth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fer.faces import Faces
from fer.vision.boxes import overlaps
from fer.vision.track import Tracker

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

GALLERIES = Path(__file__).resolve().parents[1].parent / "shared" / "galleries"
DARK = 27  # the colour between the tiles and of a camera that is off
CLOSE = 1.06  # how much of a tile lies beyond its frame, so that its picture can move


class Person(NamedTuple):
    """A person's tile: the whole picture, and the face's box in it."""

    picture: Picture
    face: Floats  # [x, y, width, height]


class Scene(NamedTuple):
    """One frame of a feed with each person's box."""

    time: float
    frame: Picture
    people: npt.NDArray[np.int64]
    boxes: Floats


def cut_people(name: str) -> list[Person]:
    """Return the tiles with a known face of a shared gallery, such as 25_mild_0."""
    picture = cv2.imread(str(GALLERIES / f"{name}.jpg"))
    assert picture is not None, f"{name} is not in {GALLERIES}"
    corners = json.loads((GALLERIES / "faces.json").read_text())[f"{name}.jpg"]
    side = round(math.sqrt(int(name.split("_")[0])))
    height, width = picture.shape[0] // side, picture.shape[1] // side
    people = []
    for left, top, right, bottom in corners:
        column = min(int((left + right) / 2 / width), side - 1)
        row = min(int((top + bottom) / 2 / height), side - 1)
        tile = picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
        face = [left - column * width, top - row * height, right - left, bottom - top]
        people.append(
            Person(np.asarray(tile[3:-3, 3:-3], np.uint8), np.float32(face) - [3, 3, 0, 0])
        )
    return people


def drawn_people(count: int, seed: int = 0) -> list[Person]:
    """Return people drawn with a few strokes: room, shirt, hair and face in random colours."""
    chance = np.random.default_rng(seed)
    return [_drawn(chance) for _ in range(count)]


def _drawn(chance: np.random.Generator) -> Person:
    width, height = 256, 144
    room, shirt, hair = (tuple(c.tolist()) for c in chance.integers(0, 256, (3, 3)))
    skin = (chance.uniform(0.3, 1) * np.array([150, 180, 230])).tolist()
    picture = np.full((height, width, 3), room, np.uint8)
    for _ in range(6):  # the furniture
        corner = chance.integers(0, (width, height))
        far = corner + chance.integers(15, 90, 2)
        cv2.rectangle(
            picture, corner.tolist(), far.tolist(), chance.integers(0, 256, 3).tolist(), -1
        )
    x, y = chance.uniform(0.3, 0.7) * width, chance.uniform(0.4, 0.5) * height
    w, h = (chance.uniform(0.32, 0.5) * height * np.array([0.75, 1])).tolist()

    def blob(colour: tuple[float, ...], dx: float, dy: float, rx: float, ry: float) -> None:
        centre = (round(x + dx * w), round(y + dy * h))
        cv2.ellipse(picture, centre, (round(rx * w), round(ry * h)), 0, 0, 360, colour, -1)

    blob(shirt, 0, 1.4, 1.2, 0.9)
    blob(hair, 0, -0.1, 0.65, 0.65)
    blob(skin, 0, 0, 0.5, 0.5)
    for side in (-1, 1):
        blob((255, 255, 255), 0.2 * side, -0.1, 0.09, 0.05)
        blob((40, 30, 30), 0.2 * side, -0.1, 0.04, 0.05)
    blob((70, 70, 160), 0, 0.25, 0.2, 0.05)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8)
    grain = chance.normal(0, 6, picture.shape)
    drawn = np.clip(picture + grain, 0, 255).astype(np.uint8)
    return Person(drawn, np.float32([x - w / 2, y - h / 2, w, h]))


@dataclass
class Call:
    """The people in a simulated call and their places, which change over time.

    `changes_every` is the mean time in seconds between changes; None leaves everybody in place.
    """

    people: Sequence[Person]
    present: int  # how many are there at first
    seed: int = 0
    changes_every: float | None = 20.0
    size: tuple[int, int] = (1280, 720)
    smallest_grid: int = 3
    reflows: list[float] = field(default_factory=list, init=False)  # when something changed

    def feed(self, seconds: float, fps: float) -> Iterator[Scene]:
        """Yield the call's scenes; the same seed gives the same ones."""
        chance = np.random.default_rng(self.seed)
        places = list(range(self.present))
        away = list(range(self.present, len(self.people)))
        off: set[int] = set()
        phases = chance.uniform(0, 2 * np.pi, (len(self.people), 3))
        self.reflows.clear()
        change = self._wait(chance)
        for at in range(round(seconds * fps)):
            time = at / fps
            while time >= change:
                _change(places, away, off, chance)
                self.reflows.append(time)
                change += self._wait(chance)
            yield self._moment(time, places, off, phases)

    def _wait(self, chance: np.random.Generator) -> float:
        if self.changes_every is None:
            return math.inf
        return 1 + float(chance.exponential(self.changes_every - 1))

    def _moment(self, time: float, places: list[int], off: set[int], phases: Floats) -> Scene:
        width, height = self.size
        frame = np.full((height, width, 3), DARK, np.uint8)
        side = max(math.ceil(math.sqrt(len(places))), self.smallest_grid)
        cell = (width // side, height // side)
        boxes, people = [], []
        for place, who in enumerate(places):
            left, top = place % side * cell[0], place // side * cell[1]
            tile = frame[top + 2 : top + cell[1] - 2, left + 2 : left + cell[0] - 2]
            if who in off:
                middle = (tile.shape[1] // 2, tile.shape[0] // 2)
                cv2.circle(tile, middle, middle[1] // 2, (90 + who, 200 - who, 90), -1)
                continue
            box = _show(self.people[who], tile, time, phases[who])
            boxes.append(box + np.float32([left + 2, top + 2, 0, 0]))
            people.append(who)
        return Scene(time, frame, np.array(people, np.int64), np.float32(boxes).reshape(-1, 4))


def _change(places: list[int], away: list[int], off: set[int], chance: np.random.Generator) -> None:
    """Make one change: a person leaves, joins or returns, two swap, or a camera goes off or on."""
    what = chance.choice(["leave", "join", "swap", "camera"])
    if what == "leave" and len(places) > 2:
        away.append(places.pop(int(chance.integers(len(places)))))
    elif what == "join" and away:
        who = away.pop(int(chance.integers(len(away))))
        off.discard(who)
        places.append(who)
    elif what == "swap" and len(places) > 1:
        one, other = chance.choice(len(places), 2, replace=False)
        places[one], places[other] = places[other], places[one]
    elif what == "camera" and places:
        off ^= {places[int(chance.integers(len(places)))]}


def _show(person: Person, tile: Picture, time: float, phases: Floats) -> Floats:
    """Draw the person into the tile, moved and zoomed a little; return the face's box there."""
    height, width = tile.shape[:2]
    whole_height, whole_width = person.picture.shape[:2]
    zoom = CLOSE * max(width / whole_width, height / whole_height)
    zoom *= 1 + 0.01 * math.sin(0.5 * time + phases[2])
    reach = 0.02 * width
    x = width / 2 - zoom * whole_width / 2 + reach * math.sin(0.9 * time + phases[0])
    y = height / 2 - zoom * whole_height / 2 + 0.5 * reach * math.sin(1.3 * time + phases[1])
    way = np.float32([[zoom, 0, x], [0, zoom, y]])
    cv2.warpAffine(person.picture, way, (width, height), dst=tile, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(person.face * zoom + np.float32([x, y, 0, 0]), np.float32)


@dataclass
class FaultyDetector:
    """Simulates a face detector's faults: jitter, misses, long gaps and false boxes."""

    seed: int = 0
    jitter: float = 0.05  # standard deviation of place and size, in parts of the box
    misses: float = 0.15  # of the faces, anew in every search
    blind_every: float = 60.0  # seconds between a face's longer gaps, on average
    blind_for: float = 2.0
    ghosts: float = 0.4  # false boxes per search

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)
        self._blind_until: dict[int, float] = {}
        self._last = 0.0

    def detect(self, scene: Scene) -> Faces:
        """Return the simulated faces of a scene."""
        chance, since = self._chance, scene.time - self._last
        self._last = scene.time
        for who in scene.people.tolist():
            if chance.random() < since / self.blind_every:
                self._blind_until[who] = scene.time + chance.uniform(0, self.blind_for)
        seen = np.array([self._blind_until.get(p, -1) <= scene.time for p in scene.people], bool)
        boxes = scene.boxes[seen & (chance.random(len(seen)) >= self.misses)]
        noise = chance.normal(0, self.jitter, boxes.shape)
        noisy = np.concatenate(
            [
                boxes[:, :2] + (noise[:, :2] - noise[:, 2:] / 2) * boxes[:, 2:],
                boxes[:, 2:] * np.exp(noise[:, 2:]),
            ],
            axis=1,
        )
        height, width = scene.frame.shape[:2]
        count = int(chance.poisson(self.ghosts))
        sides = chance.uniform(0.05, 0.1, (count, 1)) * height
        corners = chance.uniform(0, 1, (count, 2)) * (np.array([width, height]) - sides)
        ghosts = np.concatenate([corners, sides, sides], axis=1)
        found = np.concatenate([noisy, ghosts])
        sure = np.concatenate([chance.uniform(0.6, 1, len(noisy)), chance.uniform(0.3, 0.7, count)])
        return Faces.of(found, confidence=sure)


@dataclass
class Verdict:
    """A tracker's results against the truth."""

    track_seconds: float = 0  # over all people, with a box on the face
    face_seconds: float = 0  # over all people, with or without one
    stray_seconds: float = 0  # over all boxes that are on nobody
    hand_overs: int = 0  # an id went from one person to another
    changed_ids: int = 0  # a person's id changed, whatever happened meanwhile
    needless: int = (
        0  # the same, where the gallery was at rest and the face out of sight for 2 s at most
    )
    kept_ids: int = 0  # a person had the old id again after a change of the gallery

    @property
    def hand_overs_in_1000(self) -> float:
        """Return the hand-overs per 1,000 seconds of tracks."""
        return 1000 * self.hand_overs / max(self.track_seconds, 1)


def measure_tracker(
    call: Call,
    seconds: float,
    fps: float,
    detector: FaultyDetector,
    tracker: Tracker | None = None,
    every: float = 1.0,
    delay: float = 0.4,
) -> Verdict:
    """Run a tracker on a call as a stream does: with delayed detections, once a second."""
    tracker = Tracker() if tracker is None else tracker
    verdict = Verdict()
    person_of: dict[int, int] = {}
    last: dict[int, tuple[int, float]] = {}  # a person's newest id, and when it was on the face
    waiting: tuple[float, Faces] | None = None
    searched = -math.inf
    for scene in call.feed(seconds, fps):
        tracker.move(scene.frame, scene.time)
        if waiting and scene.time >= waiting[0] + delay:
            tracker.match(waiting[1], waiting[0])
            waiting = None
        if waiting is None and (scene.time - searched >= every or tracker.needs_detection):
            waiting, searched = (scene.time, detector.detect(scene)), scene.time
        changed = call.reflows[-1] if call.reflows else -math.inf
        _count(verdict, scene, tracker.faces, person_of, last, changed, 1 / fps)
    return verdict


def _count(
    verdict: Verdict,
    scene: Scene,
    faces: Faces,
    person_of: dict[int, int],
    last: dict[int, tuple[int, float]],
    changed: float,
    step: float,
) -> None:
    shared = overlaps(faces.boxes, scene.boxes)
    on_somebody = shared.max(axis=1, initial=0) >= 0.3
    verdict.face_seconds += step * len(scene.people)
    verdict.stray_seconds += step * float((~on_somebody).sum())
    for at in np.flatnonzero(on_somebody).tolist():
        who, person = int(faces.ids[at]), int(scene.people[shared[at].argmax()])
        verdict.track_seconds += step
        verdict.hand_overs += person_of.get(who, person) != person
        person_of[who] = person
        if person in last:
            old, when = last[person]
            at_rest = changed < when and scene.time - when <= 2
            verdict.changed_ids += old != who
            verdict.needless += old != who and at_rest
            verdict.kept_ids += old == who and changed > when
        last[person] = (who, scene.time)
