"""Parts of a page that are drawn on their own, on a server that has much to do."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fer.ui.live.floating_window import GRACE_MS
from tests.e2e.conftest import served

OPEN, CLOSE = "Floating window", "Close the floating window"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served("tests/e2e/part_app.py", tmp_path_factory.mktemp("parts") / "log") as server:
        yield server.url


@pytest.fixture
def page(browser: BrowserContext, url: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(url)
    yield page
    page.close()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def rest(page: Page) -> None:
    """Waits until nothing is drawn any more."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(500)


def test_what_follows_a_part_stays(page: Page) -> None:
    """Also where the part is due while the page is drawn, of which nothing has been sent yet."""
    press(page, "All")
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "running")
    press(page, "Within")
    rest(page)
    named = [words.split("\n")[0] for words in page.get_by_role("button").all_inner_texts()]
    assert [name for name in named if name != OPEN] == [
        *("All", "Within", "Away"),
        *("First", "Second", "Third"),
    ]


def test_the_floating_window_outlives_its_place_on_the_page(page: Page) -> None:
    with page.context.expect_page() as opened:
        press(page, OPEN)
    press(page, "Away")
    expect(page.get_by_role("button", name=CLOSE)).to_have_count(0)
    press(page, "Within")
    expect(page.get_by_role("button", name=CLOSE)).to_be_visible()
    page.wait_for_timeout(GRACE_MS + 500)
    assert not opened.value.is_closed()
    press(page, CLOSE)
    expect(page.get_by_role("button", name=OPEN, exact=True)).to_be_visible()
    assert opened.value.is_closed()


def test_the_floating_window_closes_when_its_place_does_not_come_back(page: Page) -> None:
    with page.context.expect_page() as opened:
        press(page, OPEN)
    with opened.value.expect_event("close"):
        press(page, "Away")
