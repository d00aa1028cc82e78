"""The container's start and slim scripts, without a container."""

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deploy.recipes import DEPLOY, ROOT, called
from tests.e2e.server import free_port

START = DEPLOY / "image" / "start.py"
SLIM = DEPLOY / "image" / "slim.py"


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "80 80", "٣"])
def test_a_wrong_port_is_one_line(port: str) -> None:
    done = called(sys.executable, START, env=os.environ | {"PORT": port})
    assert done.returncode == 1
    assert done.stderr.strip() == f"PORT must be a number from 1 to 65535, not {port!r}"


def test_check_fails_if_nothing_answers() -> None:
    environ = os.environ | {"PORT": str(free_port())}
    assert called(sys.executable, START, "check", env=environ).returncode == 1


@pytest.mark.slow
def test_it_serves_is_healthy_and_ends_with_status_0(tmp_path: Path) -> None:
    environ = os.environ | {"PORT": str(free_port()), "HOST": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    environ |= {"XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    log = tmp_path / "log"
    with log.open("w") as lines:
        words = [sys.executable, str(START)]
        app = subprocess.Popen(words, cwd=ROOT, env=environ, stdout=lines, stderr=lines)
    try:
        end = time.monotonic() + 90
        while called(sys.executable, START, "check", env=environ).returncode:
            assert app.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        app.send_signal(signal.SIGTERM)
        assert app.wait(15) == 0, log.read_text()
    finally:
        app.kill()
    assert "GET /healthz" not in log.read_text()  # visits are private


@pytest.mark.parametrize("wait", [0.05, 0.3])
def test_a_signal_ends_it_while_it_loads(wait: float, tmp_path: Path) -> None:
    environ = os.environ | {"PORT": str(free_port()), "HOST": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    app = subprocess.Popen([sys.executable, str(START)], cwd=ROOT, env=environ)
    time.sleep(wait)
    app.terminate()
    # Before its first lines Python has no handler; a container's process 1 would go on then, until
    # the platform kills it some seconds later.
    assert app.wait(15) in (0, -signal.SIGTERM)


def test_no_page_draws_what_the_image_leaves_out() -> None:
    kinds = re.compile(r"st\.(plotly_chart|pydeck_chart|graphviz_chart|map|echarts)\b|mermaid")
    assert kinds.search("st.map(x)") and not kinds.search("st.altair_chart(x)")
    for path in [ROOT / "app.py", *(ROOT / "fer").rglob("*.py")]:
        assert not kinds.search(path.read_text()), path


def library(offset: int, address: int) -> bytes:
    """Return the smallest 64-bit library: a header and one segment."""
    header = b"\x7fELF" + bytes(28) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, offset, address, address, 0, 0, 0x1000)
    return header.ljust(64, b"\0") + segment


@pytest.mark.parametrize(
    ("offset", "address", "fits"),
    [(0, 0, True), (0x1000, 0x5000, True), (0x1234, 0x5234, True), (0x1000, 0x5008, False)],
)
def test_a_library_damaged_by_stripping_is_recognised(
    offset: int, address: int, fits: bool, tmp_path: Path
) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(library(offset, address))
    code = "import sys, pathlib, slim; print(slim.loads(pathlib.Path(sys.argv[1])))"
    done = called(sys.executable, "-c", code, path, env=os.environ | {"PYTHONPATH": SLIM.parent})
    assert done.stdout.strip() == str(fits), done.stderr
