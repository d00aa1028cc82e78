"""The app in a process of its own, reachable from this machine alone."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from fer.bench.cold import ROOT
from fer.errors import FerError

START_SECONDS: Final = 120.0
COMMAND: Final = ("-m", "streamlit", "run", "app.py", "--server.headless=true")


@dataclass(frozen=True)
class Figures:
    """What the app has counted until now."""

    frames: float  # that came over sockets and were analysed
    left_out: float
    cpu: float  # seconds
    rss: float  # bytes


@dataclass(frozen=True)
class App:
    """The running app."""

    port: int

    @property
    def url(self) -> str:
        """Its address, which is also its pages' origin."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> str:
        """The text that it answers with."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    def figures(self) -> Figures:
        """Its counters; memory and processor time are nought where the system doesn't tell."""
        said = {
            (sample.name, sample.labels.get("transport", "")): sample.value
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
        }
        return Figures(
            said["fer_frames_total", "socket"],
            said["fer_frames_left_out_total", "socket"],
            said.get(("process_cpu_seconds_total", ""), 0.0),
            said.get(("process_resident_memory_bytes", ""), 0.0),
        )


@contextlib.contextmanager
def running() -> Iterator[App]:
    """Starts the app with this process's settings, and ends it with the block."""
    if not (ROOT / "app.py").is_file():
        raise FerError(f"{ROOT}: no app.py to measure; call this in a checkout of the project")
    app = App(_free_port())
    options = ["--server.address=127.0.0.1", f"--server.port={app.port}"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, *COMMAND, *options], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            if not _ready(app, process):
                log.seek(0)
                raise FerError(f"the app did not start: {log.read().strip()[-300:]}")
            yield app
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(app: App, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):  # which an answer of 503 is too
            app.get("/healthz")
            return True
        time.sleep(0.2)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
