"""Run a whole training as a managed cloud job: train, calibrate, export, evaluate on PublicTest.

    python -m fer.training.cloud.job --recipe ours --minutes 110 --data gs://BUCKET/faces

The exit status is 0 with a model; 1 with the reason; or 143 if the platform took the machine away.
The same job started again then goes on after the last finished epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from fer.errors import FerError, UsageError
from fer.training.calibrate import calibrate
from fer.training.cloud.platforms import Platform, failure_file, platform_of
from fer.training.data.fetch import local
from fer.training.evaluate import EvaluationOptions, evaluate, summary
from fer.training.export import export
from fer.training.recipe import Overrides, Recipe
from fer.training.recipes import recipe_named
from fer.training.run_folder import LogRow, Run, RunOptions
from fer.training.trainer import Trainer

# What is needed to go on and to show a run; the state comes last, so it names nothing missing.
CHECKPOINT: Final = (
    "config.json",
    "log.csv",
    "curves.svg",
    "last.keras",
    "best.keras",
    "state.npz",
)
FAILED, TAKEN_AWAY = 1, 128 + signal.SIGTERM
FindRecipe = Callable[[str], Recipe]


class TakenAway(BaseException):
    """SIGTERM came: the machine stops in seconds. Not an Exception, so that nothing catches it."""


class JobParser(argparse.ArgumentParser):
    """A parser that raises its errors: on a platform nobody reads a usage text."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class JobTrainer(Trainer):
    """A run on the machine's disk that copies each saved epoch to the platform's checkpoint folder.

    It does not train there: mounted buckets are slow, keep no file modes, and cannot write into the
    middle of a file.
    """

    def __init__(self, checkpoints: Path, boards: Path | None, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._checkpoints, self._board = checkpoints, board(boards, self.log)
        checkpoints.mkdir(parents=True, exist_ok=True)

    def save(self, row: LogRow) -> None:
        super().save(row)
        for name in CHECKPOINT:
            if (self.run.folder / name).exists():
                part = self._checkpoints / f"{name}.part"
                shutil.copyfile(self.run.folder / name, part)
                part.replace(self._checkpoints / name)
        self._board({name: value for name, value in row.items() if value is not None})


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    find: FindRecipe = recipe_named,
) -> int:
    """Run the job from its start, or go on with it; return the exit status."""
    before = signal.signal(signal.SIGTERM, _taken_away)
    try:
        platform = platform_of(environ, sys.argv[1:] if arguments is None else arguments)
        run(platform, find)
    except TakenAway:
        log("stopped; start the same job again to go on after the last finished epoch")
        return TAKEN_AWAY
    except Exception as fault:  # the platform needs a reason for any failure
        if not isinstance(fault, FerError):
            traceback.print_exc()
        reason = str(fault) if isinstance(fault, FerError) else f"{type(fault).__name__}: {fault}"
        log(reason)
        if (file := failure_file(environ)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(reason[:1024])  # SageMaker reads no more than this
        return FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def run(platform: Platform, find: FindRecipe) -> None:
    """Do everything in a temporary folder, and copy the results where the platform expects them."""
    options = parser(platform).parse_args(platform.words)
    address = platform.local_path(options.data) if platform.data is None else str(platform.data)
    with tempfile.TemporaryDirectory() as scratch:
        trained, made = Path(scratch) / "run", Path(scratch) / "model"
        data = local(zip_in(address), log=log, progress=lambda *_: None, cache=Path(scratch))
        if (platform.checkpoints / "state.npz").exists():
            shutil.copytree(platform.checkpoints, trained)
        begun = Run(trained).begun_with()
        recipe, chosen = begun or (requested(options, find), RunOptions())
        minutes = chosen.minutes if options.minutes is None else options.minutes
        JobTrainer(
            platform.checkpoints,
            platform.boards,
            recipe,
            data,
            trained,
            replace(chosen, minutes=minutes),
            resume=True,
            log=log,
        ).train()
        calibrate(trained, data, log=log)
        export(trained, data, made, log=log)
        metrics = evaluate(
            made, data, "public_test", EvaluationOptions(report=made / "report"), log=log
        )
        (made / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
        for name in ("log.csv", "curves.svg", "config.json"):
            shutil.copyfile(trained / name, made / "report" / name)
        shutil.copytree(
            made, platform.model, dirs_exist_ok=True, copy_function=shutil.copyfile
        )  # without times and modes: buckets have none
    log(summary(metrics))


def parser(platform: Platform) -> argparse.ArgumentParser:
    """Return the parser of a job's options, given on its command line or as hyperparameters."""
    made = JobParser(
        prog="python -m fer.training.cloud.job", description=__doc__, allow_abbrev=False
    )
    if platform.data is None:
        made.add_argument("--data", required=True, metavar="gs://BUCKET/PATH")
    made.add_argument("--recipe", default="ours", metavar="NAME")
    made.add_argument("--minutes", type=float, metavar="M")
    Overrides.add_options(made)
    return made


def requested(options: argparse.Namespace, find: FindRecipe) -> Recipe:
    """Return the recipe that the options name, with what they override."""
    return Overrides.of(options).apply(find(options.recipe))


def zip_in(address: str) -> str:
    """Return the zip if the folder holds nothing else, as data in buckets often comes."""
    folder = Path(address)
    found = [*folder.iterdir()] if folder.is_dir() else []
    alone = len(found) == 1 and found[0].suffix.lower() == ".zip"
    return str(found[0]) if alone else address


def board(folder: Path | None, log: Callable[[str], None]) -> Callable[[Mapping[str, float]], None]:
    """Return a function that writes an epoch's figures for TensorBoard, if there is a folder."""
    if folder is None:
        return lambda _: None
    try:
        tf = import_module("tensorflow")
    except ImportError:
        log("no figures for TensorBoard: writing them needs TensorFlow, which is not installed")
        return lambda _: None
    folder.mkdir(parents=True, exist_ok=True)
    # As records, since tf.summary needs the package tensorboard, which only shows them.
    writer = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}.fer"))

    def write(**content: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **content)
        writer.write(event.SerializeToString())
        writer.flush()

    def epoch(row: Mapping[str, float]) -> None:
        values = [{"tag": name, "simple_value": value} for name, value in row.items()]
        write(step=int(row["epoch"]), summary=tf.compat.v1.Summary(value=values))

    write(file_version="brain.Event:2")
    return epoch


def log(line: str) -> None:
    """Print a line for the platform's log."""
    print(line, file=sys.stderr, flush=True)


def _taken_away(*_: object) -> None:
    raise TakenAway


if __name__ == "__main__":
    sys.exit(main())
