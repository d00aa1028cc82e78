"""Read faces from fer2013.csv or icml_face_data.csv, and FER+'s votes from a file beside it.

A row of either holds a label, a use (Training, PublicTest or PrivateTest) and 48 x 48 numbers.
Errors number rows as a spreadsheet does: the header is row 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data.dataset import FERPLUS, Dataset

SIDE: Final = 48
PIXELS: Final = SIDE * SIDE
TABLES: Final = ("fer2013.csv", "icml_face_data.csv")
VOTES: Final = "fer2013new.csv"
USAGES: Final = {"Training": "training", "PublicTest": "public_test", "PrivateTest": "private_test"}
COLUMNS: Final = ("emotion", "pixels", "usage")

Record = tuple[int, list[str]]  # the row's number in the file, and its cells


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log about broken pictures: the caller reports them by name."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def table_in(folder: Path) -> Path | None:
    """Return the table in the folder; None if there is none."""
    return next((folder / name for name in TABLES if (folder / name).is_file()), None)


def splits_in_table(table: Path) -> tuple[str, ...]:
    """Return the splits that the table has rows of."""
    found = {usage for _, usage, _ in _rows(table)}
    return tuple(split for split in USAGES.values() if split in found)


def read_table(table: Path, split: str) -> Dataset:
    """Return one split of the table; only its rows are decoded."""
    labels, faces, usages = [], [], []
    for row, usage, (word, pixels) in _rows(table):
        usages.append(usage)
        if usage == split:
            labels.append(label_of(table, row, word))
            faces.append(_pixels(table, row, pixels))
    if not labels:
        raise DataError(f"{table}: no row belongs to the split {split}")
    votes = None
    if (beside := table.with_name(VOTES)).is_file():
        votes = read_votes(beside, usages)[np.array(usages) == split]
    return Dataset(split, np.stack(faces), np.array(labels), votes)


def read_votes(table: Path, usages: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return FER+'s ten votes for every row of the faces' table; `usages` are its splits."""
    votes: list[list[int]] = []
    wanted = ("usage", *(name.replace("not_a_face", "nf") for name in FERPLUS))
    header: dict[str, int] = {}
    for row, record in records(table):
        if row == 1:
            header = check_header(table, record, wanted)
            continue
        if len(record) != len(header):
            raise DataError(f"{table}, row {row}: {len(record)} columns instead of {len(header)}")
        if row - 2 >= len(usages):
            continue  # counted below
        if (usage := _usage(table, row, record[header["usage"]])) != usages[row - 2]:
            raise DataError(
                f"{table}, row {row}: a {usage} face, but the faces' table has a "
                f"{usages[row - 2]} face there: the two do not belong together"
            )
        votes.append(votes_of(table, row, [record[header[name]] for name in wanted[1:]]))
    rows = row - 1 if header else 0
    if rows != len(usages):
        raise DataError(f"{table}: {rows} rows of votes, but {len(usages)} rows of faces")
    return np.array(votes)


def check_header(table: Path, header: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    """Return each column's place by its name in lower case; raise if a needed one is missing."""
    places = {name.strip().lstrip("\ufeff").lower(): at for at, name in enumerate(header)}
    missing = [name for name in needed if name not in places]
    if missing:
        found = ", ".join(name.strip()[:20] for name in header[:12]) or "nothing"
        raise DataError(f"{table}, row 1: no column {', '.join(missing)} (found: {found})")
    if len(places) != len(header):
        raise DataError(f"{table}, row 1: two columns share a name")
    return places


def label_of(table: Path, row: int, word: str) -> int:
    """Return a label as a number from 0 to 6."""
    label = int(word) if word.strip().isdecimal() else -1
    if not 0 <= label < len(EMOTIONS):
        raise DataError(f"{table}, row {row}: label {word.strip()!r} is not one of 0 to 6")
    return label


def votes_of(table: Path, row: int, words: Sequence[str]) -> list[int]:
    """Return a row's votes, each a whole number from 0 up."""
    counts = [int(word) if word.strip().isdecimal() else -1 for word in words]
    if counts and min(counts) < 0:
        word = words[counts.index(-1)]
        raise DataError(f"{table}, row {row}: {word!r} is not a number of votes")
    return counts


def records(table: Path, *, rows_needed: bool = True) -> Iterator[Record]:
    """Yield the table's rows with their numbers, the header first; name a broken one."""
    with table.open(newline="", encoding="utf-8", errors="replace") as lines:
        reader = csv.reader(lines)
        row = 0
        try:
            for row, record in enumerate(reader, 1):
                yield row, record
        except csv.Error as fault:
            raise DataError(f"{table}, row {row + 1}: {fault}") from fault
    if row == 0:
        raise DataError(f"{table}: is empty")
    if row == 1 and rows_needed:
        raise DataError(f"{table}: has a header and no rows")


def _rows(table: Path) -> Iterator[tuple[int, str, tuple[str, str]]]:
    """Yield each row's number and split, and its label and pixels as text."""
    header: dict[str, int] = {}
    for row, record in records(table):
        if row == 1:
            header = check_header(table, record, COLUMNS)
            emotion, pixels, usage = (header[name] for name in COLUMNS)
        elif len(record) != len(header):
            raise DataError(
                f"{table}, row {row}: {len(record)} columns instead of {len(header)}: "
                "the row is broken or the file is cut short"
            )
        else:
            yield row, _usage(table, row, record[usage]), (record[emotion], record[pixels])


def _usage(table: Path, row: int, word: str) -> str:
    split = USAGES.get(word.strip())
    if split is None:
        known = ", ".join(USAGES)
        raise DataError(f"{table}, row {row}: Usage {word.strip()!r} is not one of {known}")
    return split


def _pixels(table: Path, row: int, words: str) -> npt.NDArray[np.uint8]:
    try:
        values = np.fromstring(words, dtype=np.int64, sep=" ")
    except ValueError:
        wrong = next((word for word in words.split() if not word.isdecimal()), words[:20])
        raise DataError(f"{table}, row {row}: pixel {wrong!r} is not a number") from None
    if len(values) != PIXELS:
        raise DataError(f"{table}, row {row}: {len(values)} pixels instead of {PIXELS}")
    if values.min() < 0 or values.max() > 255:
        wrong = str(values[(values < 0) | (values > 255)][0])
        raise DataError(f"{table}, row {row}: pixel {wrong} is not within 0 to 255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)
