"""`python -m fer bench`: how much work reading a class is, beside the loop of the tutorials.

With --live: how many live pictures the running app keeps up with, and how late its answers are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fer.cli.commands import Commands
from fer.cli.terminal import say
from fer.errors import UsageError
from fer.settings import Settings

# Beside a developer's checkout; what is missing there is left out of the measurement.
SHARED: Final = Path(__file__).resolve().parent.parent.parent.parent / "shared"


def add_command(commands: Commands, settings: Settings) -> None:
    """The command's options."""
    one = commands.add("bench", bench, "measure how much work reading faces is")
    one.add_argument("--model", type=Path, default=settings.model, help="model folder")
    one.add_argument("--frames", type=int, default=60, metavar="N", help="of each feed (60)")
    one.add_argument(
        "--detectors",
        type=Path,
        default=settings.detector_files or SHARED / "detectors",
        metavar="DIR",
        help="where YuNet's file may be, besides the user's cache folder",
    )
    one.add_argument(
        "--galleries",
        type=Path,
        default=SHARED / "galleries",
        metavar="DIR",
        help="pictures with known faces (faces.json) to measure recall on",
    )
    one.add_argument("--plot", type=Path, metavar="SVG", help="also plot how the work grows")
    one.add_argument(
        "--live", action="store_true", help="the running app instead, with clients over loopback"
    )
    one.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="with --live: then eight clients for so long, to see whether its memory grows",
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(settings=settings)


def bench(options: argparse.Namespace) -> None:
    if options.minutes and not options.live:
        raise UsageError("--minutes goes with --live")
    if options.live:
        live(options)
        return
    from fer.bench import bench, lines

    result = bench(
        options.model,
        options.detectors,
        options.galleries,
        options.frames,
        grow=options.plot is not None,
        say=lambda what: say(f"fer: measuring {what} …"),
    )
    if options.plot is not None:
        options.plot.write_text(plot(result["growth"]))
    print(json.dumps(result) if options.json else "\n".join(lines(result)))


def live(options: argparse.Namespace) -> None:
    """The app as it runs with the environment's settings; a network is named by them alone."""
    from fer.bench import live

    settings: Settings = options.settings
    if options.model != settings.model:
        raise UsageError("--live measures the app as it is set: name the model by FER_MODEL")
    result = live.measure(
        settings, minutes=options.minutes or 0, say=lambda what: say(f"fer: {what} …")
    )
    print(json.dumps(result) if options.json else "\n".join(live.lines(result)))


def plot(growth: Sequence[Mapping[str, Any]]) -> str:
    """The work of a frame over the faces in it, a line a size of picture, as an SVG file."""
    from fer.training.reports.charts import Axes, lines
    from fer.training.reports.curves import picture

    most = 1.1 * max(row["cpu_ms"] for row in growth)
    columns = {"cpu_ms": "CPU-ms a frame", "floor_cpu_ms": "of it without reading"}
    charts = []
    for column, up in columns.items():
        series: dict[str, list[tuple[float, float]]] = {}
        for row in growth:
            name = "{}×{}".format(*row["size"])
            series.setdefault(name, []).append((row["faces"], row[column]))
        axes = Axes(across="faces in the picture", up=up, y_range=(0, most))
        charts.append(lines(series, axes, marks=True))
    return picture(charts)
