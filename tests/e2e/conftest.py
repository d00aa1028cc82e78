"""The app in its own process, and Debian's Chromium to look at it. Both end with the tests."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    BrowserContext,
    Error,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from tests.e2e.live_tab import LiveTab, camera_file, camera_flags, wait_until
from tests.e2e.server import ROOT, START_SECONDS, Server

__all__ = ["ROOT", "Launch", "LiveTab", "Server", "Visit", "chromium", "served"]

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
    """Everything in this folder is an e2e test, whether it says so or not, and comes last.

    A running Playwright keeps an event loop in this thread, in which others can't run theirs.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: here in item.path.parents)


CONTEXTS: list[BrowserContext] = []  # every browser that a test started
SEEN: list[tuple[str, str]] = []  # what a test left behind that failed with a server of its own


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What stood in the browsers' tabs goes into the report of a test that failed."""
    report = yield
    if report.when == "setup":
        SEEN.clear()
    if report.failed and report.when != "teardown":
        report.sections += SEEN or tabs()
    return report


@contextmanager
def served(script: str, log: Path, **environ: str) -> Iterator[Server]:
    """The script, running until the block ends. A fault is looked at while the server still runs:
    pages say something else without it."""
    server = Server(script, environ, log)
    try:
        server.start()
        yield server
    except BaseException:
        SEEN[:] = [*tabs(), ("the server's log", log.read_text()[-2000:])]
        raise
    finally:
        server.stop()


def tabs() -> list[tuple[str, str]]:
    """What stands in every tab that shows a page."""
    found = []
    for context in CONTEXTS:
        with suppress(Error):  # it may be closed
            pages = [page for page in context.pages if page.url.startswith("http")]
            found += [(f"tab {page.url}", shown(page)) for page in pages]
    return found


def shown(page: Page) -> str:
    """What a visitor could read there, and whether Streamlit was still at work."""
    try:
        app = page.get_by_test_id("stApp")
        state = app.get_attribute("data-test-script-state", timeout=2000)
        connected = app.get_attribute("data-test-connection-state", timeout=2000)
        return f"{state}, {connected}\n{page.locator('body').inner_text(timeout=2000)[:1500]}"
    except Error as fault:
        return str(fault)


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return pytest.fail("no Chromium here: `./setup.sh test` installs it, or says how")


@pytest.fixture(scope="session")
def app_url(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running app, with a network of the tests' own."""
    log = tmp_path_factory.mktemp("app") / "log"
    with served("app.py", log, FER_MODEL=str(tiny_model), FER_RUNTIME="onnx") as server:
        yield server.url


Launch = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def launch(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Starts a browser with flags of its own, beside the usual ones; all end with the tests."""
    with ExitStack() as running:

        def start(*flags: str, program: str | None = None) -> BrowserContext:
            context = playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("profile"),
                executable_path=program or chromium(),
                headless=False,  # "--headless=new" in the flags is the real browser, no window
                args=[*FLAGS, *flags],
            )
            running.callback(context.close)
            CONTEXTS.append(context)
            context.set_default_timeout(WAIT_MS)
            expect.set_options(timeout=WAIT_MS)
            return context

        yield start


@pytest.fixture(scope="session")
def browser(launch: Launch) -> BrowserContext:
    return launch()


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


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Live pictures over the socket, with the shipped network; ready to read."""
    log = tmp_path_factory.mktemp("live") / "log"
    with served("tests/e2e/live_app.py", log, FER_LIVE="socket") as server:
        wait_until(lambda: server.answer("/healthz"), START_SECONDS, "the network is loaded")
        yield server


@pytest.fixture(scope="session")
def class_camera(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags for a browser with a camera before a small class."""
    return camera_flags(camera_file(tmp_path_factory.mktemp("camera")))


@pytest.fixture(scope="session")
def live_browser(launch: Launch, class_camera: list[str], live_server: Server) -> BrowserContext:
    """A browser with that camera, which the page has been allowed to use."""
    context = launch(*class_camera)
    context.grant_permissions(["camera"], origin=live_server.url)
    return context


@pytest.fixture
def new_tab(live_browser: BrowserContext, live_server: Server) -> Iterator[Callable[[], LiveTab]]:
    """Makes tabs that are closed with the test."""
    with ExitStack() as closing:

        def make() -> LiveTab:
            tab = LiveTab(live_browser.new_page(), live_server)
            closing.callback(tab.page.close)
            return tab

        yield make


@pytest.fixture
def live_tab(new_tab: Callable[[], LiveTab]) -> LiveTab:
    return new_tab()
