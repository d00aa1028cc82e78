"""Measure how long a new process takes to read a photo, and its memory afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.bench.feed import gallery
from fer.errors import ModelError

ROOT: Final = Path(__file__).resolve().parent.parent.parent  # the folder that holds `fer`
TIMES: Final = 3  # processes that are measured
FACES: Final = 25

PROCESS: Final = """
import sys, time
begun = time.perf_counter()
from pathlib import Path
import cv2
from fer.vision.analyzer import Analyzer
imported = time.perf_counter()
analyzer = Analyzer(Path(sys.argv[1]))
faces = analyzer.photo(cv2.imread(sys.argv[2]))
ready = time.perf_counter()
import json, resource
unit = 1 if sys.platform == "darwin" else 1024
size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
if Path("/proc/self/statm").exists():  # on Linux the figure above is the parent's
    size = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
heavy = [name for name in ("tensorflow", "keras", "torch", "streamlit") if name in sys.modules]
print(json.dumps([imported - begun, ready - begun, size / 1e6, len(faces), heavy]))
"""


def measure(model: Path) -> dict[str, Any]:
    """Return medians over three new processes; `rss_mb` is the memory after the first photo."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "class.png"
        cv2.imwrite(str(photo), gallery(FACES))
        runs = [_run(model, photo) for _ in range(TIMES)]
    imported, ready, size = (float(np.median([run[at] for run in runs])) for at in range(3))
    return {
        "import_s": round(imported, 3),
        "ready_s": round(ready, 3),
        "rss_mb": round(size, 1),
        "faces": runs[0][3],
        "heavy_modules": runs[0][4],
    }


def _run(model: Path, photo: Path) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(model.resolve()), str(photo)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ModelError(f"a new process could not read a photo: {done.stderr.strip()[-200:]}")
    figures: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
