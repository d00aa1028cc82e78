"""The command line: `python -m fer COMMAND`. Exit status 0, or 2 with one clear line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from fer.cli import bench, edge, models, photo, training, video
from fer.cli.commands import Commands
from fer.cli.terminal import say
from fer.cli.training import fold
from fer.errors import FerError
from fer.settings import Settings

__all__ = ["fold", "main", "parser", "say"]


def parser(settings: Settings) -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(prog="python -m fer", description=__doc__)
    commands = Commands(top)
    photo.add_command(commands, settings)
    video.add_command(commands, settings)
    edge.add_command(commands, settings)
    models.add_command(commands, settings)
    bench.add_command(commands, settings)
    training.add_commands(commands, settings)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        options = parser(Settings.from_env()).parse_args(arguments)
    except FerError as fault:
        say(f"fer: {fault}")
        return 2
    for name in ("minutes", "every", "frames"):  # a recipe's values are checked by Overrides
        value = getattr(options, name, None)
        if value is not None and not value > 0:
            say(f"fer: --{name} must be more than 0")
            return 2
    try:
        return options.handler(options) or 0
    except FerError as fault:
        say(f"fer: {fault}")
        return 2
    except ModuleNotFoundError as fault:
        say(f"fer: {fault.name} is missing: this needs requirements.txt, or the image's full form")
        return 2
    except KeyboardInterrupt:
        say("fer: stopped; what was finished is kept")
        return 130
    except OSError as fault:
        say(f"fer: {fault}")
        return 2
