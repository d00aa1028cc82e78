"""Measure how many faces of galleries with known faces a stream finds in its first seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.bench.feed import FPS
from fer.errors import DataError
from fer.faces import Floats
from fer.vision.analyzer import Analyzer
from fer.vision.boxes import overlaps

TRUTH: Final = "faces.json"  # maps a picture's name to its faces as [left, top, right, bottom]
SECONDS: Final = 2.0
MATCH: Final = 0.3  # overlap from which a box counts as that face


def measure(analyzers: Mapping[str, Analyzer], galleries: Path) -> list[dict[str, Any]]:
    """Return recall and false boxes a picture, for each detector and number of tiles."""
    known = json.loads((galleries / TRUTH).read_text())
    counts: dict[tuple[str, str], list[int]] = {}
    for name, corners in sorted(known.items()):
        frame = cv2.imread(str(galleries / name))
        if frame is None:
            raise DataError(f"{galleries / name}: this picture of {TRUTH} cannot be read")
        truth = np.asarray(corners, np.float32)
        truth[:, 2:] -= truth[:, :2]
        for kind, analyzer in analyzers.items():
            boxes = after_seconds(analyzer, np.asarray(frame, np.uint8))
            hits = matches(boxes, truth)
            total = counts.setdefault((kind, name.split("_")[0]), [0, 0, 0, 0])
            for at, number in enumerate((hits, len(truth), len(boxes) - hits, 1)):
                total[at] += number
    return [
        {
            "detector": kind,
            "tiles": int(tiles),
            "recall": round(hits / faces, 4),
            "false_boxes": round(false / pictures, 3),
        }
        for (kind, tiles), (hits, faces, false, pictures) in counts.items()
    ]


def after_seconds(analyzer: Analyzer, frame: Any) -> Floats:
    """Return the boxes after feeding this picture to a stream for SECONDS, in real time."""
    with analyzer.live() as live:
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + SECONDS:
            live.feed(frame, now)
            time.sleep(max(0.0, now + 1 / FPS - time.monotonic()))
        return live.faces.boxes


def matches(boxes: Floats, truth: Floats) -> int:
    """Return how many of the true boxes are found, each by a different box."""
    shared, hits = overlaps(boxes, truth), 0
    while shared.size and shared.max() >= MATCH:
        row, column = np.unravel_index(int(shared.argmax()), shared.shape)
        shared[row], shared[:, column] = 0, 0
        hits += 1
    return hits
