"""How a command is added to the command line, and the options that some of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from fer.errors import UsageError
from fer.settings import Settings
from fer.vision.detect import KINDS

# Does the work; the exit status, where it isn't 0.
Handler = Callable[[argparse.Namespace], int | None]


class Commands:
    """The commands so far: `add` makes another."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self._made = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(self, name: str, handler: Handler, about: str) -> argparse.ArgumentParser:
        """A command; its options are added to what this returns."""
        made = self._made.add_parser(name, help=about, description=about)
        made.set_defaults(handler=handler)
        return made


def heed_the_law(options: argparse.Namespace) -> None:
    """Refuses to read a class where FER_REGION says that the law forbids it."""
    if options.forbidden:
        raise UsageError(
            "FER_REGION says that this runs where the law forbids reading a class; "
            "the README tells more under Responsible use"
        )


def reading_options(one: argparse.ArgumentParser, settings: Settings) -> None:
    """With what faces are found and read."""
    one.add_argument(
        "--detector", choices=KINDS, default=settings.detector, help="what finds the faces (auto)"
    )
    one.add_argument(
        "--model", type=Path, default=settings.model, metavar="DIR", help="folder of the network"
    )
    one.add_argument("--json", action="store_true", help="print the results as JSON")
    one.set_defaults(
        runtime=settings.runtime, files=settings.detector_files, forbidden=settings.forbidden
    )
