"""The browser's code as it is served."""

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from fer.server.browser_files import BrowserFiles
from fer.ui import BROWSER


@pytest.fixture
def files() -> BrowserFiles:
    return BrowserFiles(BROWSER)


@pytest.fixture
def client(files: BrowserFiles) -> TestClient:
    return TestClient(Starlette(routes=[files.route()]))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("live/main.js", "text/javascript; charset=utf-8"),
        ("live/style.css", "text/css; charset=utf-8"),
        ("floating/window.html", "text/html; charset=utf-8"),
    ],
)
def test_a_file_is_served_for_a_year(
    client: TestClient, files: BrowserFiles, name: str, media_type: str
) -> None:
    answer = client.get(files.url(name), headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
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
def test_it_is_compressed_for_who_takes_it(
    client: TestClient, files: BrowserFiles, accepted: str, compressed: bool
) -> None:
    with client.stream(
        "GET", files.url("live/main.js"), headers={"Accept-Encoding": accepted}
    ) as answer:
        data = b"".join(answer.iter_raw())
    assert (answer.headers.get("content-encoding") == "gzip") == compressed
    plain = gzip.decompress(data) if compressed else data
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
def test_nothing_else_is_served(client: TestClient, files: BrowserFiles, name: str) -> None:
    answer = client.get(f"/browser/{files.version}/{name}")
    assert answer.status_code == 404


def test_another_version_is_not_found_and_not_stored(client: TestClient) -> None:
    answer = client.get("/browser/0123456789abcdef/live/main.js")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_served_under_a_base_path(files: BrowserFiles) -> None:
    client = TestClient(Starlette(routes=[Mount("/school", routes=[files.route()])]))
    assert client.get(f"/school/{files.url('text.js')}").status_code == 200


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
