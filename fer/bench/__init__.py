"""Measure the work of reading a class: `fer bench`.

Figures are the CPU time of all threads, which depends least on other work of the machine. Programs
that are compared take turns within one run, so their ratios are reliable. Figures of different
machines cannot be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fer.bench import cold, detection, loop, network, tutorial
from fer.bench.feed import Feed
from fer.vision.analyzer import Analyzer

__all__ = ["bench", "lines"]

COUNTS: Final = (1, 25, 49)
FRAMES: Final = 60
TUTORIAL_FRAMES: Final = 3  # at several seconds each


def bench(
    model: Path,
    files: Path | None = None,
    galleries: Path | None = None,
    frames: int = FRAMES,
    *,
    growth: bool = False,
    log: Any = lambda line: None,
) -> dict[str, Any]:
    """Return all measurements. `files` holds YuNet's file, `galleries` pictures of known faces."""
    log("the network's forms")
    result: dict[str, Any] = {"forms": network.bench(model)}
    analyzers = usable(model, files)
    feeds = [Feed(count) for count in COUNTS]
    log(f"the whole loop, {frames} frames of {', '.join(map(str, COUNTS))} faces")
    taught = tutorial.Tutorial.load(model)
    result |= loop.measure(analyzers, feeds, frames, taught, TUTORIAL_FRAMES)
    if growth:
        log("the work over faces and size of frame")
        result["growth"] = loop.growth(analyzers["auto"], frames)
    log("the first answer of a new process")
    result["cold_start"] = cold.measure(model)
    if galleries is not None and (galleries / detection.TRUTH).is_file():
        log("recall after two seconds")
        result["recall"] = detection.galleries(analyzers, galleries)
    return result


def usable(model: Path, files: Path | None) -> dict[str, Analyzer]:
    """Return an analyzer for each detector whose files are installed, by the detector's name."""
    from fer.errors import ModelError
    from fer.vision.detect import KINDS

    found: dict[str, Analyzer] = {}
    for kind in KINDS:
        analyzer = Analyzer(model, detector=kind, files=files)
        try:
            analyzer.load()
        except ModelError:
            continue
        found[kind] = analyzer
    return found


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as lines for a terminal."""
    out = network.lines(result["forms"])
    out += ["", "the whole loop at 1280x720: CPU-milliseconds a frame"]
    names = [*result["loop"][0]["stages"]]
    out.append(f"{'':12}faces   loop  floor  wall  " + "".join(f"{name:>10}" for name in names))
    for row in result["loop"]:
        stages = "".join(f"{row['stages'][name]:>10.1f}" for name in names)
        out.append(
            f"{row['detector']:12}{row['faces']:>5}{row['cpu_ms']:>7.1f}{row['floor_cpu_ms']:>7.1f}"
            f"{row['latency_ms']:>6.1f}  {stages}"
        )
    for row in result["tutorial"]:
        out.append(f"{'tutorials':12}{row['faces']:>5}{row['cpu_ms']:>7.0f}")
    if result["ratio_49"]:
        out.append(f"the tutorials' loop takes {result['ratio_49']:.0f} times the work at 49 faces")
    cold_start = result["cold_start"]
    out += [
        "",
        f"new process: imported after {cold_start['import_s']:.2f} s, first answer on a photo "
        f"after {cold_start['ready_s']:.2f} s, {cold_start['rss_mb']:.0f} MB",
    ]
    for row in result.get("recall", []):
        out.append(
            f"{row['detector']:12}{row['kind']}: {row['recall']:.1%} found after "
            f"{detection.SECONDS:.0f} s, {row['false_boxes']:.2f} false boxes a picture"
        )
    return out
