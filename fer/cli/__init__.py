"""Read the expressions of a class: `fer COMMAND`. An error is one line and exit status 2."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from fer.cli import bench, doctor, edge, models, photo, serve, training, video
from fer.cli.commands import Commands
from fer.cli.terminal import message
from fer.cli.training import fold
from fer.errors import FerError, UsageError
from fer.settings import Settings

__all__ = ["fold", "main", "message", "parser"]


def parser(settings: Settings) -> argparse.ArgumentParser:
    """Return the parser of all commands with their options."""
    top = argparse.ArgumentParser(prog="fer", description=__doc__)
    commands = Commands(top)
    photo.add_command(commands, settings)
    video.add_command(commands, settings)
    serve.add_command(commands, settings)
    edge.add_command(commands, settings)
    models.add_command(commands, settings)
    doctor.add_command(commands, settings)
    bench.add_command(commands, settings)
    training.add_commands(commands, settings)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        options = read(arguments)
        return options.handler(options) or 0
    except ModuleNotFoundError as fault:
        message(
            f"fer: the package {fault.name} is missing: install requirements.txt, or "
            "fer-classroom[training]; the small image has only the packages for serving"
        )
    except (FerError, OSError) as fault:
        message(f"fer: {fault}")
    except KeyboardInterrupt:
        message("fer: stopped; finished results were saved")
        return 130
    return 2


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command in these arguments, by default those of the process."""
    top = parser(Settings.from_env())
    options, further = top.parse_known_args(arguments)
    if further and not getattr(options, "takes_further", False):
        top.error(f"unrecognized arguments: {' '.join(further)}")
    if further:
        options.further = further
    for name in ("minutes", "every", "frames"):  # a recipe's values are checked by Overrides
        value = getattr(options, name, None)
        if value is not None and not value > 0:
            raise UsageError(f"--{name} must be more than 0")
    return options
