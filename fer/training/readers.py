"""The forms in which FER2013 is passed around, each read into a `Dataset`.

Sheets     SPLIT.webp (48x48 tiles, 100 a row) with SPLIT.csv
"""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data import FERPLUS, SPLITS, Dataset

SIDE = 48
TILES = 100  # faces in a row of a sheet


def read_sheet(folder: Path, split: str) -> Dataset:
    """SPLIT.webp and SPLIT.csv: the faces as tiles of one picture, their labels and votes."""
    table, picture = folder / f"{split}.csv", folder / f"{split}.webp"
    labels, votes = [], []
    with table.open(newline="") as lines:
        for row, record in enumerate(csv.DictReader(lines), 2):
            try:
                label = int(record["emotion"])
                if not 0 <= label < len(EMOTIONS):
                    raise DataError(f"{table}, row {row}: label {label} is not one of 0 to 6")
                labels.append(label)
                votes.append([int(record[name]) for name in FERPLUS])
            except (KeyError, TypeError, ValueError) as fault:
                raise DataError(f"{table}, row {row}: {fault}") from fault
    sheet = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        raise DataError(f"{picture}: not a picture that can be read")
    tiles = sheet.reshape(-1, SIDE, TILES, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    if len(tiles) < len(labels):
        raise DataError(f"{picture}: {len(tiles)} faces, but {table.name} has {len(labels)} rows")
    return Dataset(split, tiles[: len(labels)].copy(), np.array(labels), np.array(votes))


def load(folder: str | Path, split: str, clean: Path | None = None) -> Dataset:
    """One split of whatever lies in the folder."""
    if split not in SPLITS:
        raise DataError(f"no split is called {split!r}: take one of {', '.join(SPLITS)}")
    return read_sheet(Path(folder), split)
