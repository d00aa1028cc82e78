"""`fer doctor`: check this installation and computer, and print a line for each check."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Final, Literal

from fer.cli.commands import Commands
from fer.errors import FerError, UsageError
from fer.machine import (
    DISTRIBUTION,
    asset_missing,
    cache_folder,
    cpu_limit,
    data_folder,
    memory_limit,
)
from fer.settings import Settings
from fer.vision.classifier import describe, load_classifier
from fer.vision.detect.files import status
from fer.vision.detect.haar import CASCADE_FOLDER, HaarDetector

CPU_FEATURES: Final = (
    "avx2",
    "avx512_vnni",
    "amx_int8",
)  # processor features that speed up the int8 network
LEAST_MEMORY: Final = 600 << 20  # bytes: a lesson takes up to 565 MB (docs/decisions/0017)


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    result: Literal["ok", "note", "fault"]  # note: something optional is missing
    detail: str


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command."""
    one = commands.add("doctor", doctor, "check this installation and computer")
    one.set_defaults(settings=settings)


def doctor(options: argparse.Namespace) -> int:
    """Print every check and return 2 if one found a fault."""
    found = list(checks(options.settings))
    for check in found:
        print(f"{check.result:5}  {check.name}: {check.detail}")
    return 2 if any(check.result == "fault" for check in found) else 0


def checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks, cheap ones first."""
    yield attempt("package", check_package)
    yield attempt("model", lambda: model(settings))
    yield attempt("cascades", cascades)
    yield from detectors(settings)
    yield attempt("data folder", lambda: data(settings))
    yield cache()
    yield attempt("video", video)
    yield attempt("onnxruntime", onnxruntime)
    yield processor()
    yield limits(memory_limit(), cpu_limit())


def attempt(name: str, check: Callable[[], str]) -> Check:
    """Run a check that returns its detail; an error becomes a fault."""
    try:
        return Check(name, "ok", check())
    except (FerError, ImportError, OSError, RuntimeError) as fault:
        return Check(name, "fault", " ".join(str(fault).split()))


def check_package(
    distributions: Callable[[], Mapping[str, Sequence[str]]] = packages_distributions,
) -> str:
    """Raise UsageError if another distribution installs the import name `fer` here too."""
    others = sorted({*distributions().get("fer", ())} - {DISTRIBUTION})
    if others:
        raise UsageError(
            f"another package named fer is installed here ({', '.join(others)}) and overwrites "
            f"files of {DISTRIBUTION}; run: python -m pip uninstall {' '.join(others)}, then "
            f"install {DISTRIBUTION} again, or give it an environment of its own"
        )
    return "no other package installs `fer`"


def model(settings: Settings) -> str:
    """Return the network's folder and size, after loading it."""
    described = describe(settings.model)
    load_classifier(settings.model, settings.runtime)
    return f"{settings.model} ({described['size']} pixels, shows {described['shown']})"


def cascades() -> str:
    """Return the folder of the Haar cascades, after loading them."""
    if not CASCADE_FOLDER.is_dir():
        raise UsageError(asset_missing(CASCADE_FOLDER))
    HaarDetector()
    return str(CASCADE_FOLDER)


def detectors(settings: Settings) -> Iterator[Check]:
    """Yield a line for each neural detector's file; without both, Haar finds fewer faces."""
    for row in status(settings.detector_files):
        name = f"detector {row['name']}"
        if row["fault"]:
            yield Check(name, "fault", row["fault"])
        elif row["path"]:
            yield Check(name, "ok", row["path"])
        else:
            yield Check(name, "note", f"not installed; only needed for {row['needed_for']}")


def data(settings: Settings) -> str:
    """Return the folder of lessons; raise UsageError if it cannot be written to."""
    if settings.database_url:
        return "not used: FER_DATABASE_URL names a database"
    try:
        folder = data_folder()
    except RuntimeError as fault:
        raise UsageError("this user has no home folder; set FER_DATABASE_URL") from fault
    if reason := write_fault(folder):
        raise UsageError(
            f"{folder} cannot be written to ({reason}); change its permissions, or set "
            "XDG_DATA_HOME or FER_DATABASE_URL"
        )
    return f"{folder} can be written to"


def cache() -> Check:
    """Return whether the cache folder can be written to; the app also works without it."""
    folder = cache_folder()
    if reason := write_fault(folder):
        detail = f"{folder} cannot be written to ({reason}); pages must be reloaded after a restart"
        return Check("cache", "note", detail)
    return Check("cache", "ok", f"{folder} can be written to")


def write_fault(folder: Path) -> str | None:
    """Return why no file can be made in the folder, or in the nearest parent that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as fault:
        return fault.strerror or str(fault)


def video() -> str:
    """Return PyAV's version, after loading its libraries."""
    import fer.vision.media.videos  # noqa: F401 - loads PyAV's libraries, which may fail

    return f"PyAV {version('av')}, with its own FFmpeg"


def onnxruntime() -> str:
    """Return onnxruntime's version and the processors that it can use."""
    import onnxruntime

    return f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """Return the processor and which of CPU_FEATURES it has."""
    name = f"{platform.machine()}, {os.cpu_count() or 1} processors"
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return Check("processor", "note", f"{name}; this system does not list its features")
    flags = flags_of(lines)
    shown = ", ".join(f"{each} {'yes' if each in flags else 'no'}" for each in CPU_FEATURES)
    return Check("processor", "ok", f"{name}; {shown}")


def flags_of(lines: Iterable[str]) -> set[str]:
    """Return the features of the first processor that /proc/cpuinfo lists."""
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(flags.split())
    return set()


def limits(memory: int | None, processors: float) -> Check:
    """Return the limits of memory and processors that a container or service manager sets."""
    shown = "no memory limit" if memory is None else f"{memory / 1e6:.0f} MB of memory"
    detail = f"{shown}, {processors:g} processors"
    if memory is not None and memory < LEAST_MEMORY:
        return Check("limits", "note", f"{detail}; a lesson takes up to 565 MB")
    return Check("limits", "ok", detail)
