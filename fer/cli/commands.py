"""Add commands to the command line, with the options that several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from fer.errors import UsageError
from fer.settings import Settings
from fer.vision.detect import KINDS

# Runs a command and returns its exit status; None means 0.
Handler = Callable[[argparse.Namespace], int | None]


class Commands:
    """The commands of the command line."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self._made = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(self, name: str, handler: Handler, about: str) -> argparse.ArgumentParser:
        """Add a command and return its parser, so that the caller can add options."""
        made = self._made.add_parser(name, help=about, description=about)
        made.set_defaults(handler=handler)
        return made


def refuse_where_forbidden(options: argparse.Namespace) -> None:
    """Raise UsageError if the law in FER_REGION forbids reading a class."""
    if options.forbidden:
        raise UsageError(
            "FER_REGION names a place where the law forbids reading a class; "
            "see Responsible use in the README"
        )


def reading_options(one: argparse.ArgumentParser, settings: Settings) -> None:
    """Add the options for detecting and reading faces."""
    one.add_argument(
        "--detector", choices=KINDS, default=settings.detector, help="face detector (auto)"
    )
    one.add_argument(
        "--model", type=Path, default=settings.model, metavar="DIR", help="folder of the network"
    )
    one.add_argument("--json", action="store_true", help="print the results as JSON")
    one.set_defaults(
        runtime=settings.runtime, files=settings.detector_files, forbidden=settings.forbidden
    )
