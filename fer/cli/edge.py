"""`python -m fer edge`: a camera's class as a stream of pictures and a line of numbers a second."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields

from fer.cli.commands import Commands, heed_the_law, reading_options
from fer.errors import UsageError
from fer.settings import Settings


def add_command(commands: Commands, settings: Settings) -> None:
    """The command's word and options."""
    one = commands.add("edge", edge, "read the class that a camera sees, on a small computer")
    one.add_argument(
        "--camera",
        required=True,
        metavar="0|FILE|URL",
        help="a camera's number, a video, or a stream's address (rtsp://…, http://…)",
    )
    one.add_argument(
        "--mjpeg-port", type=int, metavar="PORT", help="serve the picture with boxes on this port"
    )
    one.add_argument(
        "--host", default="127.0.0.1", help="to whom: this computer (127.0.0.1), or 0.0.0.0 for all"
    )
    one.add_argument("--viewers", type=int, default=4, metavar="N", help="at most, at once (4)")
    one.add_argument(
        "--window",
        action="store_true",
        help="show it in a window here; needs opencv-python instead of opencv-python-headless",
    )
    one.add_argument("--blur", action="store_true", help="blur the faces in what is shown")
    one.add_argument("--fps", type=float, default=10.0, help="pictures a second, at most (10)")
    one.add_argument(
        "--side",
        type=int,
        default=960,
        metavar="PIXELS",
        help="search at this size (960); a larger one finds smaller faces and takes more memory",
    )
    reading_options(one, settings)


def edge(options: argparse.Namespace) -> int:
    check(options)
    os.execv(sys.executable, command(options))


def check(options: argparse.Namespace) -> None:
    """What the options ask for can be done, and may be."""
    heed_the_law(options)
    for name in ("viewers", "fps", "side"):
        if not getattr(options, name) > 0:
            raise UsageError(f"--{name} must be more than 0")
    if not 0 <= (options.mjpeg_port or 0) <= 65535:
        raise UsageError("--mjpeg-port is a number up to 65535")


def command(options: argparse.Namespace) -> list[str]:
    """What this process becomes: one that holds the device alone.

    The command line has loaded what its other commands need, which is a fifth of what a small
    computer should give to all of it.
    """
    from fer.edge.run import Options

    given = {each.name: getattr(options, each.name) for each in fields(Options)}
    return [sys.executable, "-m", "fer.edge", json.dumps(given, default=str)]
