"""A Streamlit script in its own process."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


@dataclass
class Server:
    """A Streamlit script in a process of its own, which can be killed and started again."""

    script: str
    environ: dict[str, str]
    log: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers; fails with its log when it ended or takes too long."""
        self.port = self.port or free_port()
        with self.log.open("a") as lines:
            self.process = subprocess.Popen(
                self.command("127.0.0.1"),
                cwd=ROOT,
                env=os.environ | self.environ,
                stdout=lines,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if self.answer("/_stcore/health") == "ok":
                return
            time.sleep(0.1)
        pytest.fail(f"the app did not start:\n{self.log.read_text()[-2000:]}")

    def command(self, address: str) -> list[str]:
        """What starts it."""
        command = [sys.executable, "-m", "streamlit", "run", self.script]
        options = [f"--server.address={address}", f"--server.port={self.port}"]
        return [*command, *options, "--server.headless=true"]

    def answer(self, path: str) -> str | None:
        """The text at that path; None while nobody answers, or not with 200."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def kill(self) -> None:
        """As a crash would end it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
