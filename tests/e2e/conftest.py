"""The app in its own process, and Debian's Chromium to look at it. Both end with the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
WAIT_MS = 60_000  # on a busy machine the first page alone can take half of this

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an e2e test, whether it says so or not."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return pytest.fail("no Chromium here: `./setup.sh test` installs it, or says how")


@pytest.fixture(scope="session")
def app_url(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running app, with a network of the tests' own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("app") / "log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    with log.open("w") as lines:
        app = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=os.environ | {"FER_MODEL": str(tiny_model), "FER_RUNTIME": "onnx"},
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(app, f"http://127.0.0.1:{port}/_stcore/health", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            app.terminate()
            try:
                app.wait(10)
            except subprocess.TimeoutExpired:
                app.kill()
                app.wait(10)


def wait_for(app: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Returns when the app answers; fails with its log when it ended or takes too long."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and app.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium(),
            headless=False,  # "--headless=new" in the flags is the real browser without a window
            args=FLAGS,
        )
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        yield context
        context.close()


@dataclass
class Visit:
    """A tab, and every address that it asked for."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Goes to a page of the app and waits until Streamlit has drawn it."""
        self.page.goto(self.url + path)
        self.page.get_by_test_id("stApp").and_(
            self.page.locator("[data-test-script-state=notRunning]")
        ).wait_for()
        self.page.locator("h1").first.wait_for()
        return self.page


@pytest.fixture
def visit(browser: BrowserContext, app_url: str) -> Iterator[Visit]:
    """A fresh tab, 1280 wide and light unless the test changes it."""
    page = browser.new_page()
    tab = Visit(page, app_url)

    def note(request: Request) -> None:
        tab.asked.append(request.url)

    page.on("request", note)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    yield tab
    page.close()
