"""Read and write a run's folder, so that a run can go on after it was killed.

    config.json        the recipe and the options, with the versions that ran them
    log.csv            a line for each epoch
    curves.svg         the log as a chart
    state.npz          everything that training needs to go on from the last saved epoch
    epochs/NNN.npz     the (averaged) weights after each saved epoch
    best.keras         the epoch that was best on PublicTest
    last.keras         the last saved epoch

Each file is written under a temporary name and then renamed, so a kill leaves a whole file.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fer.errors import ModelError
from fer.machine import replacing, write_text
from fer.tables import write_csv
from fer.training.recipe import Recipe, positive, recipe_from

Array = npt.NDArray[Any]
LogRow = dict[str, float | None]  # a line of the log
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class RunOptions:
    """What is chosen for one run beside its recipe. config.json keeps it."""

    minutes: float | None = None  # fit the schedule to this time; None: the recipe's epochs
    clean: Path | None = None  # findings to apply when faces are loaded
    fold: tuple[int, int] | None = None  # (K, N): leave part K of N of Training out
    precision: Precision = "auto"  # auto: bfloat16 on a GPU that has it; bfloat16: on a CPU too
    start: Path | None = None  # a model or run whose weights the run begins from
    save_every: float = 0.0  # minutes between saves, which only happen after an epoch; 0: each

    def __post_init__(self) -> None:
        positive("minutes", self.minutes)

    def as_config(self) -> dict[str, Any]:
        """Return the entries of config.json."""
        return {
            "minutes": self.minutes,
            "clean": None if self.clean is None else str(self.clean),
            "fold": self.fold,
            "precision": self.precision,
            "start": None if self.start is None else str(self.start),
            "save_every": self.save_every,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RunOptions:
        """Return the options in the content of a config.json, of this version or an older one."""
        return cls(
            minutes=config.get("minutes"),
            clean=Path(config["clean"]) if config.get("clean") else None,
            fold=tuple(config["fold"]) if config.get("fold") else None,
            precision=config.get("precision", "auto"),
            start=Path(config["start"]) if config.get("start") else None,
            save_every=config.get("save_every", 0.0),
        )


@dataclass
class RunState:
    """Everything that training needs to go on after a finished epoch."""

    epoch: int  # how many are finished
    seconds: float  # spent so far
    weights: list[Array]
    optimizer: list[Array]
    average: list[Array]
    stage: int = 0  # of a recipe that trains in stages


class RunProgress(NamedTuple):
    """How far a run has come."""

    epochs: int
    seconds: float


class Run:
    """One run folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def state_file(self) -> Path:
        """The file that is needed to go on."""
        return self.folder / "state.npz"

    @property
    def log_file(self) -> Path:
        """The file with a line for each epoch."""
        return self.folder / "log.csv"

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.json."""
        write_text(self.folder / "config.json", json.dumps(config, indent=1) + "\n")

    def config(self) -> dict[str, Any]:
        """Return the content of config.json."""
        path = self.folder / "config.json"
        try:
            loaded: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as fault:
            raise ModelError(f"{path}: no run to read here ({fault})") from fault
        if not isinstance(loaded, dict):
            raise ModelError(f"{path}: no run to read here (not a JSON object)")
        return loaded

    def begun_with(self) -> tuple[Recipe, RunOptions] | None:
        """Return the recipe and options to go on with; None before the first saved epoch.

        Every command that goes on with a run (train, compare, the cloud job) asks this.
        """
        if not self.state_file.exists():
            return None
        config = self.config()
        return recipe_from(config), RunOptions.from_config(config)

    def save_state(self, state: RunState) -> None:
        """Replace state.npz."""
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

    def load_state(self) -> RunState | None:
        """Return the last saved state; None before the first."""
        if not self.state_file.exists():
            return None
        with self._saved_arrays() as saved:
            lists = {
                kind: [saved[f"{kind}{i}"] for i in range(sum(k.startswith(kind) for k in saved))]
                for kind in ("weight", "optimizer", "average")
            }
            return RunState(
                int(saved["epoch"]),
                float(saved["seconds"]),
                lists["weight"],
                lists["optimizer"],
                lists["average"],
                int(saved["stage"]) if "stage" in saved else 0,  # older runs had no stages
            )

    def progress(self) -> RunProgress | None:
        """Return the epochs and seconds saved so far, without reading the weights."""
        if not self.state_file.exists():
            return None
        with self._saved_arrays() as saved:
            return RunProgress(int(saved["epoch"]), float(saved["seconds"]))

    @contextmanager
    def _saved_arrays(self) -> Iterator[Any]:
        """Yield the state file's arrays; any fault in them becomes one ModelError."""
        try:
            # np.load would leave the file open if it turns out to be no state.
            with self.state_file.open("rb") as file, np.load(file) as saved:
                yield saved
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
            raise ModelError(f"{self.state_file}: not a training state ({fault})") from fault

    def save_epoch(self, epoch: int, weights: Sequence[Array]) -> None:
        """Write the weights after an epoch."""
        with replacing(self.folder / "epochs" / f"{epoch:03d}.npz") as path:
            np.savez(path, *weights)

    def save_model(self, name: str, save: Callable[[str], None]) -> None:
        """Write NAME.keras with `save`, which gets a path."""
        with replacing(self.folder / f"{name}.keras") as path:
            save(str(path))

    def write_text(self, name: str, text: str) -> None:
        """Replace the text of a file in the folder."""
        write_text(self.folder / name, text)

    def log(self) -> list[LogRow]:
        """Return the finished epochs' lines."""
        if not self.log_file.exists():
            return []
        with self.log_file.open(newline="") as lines:
            return [
                {name: _number(value) if value else None for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]

    def validation_losses(self) -> list[float]:
        """Return val_loss of each validated epoch."""
        return [loss for row in self.log() if (loss := row.get("val_loss")) is not None]

    def write_log(self, rows: Sequence[LogRow]) -> None:
        """Replace the log."""
        with replacing(self.log_file) as path, path.open("w", newline="") as lines:
            columns = list(rows[0]) if rows else ["epoch"]
            write_csv(lines, columns, ([row[name] for name in columns] for row in rows))


def _number(written: str) -> float:
    """Return the number; a whole one as an int, so that a rewritten log stays the same."""
    return int(written) if written.isdigit() else float(written)


def _numbered(kind: str, arrays: Sequence[Array]) -> dict[str, Any]:
    return {f"{kind}{index}": array for index, array in enumerate(arrays)}
