"""A teacher is in the call's window, not in ours: a tab behind another goes on reading.

The browser is one of its own, without the flags by which automation keeps hidden tabs awake, and
nothing is attached to it while it is looked at from the server's side.
"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from playwright.sync_api import Playwright
from websockets.sync.client import ClientConnection, connect

from fer.server.lessons import RATE_OVER
from tests.e2e.conftest import FLAGS, chromium
from tests.e2e.live_tab import CALL, LiveTab, lessons, wait_until
from tests.e2e.server import Server

SECONDS = 180
SCRIPT = """
window.rings = 0;
setInterval(() => { window.rings += 1; }, 50);
window.pictures = 0;
const shown = () => { window.pictures += 1; requestAnimationFrame(shown); };
requestAnimationFrame(shown);
"""
# Something moves in the call now and then, as in a real one.
CALL_PAGE = f"""<title>{CALL}</title><body style="font-size: 9rem">0<script>
let count = 0;
setInterval(() => {{ document.body.firstChild.data = String(count += 1); }}, 3000);
</script>"""


@pytest.fixture
def port(tmp_path: Path, class_camera: list[str]) -> Iterator[int]:
    """Where a fresh browser listens."""
    profile = tmp_path / "profile"
    options = [f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
    with subprocess.Popen(
        [chromium(), *FLAGS, *class_camera, *options], stderr=subprocess.DEVNULL
    ) as process:
        said = profile / "DevToolsActivePort"
        wait_until(lambda: said.exists() and said.read_text().count("\n"), 30, "a browser")
        yield int(said.read_text().split()[0])
        process.terminate()


def tabs(port: int, path: str = "list") -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/{path}", timeout=10) as answer:
        return json.loads(answer.read())


def told(line: ClientConnection, method: str, **what: Any) -> Any:
    line.send(json.dumps({"id": 1, "method": method, "params": what}))
    return json.loads(line.recv(timeout=30))["result"]


@pytest.fixture
def camera_allowed(port: int, live_server: Server) -> Iterator[None]:
    """Whoever allows a camera takes it back on leaving, so somebody has to stay."""
    with connect(tabs(port, "version")["webSocketDebuggerUrl"]) as line:
        allowed = {"permissions": ["videoCapture"], "origin": live_server.url}
        told(line, "Browser.grantPermissions", **allowed)
        yield


def evaluated(tab: dict[str, str], script: str) -> Any:
    """What a script returns in that tab, without waking it."""
    with connect(tab["webSocketDebuggerUrl"]) as line:
        said = told(line, "Runtime.evaluate", expression=script, returnByValue=True)
        return said["result"].get("value")


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.usefixtures("camera_allowed")
def test_a_hidden_tab_reads_once_a_second(
    port: int, playwright: Playwright, live_server: Server, tmp_path: Path
) -> None:
    (tmp_path / "call.html").write_text(CALL_PAGE)
    browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
    context = browser.contexts[0]
    call = context.new_page()
    call.goto((tmp_path / "call.html").as_uri())
    shown = {}
    for source in ("camera", "screen"):
        tab = LiveTab(context.new_page(), live_server).open(f"source={source}")
        tab.press("Start")
        tab.expect_state("live")
        tab.page.evaluate(SCRIPT)
        shown[source] = tab.id
    browser.close()  # only lets go of it: while held, a hidden tab thinks that it is in front

    front = next(tab for tab in tabs(port) if tab["title"] == CALL)
    urllib.request.urlopen(f"http://127.0.0.1:{port}/json/activate/{front['id']}", timeout=10)
    hidden = [tab for tab in tabs(port) if "source=" in tab["url"]]
    assert len(hidden) == len(shown)
    wait_until(lambda: both(hidden, "document.hidden"), 10, "the tabs are hidden")
    # Streamlit's own page is throttled, so it can't be what keeps the pictures coming.
    before = [evaluated(tab, "[window.rings, window.pictures]") for tab in hidden]

    rates: dict[str, list[float]] = {source: [] for source in shown}
    for _ in range(int(SECONDS / RATE_OVER)):
        time.sleep(RATE_OVER)  # as far as a rate looks back
        seen = lessons(live_server)
        for source, lesson in shown.items():
            rates[source].append(seen[lesson]["rate"])
    for source, found in rates.items():
        # In every ten seconds; a busy machine may hold its breath in between.
        least = min(map(fmean, pairwise(found)))
        print(f"{source}: {fmean(found):.2f} readings a second, {least:.2f} at least")
        assert least >= 1

    assert both(hidden, "document.hidden")
    after = [evaluated(tab, "[window.rings, window.pictures]") for tab in hidden]
    for (rings, pictures), (more_rings, more_pictures) in zip(before, after, strict=True):
        assert more_rings - rings < 2 * SECONDS
        assert more_pictures - pictures < 10


def both(hidden: list[dict[str, str]], script: str) -> bool:
    return all(evaluated(tab, script) for tab in hidden)
