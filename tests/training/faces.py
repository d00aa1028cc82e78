"""Small simulated faces: seven drawings that a small network learns within seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from fer.training.data.dataset import FERPLUS, FERPLUS_OF_EMOTION, Dataset

SIDE, TILES = 48, 100


def drawings(count: int, seed: int = 0, split: str = "training") -> Dataset:
    """Return noisy faces whose mouth and brows show the emotion, with ten votes each."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    faces = rng.integers(90, 120, (count, SIDE, SIDE)).astype(np.uint8)
    votes = np.zeros((count, len(FERPLUS)), np.int64)
    for index, label in enumerate(labels):
        face, shift = faces[index], int(rng.integers(-2, 3))
        cv2.circle(face, (24 + shift, 24), 20, 180, -1)
        for eye in (16, 32):
            cv2.circle(face, (eye + shift, 18), 2 + int(label == 5) * 2, 20, -1)
        bend = (-6, -3, 0, 6, -8, 0, 0)[label]
        cv2.ellipse(
            face,
            (24 + shift, 34),
            (9, 1 + abs(bend)),
            0,
            *((0, 180) if bend > 0 else (180, 360)),
            20,
            2,
        )
        if label in (0, 1, 2):
            cv2.line(
                face, (12 + shift, 10 + 2 * int(label)), (36 + shift, 14 - 3 * int(label)), 20, 2
            )
        if label == 5:
            cv2.circle(face, (24 + shift, 35), 6, 20, -1)
        votes[index, FERPLUS_OF_EMOTION[label]] = 8
        votes[index, FERPLUS_OF_EMOTION[(label + 1) % 7]] = 2
    return Dataset(split, faces, labels, votes)


def write_sheet(folder: Path, data: Dataset) -> None:
    """Write the data as SPLIT.webp and SPLIT.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = -(-len(data) // TILES)
    tiles = np.zeros((rows * TILES, SIDE, SIDE), np.uint8)
    tiles[: len(data)] = data.faces
    sheet = tiles.reshape(rows, TILES, SIDE, SIDE).swapaxes(1, 2).reshape(rows * SIDE, TILES * SIDE)
    cv2.imwrite(str(folder / f"{data.split}.webp"), sheet, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert data.votes is not None
    with (folder / f"{data.split}.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["emotion", *FERPLUS, "from_jpeg"])
        for label, votes in zip(data.labels, data.votes, strict=True):
            writer.writerow([label, *votes, 0])


def write_set(folder: Path, training: int = 140, public_test: int = 70) -> Path:
    """Write a whole small data set as sheets."""
    write_sheet(folder, drawings(training, 0, "training"))
    write_sheet(folder, drawings(public_test, 1, "public_test"))
    return folder
