"""`fer models`: list the files of the neural detectors, or fetch the missing ones."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fer.cli.commands import Commands
from fer.cli.terminal import message
from fer.settings import Settings


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add("models", models, "list the detectors' files, or fetch the missing ones")
    one.add_argument(
        "what", nargs="?", choices=("list", "fetch"), default="list", help="list (default) or fetch"
    )
    one.add_argument(
        "--to",
        type=Path,
        default=settings.detector_files,
        metavar="DIR",
        help="folder for fetched files (the user's cache folder)",
    )
    one.add_argument("--json", action="store_true", help="print the list as JSON")


def models(options: argparse.Namespace) -> None:
    """Fetch the files, or print each with its path, licence and use."""
    from fer.vision.detect.files import FETCHABLE, fetch, status

    if options.what == "fetch":
        for file in FETCHABLE:
            fetch(file, options.to, log=message)
    rows = status(options.to)
    if options.json:
        print(json.dumps(rows, indent=1))
    elif options.what == "list":
        for row in rows:
            print(f"{row['name']}: {row['path'] or row['fault'] or 'not installed'}")
            print(f"    {row['about']} ({row['licence']}); for {row['needed_for']}")
