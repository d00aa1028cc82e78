"""`fer serve`: serve the app's pages on this computer or to a network."""

from __future__ import annotations

import argparse
import runpy
import signal
import sys
from pathlib import Path
from typing import Final

from fer.cli.commands import Commands
from fer.cli.doctor import check_package
from fer.cli.terminal import message
from fer.errors import UsageError
from fer.machine import asset, asset_missing
from fer.net import is_local
from fer.settings import Settings

ADDRESS: Final = "127.0.0.1"
PORT: Final = 8501


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add("serve", serve, "serve the app's pages; further options go to Streamlit")
    one.add_argument(
        "--address",
        default=ADDRESS,
        help=f"who can reach it: this computer ({ADDRESS}), or everybody on the network (0.0.0.0)",
    )
    one.add_argument("--port", type=port, default=PORT, help=f"port to listen on ({PORT})")
    one.set_defaults(takes_further=True, further=[])


def port(text: str) -> int:
    """Return the port in an option's text."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, not {text!r}")
    return int(text)


def serve(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C, which ends the process with status 0."""
    from fer.server import connections  # only here, as it loads the server

    check_package()
    connections.install()
    connections.raise_file_limit()
    arguments = command(options, asset("app.py"))
    host = f"[{options.address}]" if ":" in options.address else options.address
    message(f"fer: serving at http://{host}:{options.port} (Ctrl-C ends it)")
    if not is_local(options.address):
        message("fer: there is no sign-in: all who reach that address can use the app")
    # The server restores this handler once it has ended, and calls it. Without it Streamlit's
    # command line would print "Aborted!" and end with status 1.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    # Run in this process, so that every signal reaches the server.
    sys.argv = arguments
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def command(options: argparse.Namespace, app: Path) -> list[str]:
    """Return the command line that serves this app with Streamlit."""
    if not app.is_file():
        raise UsageError(asset_missing(app))
    given = [f"--server.address={options.address}", f"--server.port={options.port}"]
    return ["streamlit", "run", str(app), *given, *options.further]
