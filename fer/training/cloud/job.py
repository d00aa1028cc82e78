"""A whole training as a managed job: train, calibrate, export, and measure on PublicTest.

    python -m fer.training.cloud.job --recipe ours --minutes 110 --data gs://BUCKET/faces

It ends with status 0 and a model; with 1 and the reason; or with 143 where the platform took the
machine away, and then the same job started again goes on after the last finished epoch.
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
from fer.training.evaluate import evaluate, summary
from fer.training.export import export
from fer.training.recipe import Recipe, recipe_from
from fer.training.recipes import recipe_named
from fer.training.run_folder import Row, Run
from fer.training.trainer import Trainer

# What going on needs and what a run shows; the state comes last, so it names nothing missing.
KEPT: Final = ("config.json", "log.csv", "curves.svg", "last.keras", "best.keras", "state.npz")
FAILED, TAKEN_AWAY = 1, 128 + signal.SIGTERM
Find = Callable[[str], Recipe]


class TakenAway(BaseException):
    """SIGTERM: the machine goes in seconds. No Exception, so that nothing on the way keeps it."""


class Words(argparse.ArgumentParser):
    """A command line whose faults are raised: on a platform nobody reads a usage text."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class Job(Trainer):
    """A run on this machine's disk, whose every epoch is also kept where the machine can't take it.

    Mounted buckets are slow, keep no rights, and can't write into the middle of a file.
    """

    def __init__(self, kept: Path, boards: Path | None, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._kept, self._board = kept, board(boards, self.say)
        kept.mkdir(parents=True, exist_ok=True)

    def save(self, row: Row) -> None:
        super().save(row)
        for name in KEPT:
            if (self.run.folder / name).exists():
                part = self._kept / f"{name}.part"
                shutil.copyfile(self.run.folder / name, part)
                part.replace(self._kept / name)
        self._board({name: value for name, value in row.items() if value is not None})


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    find: Find = recipe_named,
) -> int:
    """The job from its start or from where it was taken away; the exit status."""
    before = signal.signal(signal.SIGTERM, _taken_away)
    try:
        platform = platform_of(environ, sys.argv[1:] if arguments is None else arguments)
        run(platform, find)
    except TakenAway:
        say("stopped; the same job goes on after the last finished epoch")
        return TAKEN_AWAY
    except Exception as fault:  # whatever it is, the platform must be told
        if not isinstance(fault, FerError):
            traceback.print_exc()
        reason = str(fault) if isinstance(fault, FerError) else f"{type(fault).__name__}: {fault}"
        say(reason)
        if (file := failure_file(environ)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(reason[:1024])  # SageMaker reads no more
        return FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def run(platform: Platform, find: Find) -> None:
    """Everything, in a folder that is thrown away; what is made goes where the platform wants."""
    options = parser(platform).parse_args(platform.words)
    address = platform.told(options.data) if platform.data is None else str(platform.data)
    with tempfile.TemporaryDirectory() as scratch:
        trained, made = Path(scratch) / "run", Path(scratch) / "model"
        data = local(zip_in(address), say=say, progress=lambda *_: None, cache=Path(scratch))
        if (platform.checkpoints / "state.npz").exists():
            shutil.copytree(platform.checkpoints, trained)
        kept = Run(trained)
        begun = kept.state_file.exists()
        config = kept.config() if begun else {}
        Job(
            platform.checkpoints,
            platform.boards,
            recipe_from(config) if begun else asked(options, find),
            data,
            trained,
            minutes=options.minutes or config.get("minutes"),
            resume=True,
            say=say,
        ).train()
        calibrate(trained, data, say=say)
        export(trained, data, made, say=say)
        metrics = evaluate(made, data, "public_test", report=made / "report", say=say)
        (made / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
        for name in ("log.csv", "curves.svg", "config.json"):
            shutil.copyfile(trained / name, made / "report" / name)
        shutil.copytree(
            made, platform.model, dirs_exist_ok=True, copy_function=shutil.copyfile
        )  # no times and rights: buckets have none
    say(summary(metrics))


def parser(platform: Platform) -> argparse.ArgumentParser:
    """What a job may be told, on the command line or as hyperparameters."""
    words = Words(prog="python -m fer.training.cloud.job", description=__doc__, allow_abbrev=False)
    if platform.data is None:
        words.add_argument("--data", required=True, metavar="gs://BUCKET/PATH")
    words.add_argument("--recipe", default="ours", metavar="NAME")
    words.add_argument("--minutes", type=float, metavar="M")
    for name in ("epochs", "batch", "seed"):
        words.add_argument(f"--{name}", type=int, metavar="N")
    return words


def asked(options: argparse.Namespace, find: Find) -> Recipe:
    """The recipe of that name, with what else was said."""
    told = {name: getattr(options, name) for name in ("epochs", "batch", "seed")}
    told = {name: value for name, value in told.items() if value is not None}
    for name in ("epochs", "batch", "minutes"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise UsageError(f"{name} must be more than 0")
    return replace(find(options.recipe), **told)


def zip_in(address: str) -> str:
    """The zip, where a folder holds nothing else: buckets' data often comes so."""
    folder = Path(address)
    found = [*folder.iterdir()] if folder.is_dir() else []
    alone = len(found) == 1 and found[0].suffix.lower() == ".zip"
    return str(found[0]) if alone else address


def board(folder: Path | None, say: Callable[[str], None]) -> Callable[[Mapping[str, float]], None]:
    """Writes an epoch's figures for TensorBoard, where there is a folder for it."""
    if folder is None:
        return lambda _: None
    try:
        tf = import_module("tensorflow")
    except ImportError:
        say("no figures for TensorBoard: they are written with TensorFlow, which is not here")
        return lambda _: None
    folder.mkdir(parents=True, exist_ok=True)
    # As records, since tf.summary needs the package tensorboard, which only shows them.
    writer = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}.fer"))

    def write(**told: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **told)
        writer.write(event.SerializeToString())
        writer.flush()

    def epoch(row: Mapping[str, float]) -> None:
        values = [{"tag": name, "simple_value": value} for name, value in row.items()]
        write(step=int(row["epoch"]), summary=tf.compat.v1.Summary(value=values))

    write(file_version="brain.Event:2")
    return epoch


def say(line: str) -> None:
    """A line for the platform's log."""
    print(line, file=sys.stderr, flush=True)


def _taken_away(*_: object) -> None:
    raise TakenAway


if __name__ == "__main__":
    sys.exit(main())
