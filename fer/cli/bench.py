"""`fer bench`: measure the work of reading a class, and compare it with a tutorial's loop.

With --live: measure how many live lessons the running app serves, and how late its answers are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fer.cli.commands import Commands
from fer.cli.terminal import message
from fer.errors import UsageError
from fer.settings import Settings

# Beside a developer's checkout. Measurements without their files are left out.
SHARED: Final = Path(__file__).resolve().parent.parent.parent.parent / "shared"


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add(
        "bench", bench, "measure the work of reading faces, and how late answers are"
    )
    one.add_argument("--model", type=Path, default=settings.model, help="folder of the network")
    one.add_argument(
        "--frames", type=int, default=60, metavar="N", help="frames to read of each stream (60)"
    )
    one.add_argument(
        "--detectors",
        type=Path,
        default=settings.detector_files or SHARED / "detectors",
        metavar="DIR",
        help="folder searched for YuNet's file, besides the user's cache folder",
    )
    one.add_argument(
        "--galleries",
        type=Path,
        default=SHARED / "galleries",
        metavar="DIR",
        help="pictures with known faces (faces.json), to measure recall",
    )
    one.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="measure only the detectors, on pictures with known faces (faces.json)",
    )
    one.add_argument(
        "--curve",
        type=Path,
        metavar="SVG",
        help="with --pictures: also plot recall over false boxes for every threshold",
    )
    one.add_argument(
        "--plot", type=Path, metavar="SVG", help="also plot the work over the number of faces"
    )
    one.add_argument(
        "--live",
        action="store_true",
        help="measure the running app instead, with clients on this computer",
    )
    one.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="with --live: then also run eight clients for M minutes and print the memory used",
    )
    one.add_argument("--json", action="store_true", help="print the results as JSON")
    one.set_defaults(settings=settings)


def bench(options: argparse.Namespace) -> None:
    """Measure and print the result."""
    if options.minutes and not options.live:
        raise UsageError("--minutes works only with --live: add --live")
    if options.curve and not options.pictures:
        raise UsageError("--curve works only with --pictures: add --pictures DIR")
    if options.live and options.pictures:
        raise UsageError("--live and --pictures measure different things: give one of them")
    if options.live:
        live(options)
        return
    if options.pictures:
        pictures(options)
        return
    from fer.bench import bench, lines

    result = bench(
        options.model,
        options.detectors,
        options.galleries,
        options.frames,
        growth=options.plot is not None,
        log=lambda what: message(f"fer: measuring {what} …"),
    )
    if options.plot is not None:
        options.plot.write_text(plot(result["growth"]))
    print(json.dumps(result) if options.json else "\n".join(lines(result)))


def pictures(options: argparse.Namespace) -> None:
    """Measure the detectors on a folder of pictures with known faces."""
    from fer.bench import detection, usable

    known = detection.known_pictures(options.pictures)
    analyzers = usable(options.model, options.detectors)
    analyzers.pop("auto")  # it is one of the others
    found = detection.scores(
        analyzers,
        known,
        log=lambda name: message(f"fer: measuring {name} …"),
    )
    if options.curve is not None:
        options.curve.write_text(recall_plot({key: one.curve() for key, one in found.items()}))
    measured = detection.rows(found)
    if options.json:
        print(json.dumps({"pictures": len(known), "rows": measured}))
    else:
        print("\n".join(detection.lines(measured, len(known))))


def live(options: argparse.Namespace) -> None:
    """Measure the running app; its model and settings come from the environment."""
    from fer.bench import live

    settings: Settings = options.settings
    if options.model != settings.model:
        raise UsageError("--model does not work with --live: set FER_MODEL instead")
    result = live.measure(
        settings, minutes=options.minutes or 0, log=lambda what: message(f"fer: {what} …")
    )
    print(json.dumps(result) if options.json else "\n".join(live.lines(result)))


def recall_plot(curves: Mapping[tuple[str, str], Sequence[tuple[float, float]]]) -> str:
    """Return an SVG file with a chart for each path: a line for each detector."""
    from fer.training.reports.charts import Axes, lines
    from fer.training.reports.curves import picture

    charts = []
    for path in dict.fromkeys(path for _, path in curves):
        series = {kind: curve for (kind, one), curve in curves.items() if one == path}
        least = min((recall for curve in series.values() for _, recall in curve), default=0.0)
        axes = Axes(
            across=f"{path}: false boxes a picture", up="recall", y_range=(min(least, 0.95), 1)
        )
        charts.append(lines(series, axes, marks=True))
    return picture(charts)


def plot(growth: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG chart of the work for a frame over its faces, with a line for each size."""
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
