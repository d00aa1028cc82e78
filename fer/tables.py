"""Write CSV files. All of the project's CSV files are written here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from fer.emotions import EMOTIONS
from fer.faces import Faces

BOX: Final = ("left", "top", "width", "height")
FACE: Final = ("id", *BOX, *EMOTIONS, "word")  # the columns that describe one face
EXCEL_MARK: Final = "\ufeff"  # the byte order mark; without it Excel misreads UTF-8
FORMULA: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # first characters at which a spreadsheet runs a text as a formula


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows to `stream`, which must not translate line ends.

    A text that a spreadsheet would run as a formula gets an apostrophe in front. Numbers stay
    unchanged, also negative ones.
    """
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows(map(_harmless, rows))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a header and rows as the text of a CSV file that Excel reads correctly."""
    stream = io.StringIO(newline="")
    stream.write(EXCEL_MARK)
    write_csv(stream, columns, rows)
    return stream.getvalue()


def face_rows(source: float | str, faces: Faces) -> Iterator[list[Any]]:
    """Yield a row for each face: its source (seconds or a file's name), then the columns `FACE`.

    Unknown values are empty cells.
    """
    first = source if isinstance(source, str) else f"{source:.3f}"
    for record, word in zip(faces.to_records(), faces.words(), strict=True):
        shares = [record["emotions"].get(name, "") for name in EMOTIONS]
        yield [first, record["id"], *record["box"], *shares, word]


class FaceTable:
    """A CSV file of faces: `with FaceTable(path, "time") as table: table.add(0.04, faces)`.

    `first` is the name of the first column, which holds each face's source.
    """

    def __init__(self, path: Path, first: str) -> None:
        self._path, self._first = path, first

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w", newline="", encoding="utf-8")
        write_csv(self._file, [self._first, *FACE], [])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, source: float | str, faces: Faces) -> None:
        """Write a row for each face."""
        csv.writer(self._file).writerows(map(_harmless, face_rows(source, faces)))


def _harmless(cells: Sequence[Any]) -> list[Any]:
    """Return the cells, with an apostrophe before each text that would run as a formula."""
    return [
        f"'{cell}"
        if isinstance(cell, str) and cell.startswith(FORMULA) and not _number(cell)
        else cell
        for cell in cells
    ]


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
