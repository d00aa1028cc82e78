"""A run's folder: what was asked for, what happened, and enough to go on after a kill.

    config.json        the recipe and the options, with the versions that ran them
    log.csv            a line an epoch
    curves.svg         the log as a picture
    state.npz          everything that training needs to go on from the last finished epoch
    epochs/NNN.npz     the (averaged) weights after each epoch
    best.keras         the epoch that was best on PublicTest; last.keras the last one

Every file is written beside its place and moved there, so a kill leaves the old one or the new one.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.errors import ModelError
from fer.machine import replacing, write_text
from fer.tables import write_csv

Array = npt.NDArray[Any]
Row = dict[str, float | None]  # a line of the log


@dataclass
class State:
    """Where training stands after a finished epoch."""

    epoch: int  # how many are finished
    seconds: float  # spent so far
    weights: list[Array]
    optimizer: list[Array]
    average: list[Array]
    stage: int = 0  # of a recipe that trains in stages


class Run:
    """One run folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def state_file(self) -> Path:
        return self.folder / "state.npz"

    @property
    def log_file(self) -> Path:
        return self.folder / "log.csv"

    def write_config(self, config: dict[str, Any]) -> None:
        write_text(self.folder / "config.json", json.dumps(config, indent=1) + "\n")

    def config(self) -> dict[str, Any]:
        path = self.folder / "config.json"
        try:
            loaded: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as fault:
            raise ModelError(f"{path}: no run to read here ({fault})") from fault
        return loaded

    def save_state(self, state: State) -> None:
        with replacing(self.state_file) as path:
            np.savez(
                path,
                epoch=state.epoch,
                seconds=state.seconds,
                stage=state.stage,
                **_numbered("weight", state.weights),
                **_numbered("optimizer", state.optimizer),
                **_numbered("average", state.average),
            )

    def load_state(self) -> State | None:
        """The last finished epoch, or None where none was finished."""
        if not self.state_file.exists():
            return None
        with self._kept() as kept:
            lists = {
                kind: [kept[f"{kind}{i}"] for i in range(sum(k.startswith(kind) for k in kept))]
                for kind in ("weight", "optimizer", "average")
            }
            return State(
                int(kept["epoch"]),
                float(kept["seconds"]),
                lists["weight"],
                lists["optimizer"],
                lists["average"],
                int(kept["stage"]) if "stage" in kept else 0,  # older runs had no stages
            )

    def stands(self) -> tuple[int, float] | None:
        """Epochs finished and seconds spent, without reading the weights; None before the first."""
        if not self.state_file.exists():
            return None
        with self._kept() as kept:
            return int(kept["epoch"]), float(kept["seconds"])

    @contextmanager
    def _kept(self) -> Iterator[Any]:
        """The state file's arrays; whatever is wrong with them, in one line."""
        try:
            # Opened here, so that it is closed again when it turns out to be no state.
            with self.state_file.open("rb") as file, np.load(file) as kept:
                yield kept
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
            raise ModelError(f"{self.state_file}: not a training state ({fault})") from fault

    def save_epoch(self, epoch: int, weights: Sequence[Array]) -> None:
        with replacing(self.folder / "epochs" / f"{epoch:03d}.npz") as path:
            np.savez(path, *weights)

    def save_model(self, name: str, save: Callable[[str], None]) -> None:
        with replacing(self.folder / f"{name}.keras") as path:
            save(str(path))

    def write_text(self, name: str, text: str) -> None:
        write_text(self.folder / name, text)

    def log(self) -> list[Row]:
        """The finished epochs' lines."""
        if not self.log_file.exists():
            return []
        with self.log_file.open(newline="") as lines:
            return [
                {name: _number(value) if value else None for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]

    def write_log(self, rows: Sequence[Row]) -> None:
        with replacing(self.log_file) as path, path.open("w", newline="") as lines:
            columns = list(rows[0]) if rows else ["epoch"]
            write_csv(lines, columns, ([row[name] for name in columns] for row in rows))


def _number(written: str) -> float:
    """A whole one stays whole: a run that goes on writes its log anew."""
    return int(written) if written.isdigit() else float(written)


def _numbered(kind: str, arrays: Sequence[Array]) -> dict[str, Any]:
    return {f"{kind}{index}": array for index, array in enumerate(arrays)}
