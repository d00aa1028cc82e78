"""Read and write sheets: SPLIT.webp (48x48 grey tiles, 100 in a row) and SPLIT.csv."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.errors import DataError
from fer.machine import replacing
from fer.tables import write_csv
from fer.training.data.dataset import FERPLUS, SPLITS, Dataset
from fer.training.data.fer2013_csv import (
    SIDE,
    check_header,
    label_of,
    quiet_opencv,
    records,
    votes_of,
)

LOSSLESS: Final = 101  # OpenCV's WebP quality above 100
TILES: Final = 100  # faces in a row of a sheet
BLANK: Final = 8  # grey levels between the darkest and lightest pixel of an unused tile, at most


def splits_in_sheets(folder: Path) -> tuple[str, ...]:
    """Return the splits of which at least one of the two files is there."""
    ends = (".webp", ".csv")
    return tuple(s for s in SPLITS if any((folder / f"{s}{end}").exists() for end in ends))


def read_sheet(folder: Path, split: str) -> Dataset:
    """Return one split, from SPLIT.webp and SPLIT.csv."""
    table, picture = folder / f"{split}.csv", folder / f"{split}.webp"
    for needed, other in ((table, picture), (picture, table)):
        if not needed.exists():
            raise DataError(f"{needed}: is missing, but {other.name} is there")
    labels, votes = _read_labels(table)
    tiles = _read_tiles(picture)
    count = len(labels)
    if len(tiles) < count:
        raise DataError(f"{picture}: holds {len(tiles)} faces, but {table.name} has {count} rows")
    if len(tiles) - count >= TILES or (tiles[count:].size and np.ptp(tiles[count:]) > BLANK):
        raise DataError(
            f"{table}: ends after row {count + 1}, but {picture.name} holds more faces: "
            "the table is cut short"
        )
    return Dataset(split, tiles[:count].copy(), labels, votes)


def write_sheet(folder: Path, data: Dataset) -> None:
    """Write a split as SPLIT.webp, without loss, and SPLIT.csv."""
    if data.faces.shape[1:] != (SIDE, SIDE):
        raise DataError(f"{data.split}: a sheet holds faces of {SIDE} x {SIDE} pixels only")
    rows = -(-len(data) // TILES)
    tiles = np.zeros((rows * TILES, SIDE, SIDE), np.uint8)
    tiles[: len(data)] = data.faces
    sheet = tiles.reshape(rows, TILES, SIDE, SIDE).swapaxes(1, 2).reshape(rows * SIDE, TILES * SIDE)
    with replacing(folder / f"{data.split}.webp") as path:
        cv2.imwrite(str(path), sheet, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS])
    voted = () if data.votes is None else FERPLUS
    with (
        replacing(folder / f"{data.split}.csv") as path,
        path.open("w", newline="", encoding="utf-8") as lines,
    ):
        votes = np.zeros((len(data), 0), np.int64) if data.votes is None else data.votes
        cells = (
            [int(label), *map(int, row)] for label, row in zip(data.labels, votes, strict=True)
        )
        write_csv(lines, ["emotion", *voted], cells)


def _read_labels(table: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    labels: list[int] = []
    votes: list[list[int]] = []
    header: dict[str, int] = {}
    columns: list[int] = []
    for row, record in records(table):
        if row == 1:
            header = check_header(table, record, ("emotion",))
            voted = [name for name in FERPLUS if name in header]
            if voted and len(voted) < len(FERPLUS):
                gone = ", ".join(name for name in FERPLUS if name not in header)
                raise DataError(f"{table}, row 1: votes, but no column {gone}")
            columns = [header[name] for name in voted]
            continue
        if len(record) != len(header):
            raise DataError(f"{table}, row {row}: {len(record)} columns instead of {len(header)}")
        labels.append(label_of(table, row, record[header["emotion"]]))
        votes.append(votes_of(table, row, [record[at] for at in columns]))
    return np.array(labels), np.array(votes) if columns else None


def _read_tiles(picture: Path) -> npt.NDArray[np.uint8]:
    with quiet_opencv():
        sheet = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        raise DataError(f"{picture}: cannot be read as a picture")
    height, width = sheet.shape
    if width != TILES * SIDE or height % SIDE:
        raise DataError(
            f"{picture}: {width}x{height} pixels, but a sheet is {TILES * SIDE} wide "
            f"and a multiple of {SIDE} high"
        )
    tiles = sheet.reshape(-1, SIDE, TILES, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    return tiles.astype(np.uint8, copy=False)
