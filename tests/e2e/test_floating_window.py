"""The floating window: it shows the class while the page is hidden, and adds notes."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Launch
from tests.e2e.live_tab import FACES, LiveTab, wait_until
from tests.e2e.test_journey import begin


@pytest.fixture
def lesson(live_tab: LiveTab) -> Iterator[LiveTab]:
    """The page Live, reading; ended afterwards, or the next test's page would go on with it."""
    begin(live_tab.page, live_tab.server.url)
    live_tab.start()
    expect(live_tab.page.get_by_role("button", name="Finish")).to_be_enabled()
    yield live_tab
    live_tab.press("Finish")
    expect(live_tab.page.get_by_role("button", name="Begin another lesson")).to_be_visible()


def open_window(tab: LiveTab) -> Page:
    with tab.page.context.expect_page() as opened:
        tab.press("Floating window")
    return opened.value


def test_it_tells_of_the_class_and_marks_a_moment(lesson: LiveTab) -> None:
    window = open_window(lesson)
    expect(window.locator(".faces")).to_have_text(f"{FACES} faces")
    expect(window.locator(".mood")).not_to_be_empty()
    expect(window.locator(".bars")).to_be_hidden()  # calm is where it starts
    window.get_by_role("button", name="Mark this moment").click()
    expect(window.get_by_role("button", name="Marked")).to_be_visible()
    expect(lesson.page.get_by_text("Marked at")).to_be_visible()
    lesson.press("Close the floating window")
    expect(lesson.page.get_by_role("button", name="Floating window")).to_have_text(
        "Floating window"
    )


def test_it_goes_on_while_the_page_is_hidden(
    lesson: LiveTab, new_tab: Callable[[], LiveTab]
) -> None:
    window = open_window(lesson)
    expect(window.locator(".faces")).to_have_text(f"{FACES} faces")
    # Counted in the page, which gets them from the live socket and not from its own clock.
    lesson.page.evaluate(
        "() => { window.told = 0; addEventListener('fer-snapshot', () => window.told++); }"
    )
    other = new_tab()
    other.page.goto("about:blank")
    other.page.bring_to_front()
    told = lambda: int(lesson.page.evaluate("window.told"))  # noqa: E731
    before = told()
    other.page.wait_for_timeout(5000)
    wait_until(lambda: told() - before >= 3, 10, "news came while the page was hidden")


def test_how_much_it_shows_is_the_teachers_choice(lesson: LiveTab) -> None:
    window = open_window(lesson)
    lesson.press("Alerts and view")
    lesson.page.get_by_test_id("stPopoverBody").get_by_text("all", exact=True).click()
    expect(window.locator(".bars div")).to_have_count(7)
    expect(window.locator(".minute")).to_be_visible()


def test_a_browser_without_such_windows_is_told(launch: Launch, app_url: str) -> None:
    browser = launch()
    page = browser.new_page()
    page.add_init_script("delete window.documentPictureInPicture")
    page.goto(app_url)
    page.get_by_role("button", name="I understand").click()
    expect(page.get_by_role("button", name="Floating window")).to_be_disabled()
    expect(page.get_by_text("This browser has no floating windows")).to_be_visible()
    browser.close()
