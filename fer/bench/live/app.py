"""Run the app in its own process, reachable only from this computer."""

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
    """What the app has counted so far."""

    frames: float  # answered over sockets
    left_out: float  # frames dropped
    cpu: float  # seconds
    rss: float  # bytes


@dataclass(frozen=True)
class App:
    """The running app."""

    port: int

    @property
    def url(self) -> str:
        """Return the app's address, which is also the origin of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> str:
        """Return the text of the answer to GET."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    def figures(self) -> Figures:
        """Return the app's counters; memory and processor time are 0 if the system has none."""
        samples = {
            (sample.name, sample.labels.get("transport", "")): sample.value
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
        }
        return Figures(
            samples["fer_frames_total", "socket"],
            samples["fer_frames_left_out_total", "socket"],
            samples.get(("process_cpu_seconds_total", ""), 0.0),
            samples.get(("process_resident_memory_bytes", ""), 0.0),
        )


@contextlib.contextmanager
def running() -> Iterator[App]:
    """Run the app with this process's settings until the block ends."""
    if not (ROOT / "app.py").is_file():
        raise FerError(f"{ROOT}: no app.py to measure; run this in a checkout of the project")
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
        with contextlib.suppress(OSError):  # also raised for status 503
            app.get("/healthz")
            return True
        time.sleep(0.2)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
