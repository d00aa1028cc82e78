"""The pages as a visitor sees them."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit

PAGES = {
    "/": "Live",
    "/photo": "Photo",
    "/video": "Video",
    "/history": "History",
    "/model": "How good is it?",
    "/about": "About",
}
SIDEWAYS = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_and_fits(visit: Visit, path: str, width: int, scheme: str) -> None:
    visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(path)
    expect(page.locator("h1").first).to_have_text(PAGES[path])
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.evaluate(SIDEWAYS) <= 0
    colour = page.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    brightness = sum(int(part) for part in colour.strip("rgba()").split(",")[:3]) / 3
    assert (brightness < 100) == (scheme == "dark")


def test_the_menu_leads_everywhere(visit: Visit) -> None:
    page = visit.open()
    for title in reversed(PAGES.values()):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        expect(page.locator("h1").first).to_have_text(title)


def test_the_charts_are_drawn(visit: Visit) -> None:
    page = visit.open("/model")
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(4)
    for at in range(4):
        expect(charts.nth(at).locator("svg, canvas").first).to_be_visible()


def test_nothing_is_asked_of_another_host(visit: Visit) -> None:
    for path in PAGES:
        visit.open(path)
    visit.page.wait_for_timeout(1000)
    hosts = {urlsplit(url).hostname for url in visit.asked if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}
