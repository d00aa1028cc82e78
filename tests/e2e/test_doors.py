"""What a browser makes of the headers: the pages work under them, and no other site frames them."""

from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import ConsoleMessage, Page, Route

from tests.e2e.conftest import ROOT, Launch, Visit

SAMPLE = ROOT / "fer/ui/sample.png"
BLOCKED = "Content Security Policy"
LOCAL_NETWORK = ",".join(
    (
        "LocalNetworkAccessChecks",
        "BlockInsecurePrivateNetworkRequests",
        "PrivateNetworkAccessSendPreflights",
    )
)
FRAMING = '<title>elsewhere</title><iframe src="{url}/photo" width="900" height="700"></iframe>'


def blocked(page: Page) -> list[str]:
    """Return the list into which the browser's complaints about the policy are going to come."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if BLOCKED in message.text or "Permissions policy" in message.text:
            found.append(message.text)

    page.on("console", note)
    return found


@pytest.mark.parametrize("path", ["/", "/photo", "/video", "/history", "/model", "/about"])
def test_the_policy_blocks_nothing_that_a_page_needs(visit: Visit, path: str) -> None:
    found = blocked(visit.page)
    page = visit.open(path)
    page.wait_for_timeout(1500)  # charts are drawn after the page
    assert found == []


def test_the_policy_allows_no_code_in_text(visit: Visit) -> None:
    page = visit.open("/about")
    ran = page.evaluate(
        """() => {
          document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.ran = 2";
          document.body.append(script);
          return new Promise((done) => setTimeout(() => done(window.ran ?? 0), 500));
        }"""
    )
    assert ran == 0


@pytest.mark.parametrize("site", ["https://evil.streamlit.app", "https://evil.example"])
def test_no_other_site_frames_a_page(launch: Launch, app_url: str, site: str) -> None:
    # Without this flag Chromium itself keeps pages of public sites from a server on this computer.
    browser = launch(f"--disable-features={LOCAL_NETWORK}")

    def answer(route: Route) -> None:
        html = FRAMING.format(url=app_url)
        route.fulfill(status=200, content_type="text/html", body=html)

    page = browser.new_page()
    try:
        page.route(f"{site}/**", answer)
        page.goto(f"{site}/")
        page.wait_for_timeout(1500)
        assert all("photo" not in frame.url for frame in page.frames)
    finally:
        browser.close()


def test_a_shown_photo_is_its_visitors_alone(visit: Visit) -> None:
    page = visit.open("/photo")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(SAMPLE)
    shown = page.locator("img[src*='/media/']").first
    shown.wait_for()
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    address = urljoin(visit.url, shown.get_attribute("src") or "")
    assert "/media/" in address
    mine = page.request.get(address)
    assert (mine.status, mine.headers["cache-control"]) == (200, "no-store")
    assert requests.get(address, timeout=10).status_code == 404
