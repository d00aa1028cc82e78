"""Read one split of a data set, in any form in which faces like FER2013 are distributed.

    sheets      SPLIT.webp (48x48 tiles, 100 a row) with SPLIT.csv, for any split
    a table     fer2013.csv or icml_face_data.csv, and FER+'s fer2013new.csv if it lies beside it
    folders     train/angry/1.jpg, test/happy/2.png …

A folder that holds several forms is read in the first of them. `Dataset.rows` counts from 0 within
the split: the tile's number in a sheet, the place among the split's rows of a table, or the place
among the sorted pictures of the folder. So findings made on the sheets fit the table as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fer.errors import DataError
from fer.training.data import findings as cleaning
from fer.training.data.dataset import SPLITS, Dataset
from fer.training.data.fer2013_csv import TABLES, read_table, splits_in_table, table_in
from fer.training.data.folders import FOLDERS, read_folders, split_folders, splits_in_folders
from fer.training.data.sheets import read_sheet, splits_in_sheets

MOST_NAMED = 5  # unreadable pictures that are named


def load(folder: str | Path, split: str, clean: str | Path | None = None) -> Dataset:
    """Return one split of the data in the folder, with the findings of `clean` applied."""
    if split not in SPLITS:
        raise DataError(f"no split is called {split!r}: choose one of {', '.join(SPLITS)}")
    data = _read(Path(folder), split)
    return data if clean is None else cleaning.apply(data, clean)


def splits_in(folder: str | Path) -> tuple[str, ...]:
    """Return the splits that the folder holds, in their usual order."""
    folder = _checked(Path(folder))
    if sheets := splits_in_sheets(folder):
        return sheets
    if table := table_in(folder):
        return splits_in_table(table)
    return splits_in_folders(folder)


def log_skipped(data: Dataset, log: Callable[[str], None]) -> None:
    """Log how many pictures of a split could not be read, and their names."""
    if data.skipped:
        count, named = len(data.skipped), ", ".join(data.skipped[:MOST_NAMED])
        more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        log(f"{data.split}: skipped {pictures} that cannot be read: {named}{more}")


def _read(folder: Path, split: str) -> Dataset:
    folder = _checked(folder)
    if sheets := splits_in_sheets(folder):
        if split not in sheets:
            raise DataError(
                f"{folder}: no sheet {split}.webp with {split}.csv, only {_and(sheets)}"
            )
        return read_sheet(folder, split)
    if table := table_in(folder):
        return read_table(table, split)
    return read_folders(folder, split)


def _checked(folder: Path) -> Path:
    """Return the folder; raise a DataError if it holds no known form."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if not (splits_in_sheets(folder) or table_in(folder) or split_folders(folder)):
        names = ", ".join(f"{names[0]}/" for names in FOLDERS.values())
        raise DataError(
            f"{folder}: no data set in it (looked for SPLIT.webp with SPLIT.csv where SPLIT is one "
            f"of {', '.join(SPLITS)}; {', '.join(TABLES)}; folders {names} of class-named pictures)"
        )
    return folder


def _and(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
