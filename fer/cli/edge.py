"""`fer edge`: read a class with a camera; show an annotated stream and print numbers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields

from fer.cli.commands import Commands, reading_options, refuse_where_forbidden
from fer.errors import UsageError
from fer.settings import Settings


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add(
        "edge", edge, "read a class with a camera, on a small computer without pages"
    )
    one.add_argument(
        "--camera",
        required=True,
        metavar="0|FILE|URL",
        help="a camera's number, a video, or a stream's address (rtsp://…, http://…)",
    )
    one.add_argument(
        "--mjpeg-port", type=int, metavar="PORT", help="serve the frames with boxes on this port"
    )
    one.add_argument(
        "--host",
        default="127.0.0.1",
        help="who can watch: this computer (127.0.0.1), or everybody (0.0.0.0)",
    )
    one.add_argument(
        "--viewers", type=int, default=4, metavar="N", help="viewers at once, at most (4)"
    )
    one.add_argument(
        "--window",
        action="store_true",
        help="show the frames in a window; needs opencv-python, not opencv-python-headless",
    )
    one.add_argument("--blur", action="store_true", help="blur the faces in the shown frames")
    one.add_argument("--fps", type=float, default=10.0, help="frames a second, at most (10)")
    one.add_argument(
        "--side",
        type=int,
        default=960,
        metavar="PIXELS",
        help="detect at this size (960); a larger one finds smaller faces and takes more memory",
    )
    reading_options(one, settings)
    one.set_defaults(names=list(settings.hosts))


def edge(options: argparse.Namespace) -> int:
    """Check the options, then replace this process by the device's."""
    check(options)
    os.execv(sys.executable, command(options))


def check(options: argparse.Namespace) -> None:
    """Raise UsageError if an option has an impossible value, or the law forbids the command."""
    refuse_where_forbidden(options)
    for name in ("viewers", "fps", "side"):
        if not getattr(options, name) > 0:
            raise UsageError(f"--{name} must be more than 0")
    if not 0 <= (options.mjpeg_port or 0) <= 65535:
        raise UsageError("--mjpeg-port must be a number up to 65535")


def command(options: argparse.Namespace) -> list[str]:
    """Return the command of a process that loads only what the device needs.

    The modules of the other commands would take a fifth of the device's memory.
    """
    from fer.edge.run import Options

    given = {each.name: getattr(options, each.name) for each in fields(Options)}
    return [sys.executable, "-m", "fer.edge", json.dumps(given, default=str)]
