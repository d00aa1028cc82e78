"""Serving the browser's code: addresses, caching, compression."""

import gzip
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fer.server.browser_files import BrowserFiles
from fer.ui import BROWSER
from tests.server.server import serving


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes


def get(port: int, path: str, accept_encoding: str = "identity") -> Answer:
    """Return the raw answer: the path is sent unchanged, and nothing is decompressed."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": accept_encoding})
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    found = Answer(answer.status, headers, answer.read())
    connection.close()
    return found


@pytest.fixture(scope="module")
def files() -> BrowserFiles:
    return BrowserFiles(BROWSER)


@pytest.fixture(scope="module")
def port(files: BrowserFiles) -> Iterator[int]:
    routes = [files.route(), Mount("/school", routes=[files.route()])]
    with serving(Starlette(routes=routes)) as port:
        yield port


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("live/main.js", "text/javascript; charset=utf-8"),
        ("live/style.css", "text/css; charset=utf-8"),
        ("floating/window.html", "text/html; charset=utf-8"),
    ],
)
def test_a_file_is_served_for_a_year(
    port: int, files: BrowserFiles, name: str, media_type: str
) -> None:
    answer = get(port, f"/{files.url(name)}")
    assert answer.status == 200
    assert answer.content == (BROWSER / name).read_bytes()
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [("gzip, br", True), ("GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False)],
)
def test_a_file_is_compressed_if_the_client_accepts_that(
    port: int, files: BrowserFiles, accepted: str, compressed: bool
) -> None:
    answer = get(port, f"/{files.url('live/main.js')}", accepted)
    assert (answer.headers.get("content-encoding") == "gzip") == compressed
    plain = gzip.decompress(answer.content) if compressed else answer.content
    assert plain == (BROWSER / "live" / "main.js").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "node_modules/x.js",
        "live/nothing.js",
        "",
        "../text.py",
        "%2e%2e/text.py",
        "live/../../text.py",
        "..%2f..%2ftext.py",
        "/etc/passwd",
    ],
)
def test_no_other_files_are_served(port: int, files: BrowserFiles, name: str) -> None:
    answer = get(port, f"/browser/{files.version}/{name}")
    assert answer.status == 404


def test_another_version_is_not_found_and_not_stored(port: int) -> None:
    answer = get(port, "/browser/0123456789abcdef/live/main.js")
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"


def test_files_are_served_under_a_base_path(port: int, files: BrowserFiles) -> None:
    assert get(port, f"/school/{files.url('text.js')}").status == 200


def test_the_address_changes_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "main.js").write_text("one")
    first = BrowserFiles(tmp_path)
    (tmp_path / "node_modules" / "tool.js").write_text("not served")
    assert BrowserFiles(tmp_path).version == first.version
    (tmp_path / "main.js").write_text("two")
    assert BrowserFiles(tmp_path).version != first.version
    with pytest.raises(KeyError):
        first.url("node_modules/tool.js")
