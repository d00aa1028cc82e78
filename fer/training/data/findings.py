"""Read, write and apply findings files: which faces to drop or relabel when a split is loaded.

The columns are split, row (the face's place in its split, as in `Dataset.rows`), finding, action
(keep, drop or relabel), label (the new one) and detail (the reason, as text). Splits without lines
stay unchanged. If several lines are about one face, drop wins over relabel, and relabel over keep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.machine import replacing
from fer.tables import write_csv
from fer.training.data.dataset import SPLITS, Dataset
from fer.training.data.fer2013_csv import check_header, records

Action = Literal["keep", "drop", "relabel"]

COLUMNS: Final = ("split", "row", "finding", "action", "label", "detail")
ACTIONS: Final = ("keep", "drop", "relabel")


@dataclass(frozen=True)
class Finding:
    """One thing found about one face."""

    split: str
    row: int  # the face's place in its split
    finding: str  # the name of the rule that found it
    action: Action
    label: str = ""  # the new emotion, where the action is relabel
    detail: str = ""  # the reason, as text


def apply(data: Dataset, findings: str | Path) -> Dataset:
    """Return the split without the faces to drop, and with the changed labels."""
    file = Path(findings)
    places = {int(place): at for at, place in enumerate(data.places)}
    keep, labels = np.ones(len(data), bool), data.labels.copy()
    relabelled: dict[int, str] = {}
    for number, found in enumerate(read(file), 2):
        if found.split != data.split or found.action == "keep":
            continue
        if found.row not in places:
            raise DataError(f"{file}, row {number}: {data.split} has no face {found.row}")
        at = places[found.row]
        if found.action == "drop":
            keep[at] = False
        elif relabelled.setdefault(at, found.label) != found.label:
            raise DataError(
                f"{file}, row {number}: {data.split} face {found.row} is to be both "
                f"{relabelled[at]} and {found.label}"
            )
        else:
            labels[at] = EMOTIONS.index(found.label)
    cleaned = Dataset(
        data.split, data.faces, labels, data.votes, rows=data.places, skipped=data.skipped
    )
    return cleaned.take(keep)


def read(file: Path) -> list[Finding]:
    """Return the findings in a file, after checking each line."""
    if not file.is_file():
        raise DataError(f"{file}: no such findings file")
    found: list[Finding] = []
    header: dict[str, int] = {}
    for number, record in records(file, rows_needed=False):
        if number == 1:
            header = check_header(file, record, COLUMNS)
        elif len(record) != len(header):
            raise DataError(f"{file}, row {number}: {len(record)} columns, not {len(header)}")
        else:
            cells = {name: record[header[name]].strip() for name in COLUMNS}
            found.append(_finding(f"{file}, row {number}", cells))
    return found


def write(file: Path, findings: Iterable[Finding]) -> None:
    """Write a findings file, in place of an old one."""
    with replacing(file) as path, path.open("w", newline="", encoding="utf-8") as lines:
        rows = ((f.split, f.row, f.finding, f.action, f.label, f.detail) for f in findings)
        write_csv(lines, COLUMNS, rows)


def _finding(where: str, cells: dict[str, str]) -> Finding:
    if cells["split"] not in SPLITS:
        raise DataError(f"{where}: no split is called {cells['split']!r}")
    if not cells["row"].isdecimal():
        raise DataError(f"{where}: {cells['row']!r} is not a row number")
    if cells["action"] not in ACTIONS:
        raise DataError(f"{where}: action {cells['action']!r} is not one of {', '.join(ACTIONS)}")
    if cells["action"] == "relabel" and cells["label"] not in EMOTIONS:
        raise DataError(f"{where}: label {cells['label']!r} is not one of {', '.join(EMOTIONS)}")
    return Finding(
        cells["split"],
        int(cells["row"]),
        cells["finding"],
        cast(Action, cells["action"]),
        cells["label"],
        cells["detail"],
    )
