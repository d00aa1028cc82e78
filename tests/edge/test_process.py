"""The whole device in its own process, on a video of moving faces."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests

from tests.edge.feeds import until, write_class

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FACES = 9
MOST = 150 << 20  # bytes of resident memory


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class(tmp_path_factory.mktemp("edge") / "lesson.mp4", FACES, 8.0)


class Device:
    """A running device and the lines that it prints."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "fer", "edge", "--detector", "haar", *words]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "FER_REGION": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.messages: list[str] = []
        pipes = ((self.process.stdout, self.lines), (self.process.stderr, self.messages))
        self.readers = [threading.Thread(target=into.extend, args=(pipe,)) for pipe, into in pipes]
        for reader in self.readers:
            reader.start()

    def address(self) -> str:
        assert until(lambda: any("the picture is at" in line for line in self.messages), 30), (
            self.messages
        )
        return re.findall(r"http://\S+", "".join(self.messages))[0]

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) << 10

    def ended(self, seconds: float = 30) -> int:
        code = self.process.wait(seconds)
        for reader in self.readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@contextmanager
def device(folder: Path, *words: str) -> Iterator[Device]:
    made = Device(folder, *words)
    try:
        yield made
    finally:
        made.process.kill()
        made.ended()


def picture_of(address: str) -> np.ndarray:
    """Return the next picture of a stream."""
    with requests.get(f"{address}stream", stream=True, timeout=20) as stream:
        head = stream.raw.readline() + stream.raw.readline() + stream.raw.readline()
        stream.raw.readline()
        length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
        body = np.frombuffer(stream.raw.read(length), np.uint8)
    picture = cv2.imdecode(body, cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture)


def test_a_file_is_read_to_its_end_a_line_a_second(lesson: Path, tmp_path: Path) -> None:
    with device(tmp_path, "--camera", str(lesson), "--json") as one:
        assert one.ended() == 0
    reports = [json.loads(line) for line in one.lines]
    assert len(reports) in (8, 9, 10)
    assert max(line["faces"] for line in reports) >= FACES - 1
    assert reports[-1]["shares"]["happy"] > 0.5  # the face that comes with the project smiles
    assert one.messages == []
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_viewer_sees_boxes_until_a_signal_ends_it(
    lesson: Path, tmp_path: Path, number: int
) -> None:
    with device(tmp_path, "--camera", str(lesson), "--mjpeg-port", "0") as one:
        address = one.address()
        assert address.startswith("http://127.0.0.1:")
        assert until(lambda: (requests.get(f"{address}now", timeout=5).json() or {}).get("faces"))
        first = picture_of(address)
        assert first.shape == (360, 640, 3)
        # The feed has no colour as strong as that of the boxes and plates.
        hue = cv2.cvtColor(first, cv2.COLOR_BGR2HSV)
        assert ((hue[..., 1] > 150) & (hue[..., 2] > 150)).sum() > 500
        one.process.send_signal(number)
        begun = time.monotonic()
        assert one.ended() == 0
        assert time.monotonic() - begun < 3
    assert len(one.messages) == 1
    assert "happy" in one.lines[-1]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has this file")
@pytest.mark.parametrize("kind", ["haar", "centerface"])
def test_memory_stays_small_with_a_viewer(tmp_path: Path, kind: str) -> None:
    from fer.bench.feed import gallery

    # Frames as large as a camera's: they take most of the memory.
    large = tmp_path / "large.avi"
    out = cv2.VideoWriter(str(large), cv2.VideoWriter.fourcc(*"MJPG"), 10, (1280, 720))
    for at in range(80):
        out.write(gallery(25, at % 30))
    out.release()
    options = ["--camera", str(large), "--mjpeg-port", "0", "--detector", kind]
    with device(tmp_path, *options) as one:
        address = one.address()
        sizes = []
        with requests.get(f"{address}stream", stream=True, timeout=20) as stream:
            end = time.monotonic() + 6
            while time.monotonic() < end:
                assert stream.raw.read(1 << 16)
                sizes.append(one.memory())
    usual = statistics.median(sizes)
    assert len(sizes) > 20
    assert usual < MOST, f"{usual / 2**20:.0f} MiB"


def test_the_device_waits_for_a_stream_that_broke_off(tmp_path: Path) -> None:
    """One device reads another's stream, which is ended and started again."""
    long = write_class(tmp_path / "long.mp4", 1, 60.0)
    with device(tmp_path, "--camera", str(long), "--mjpeg-port", "0") as source:
        address = source.address()
        port = address.rstrip("/").rpartition(":")[2]
        with device(tmp_path, "--camera", f"{address}stream", "--json") as one:
            assert until(lambda: any(json.loads(line)["silent"] < 1 for line in one.lines), 30)
            source.process.terminate()
            assert source.ended() == 0
            assert until(lambda: any("trying again" in line for line in one.messages), 20)
            with device(tmp_path, "--camera", str(long), "--mjpeg-port", port) as again:
                again.address()
                assert until(lambda: any("is back" in line for line in one.messages), 40), (
                    one.messages
                )
                one.process.terminate()
                assert one.ended() == 0
    assert len(one.messages) == 2


def test_a_closed_pipe_ends_the_device_without_an_error(lesson: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m fer edge --detector haar --camera {lesson} --json | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--camera", "none.mp4"], "none.mp4: no such file"),
        (["--camera", "0", "--window"], "--window: this "),
        (["--camera", "0", "--model", "none"], "not a model description"),
        (["--camera", "0", "--detector", "yunet"], "yunet needs its file"),
    ],
)
def test_an_error_is_one_line_and_status_2(words: list[str], message: str, tmp_path: Path) -> None:
    with device(tmp_path, *words) as one:
        assert one.ended() == 2
    assert len(one.messages) == 1
    assert one.messages[0].startswith("fer: ")
    assert message in one.messages[0]
