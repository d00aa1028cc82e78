"""What was read, as CSV for a spreadsheet: a row a face, written as it comes."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fer.emotions import EMOTIONS
from fer.faces import Faces

BOX: Final = ("left", "top", "width", "height")


class FaceTable:
    """A sink: `with FaceTable(path, "time") as table: table.add(0.04, faces)`.

    The first column is what the faces belong to: a time in seconds, or a file's name.
    """

    def __init__(self, path: Path, first: str) -> None:
        self._path, self._first = path, first

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow([self._first, "id", *BOX, *EMOTIONS, "word"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, of: float | str, faces: Faces) -> None:
        """A row for each face; what isn't known of it stays empty."""
        first = of if isinstance(of, str) else f"{of:.3f}"
        for record, word in zip(faces.to_records(), faces.words(), strict=True):
            shares = [record["emotions"].get(name, "") for name in EMOTIONS]
            self._rows.writerow([first, record["id"], *record["box"], *shares, word])
