"""Measure the whole loop of a live frame, stage by stage, and a tutorial's loop.

A frame is decoded, tracked, read, drawn on and encoded. Of stages that do the same in every frame
the median is taken. Of reading a few faces in some frames and detecting about once a second the
mean over all frames is taken, because a median would ignore them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from fer.bench.feed import FPS, Feed, Vp8
from fer.bench.tutorial import Tutorial
from fer.faces import Faces, Floats, Picture
from fer.vision.analyzer import Analyzer
from fer.vision.detect import LONGEST, Detector
from fer.vision.draw import draw
from fer.vision.stream import FaceStream, search_wait

WARM_UP: Final = 10  # first frames, which are not counted
FLOOR: Final = ("decode", "draw", "encode")  # the stages of a stream that reads no faces
SEARCHES: Final = 3  # timed detections of each kind
MOST: Final = 49  # faces at which our loop is compared with a tutorial's
SIZES: Final = ((640, 480), (1280, 720), (1920, 1080))
GROWING: Final = (1, 9, 25, 49)


class Timed:
    """Wraps a detector and a network to measure their CPU time separately."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self.name = analyzer.detector.name
        self.full_every = analyzer.detector.full_every
        self.detect_s = self.classify_s = 0.0

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        begun = time.process_time()
        found = self._analyzer.detector.detect(frame, smallest, longest)
        self.detect_s += time.process_time() - begun
        return found

    def redetect(self, frame: Picture, known: Floats) -> Faces:
        begun = time.process_time()
        found = self._analyzer.detector.redetect(frame, known)
        self.detect_s += time.process_time() - begun
        return found

    def read_faces(self, frame: Picture, faces: Faces) -> Floats:
        begun = time.process_time()
        shares = self._analyzer.read_faces(frame, faces)
        self.classify_s += time.process_time() - begun
        return shares


class LoopRun:
    """Measures one detector on one feed."""

    def __init__(self, kind: str, analyzer: Analyzer, feed: Feed) -> None:
        self.kind, self._feed = kind, feed
        self._packets: Iterator[list[bytes]] = feed.packets()
        self._stream = Vp8(feed.size)
        self._timed = Timed(analyzer)
        self.detector: Detector = analyzer.detector
        self._live = FaceStream(self._timed, self._timed.read_faces, background=False)
        self._stages: dict[str, list[float]] = {
            name: [] for name in ("decode", "track", "classify", "draw", "encode")
        }
        self._walls: list[float] = []
        self._detections: list[float] = []
        self._redetections: list[float] = []
        self._at = 0
        self._frame: Picture = np.zeros((1, 1, 3), np.uint8)

    def step(self) -> None:
        """Measure the loop of one frame, from its packets to the answer's packets."""
        timed = self._timed
        timed.detect_s = timed.classify_s = 0.0
        packets = next(self._packets)
        wall, begun = time.perf_counter(), time.process_time()
        frame = self._stream.decode(packets)
        decoded = time.process_time()
        faces = self._live.feed(frame, self._at / FPS)
        read = time.process_time()
        self._frame = frame.copy() if self._at % FPS == 0 else self._frame
        copied = time.process_time()
        draw(frame, faces)
        drawn = time.process_time()
        self._stream.encode(frame)
        spent = {
            "decode": decoded - begun,
            "track": read - decoded - timed.detect_s - timed.classify_s,
            "classify": timed.classify_s,
            "draw": drawn - copied,
            "encode": time.process_time() - drawn,
        }
        self._at += 1
        if self._at > WARM_UP:
            self._walls.append(time.perf_counter() - wall)
            for name, seconds in spent.items():
                self._stages[name].append(seconds)

    def search(self) -> None:
        """Measure a detection in the whole frame, and one around the known faces."""
        begun = time.process_time()
        self.detector.detect(self._frame)
        scanned = time.process_time()
        self.detector.redetect(self._frame, self._live.faces.boxes)
        self._detections.append(scanned - begun)
        self._redetections.append(time.process_time() - scanned)

    def row(self) -> dict[str, Any]:
        """Return the measurement, in milliseconds."""
        scan, look = float(np.median(self._detections)), float(np.median(self._redetections))
        cost = look + (scan - look) / self.detector.full_every
        stages = {name: float(np.median(spent)) for name, spent in self._stages.items()}
        stages["classify"] = float(np.mean(self._stages["classify"]))
        stages["detect"] = cost / (search_wait(cost) * FPS)
        stages = {name: round(1000 * seconds, 2) for name, seconds in stages.items()}
        return {
            "detector": self.kind,
            "faces": self._feed.faces,
            "found": len(self._live.faces),
            "size": list(self._feed.size),
            "cpu_ms": round(sum(stages.values()), 2),
            "floor_cpu_ms": round(sum(stages[name] for name in FLOOR), 2),
            "stages": stages,
            "scan_ms": round(1000 * scan, 1),
            "look_ms": round(1000 * look, 1),
            "latency_ms": round(1000 * float(np.median(self._walls)), 1),
        }


def measure(
    analyzers: Mapping[str, Analyzer],
    feeds: Sequence[Feed],
    frames: int,
    tutorial: Tutorial | None = None,
    tutorial_frames: int = 0,
) -> dict[str, Any]:
    """Run each detector on each feed, in turns with a tutorial's loop; return the figures."""
    runs = [LoopRun(kind, each, feed) for feed in feeds for kind, each in analyzers.items()]
    tutorial_times: dict[int, list[float]] = {feed.faces: [] for feed in feeds}
    streams = {feed.faces: (feed.packets(), Vp8(feed.size)) for feed in feeds}
    every = max(frames // max(tutorial_frames, 1), 1)
    for at in range(frames + WARM_UP):
        for run in runs:
            run.step()
        if tutorial is None or at < WARM_UP or (at - WARM_UP) % every:
            continue
        for count, (packets, stream) in streams.items():
            begun = time.process_time()
            frame = stream.decode(next(packets))
            tutorial.step(frame)
            stream.encode(frame)
            tutorial_times[count].append(time.process_time() - begun)
    for _ in range(SEARCHES):
        for run in runs:
            run.search()
    rows = [run.row() for run in runs]
    tutorial_rows = [
        {"faces": count, "cpu_ms": round(1000 * float(np.median(spent)), 1), "frames": len(spent)}
        for count, spent in tutorial_times.items()
        if spent
    ]
    ours = {(row["detector"], row["faces"]): row["cpu_ms"] for row in rows}
    theirs = {row["faces"]: row["cpu_ms"] for row in tutorial_rows}
    ratio = round(theirs[MOST] / ours["auto", MOST], 1) if MOST in theirs else None
    return {"loop": rows, "tutorial": tutorial_rows, f"ratio_{MOST}": ratio}


def growth(analyzer: Analyzer, frames: int) -> list[dict[str, Any]]:
    """Return the work for each number of faces in GROWING and each size of frame in SIZES."""
    feeds = [Feed(count, size) for size in SIZES for count in GROWING]
    rows: list[dict[str, Any]] = measure({"auto": analyzer}, feeds, frames)["loop"]
    return rows
