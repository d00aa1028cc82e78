"""When the component reads nothing: a muted window, another tab, a lesson that was ended."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.live_world import main, worker


@pytest.fixture(scope="module")
def blank(browser: BrowserContext) -> Page:
    return browser.new_page()


FLOWING = "order('frames', { readable });"
PULLED = "order('frames');"


def test_a_still_window_is_read_and_a_muted_one_is_not(blank: Page) -> None:
    script = f"""{FLOWING} begin();
    give(picture());
    const counts = [await sends(5000)];
    order("hold", {{ held: true }});
    counts.push(await sends(5000));
    order("hold", {{ held: false }});
    counts.push(await sends(5000));  // the picture of before says nothing about now
    give(picture());
    counts.push(await sends(5000));
    return counts;"""
    still, held, before, again = worker(blank, script)
    assert still >= 5  # one a second
    assert (held, before) == (0, 0)
    assert again >= 5


def test_what_is_encoded_when_the_window_goes_is_not_sent(blank: Page) -> None:
    script = f"""{FLOWING} begin();
    give(picture());
    await settle();
    pass(300);  // it is being encoded
    order("hold", {{ held: true }});
    return await sends(3000);"""
    assert worker(blank, script) == 0


def test_a_start_with_a_muted_window_waits(blank: Page) -> None:
    script = f"""{FLOWING} begin(true);
    give(picture());
    const before = await sends(3000);
    order("hold", {{ held: false }});
    return [before, await sends(3000) > 0];"""
    assert worker(blank, script) == [0, True]


def test_no_picture_is_asked_for_while_the_window_is_muted(blank: Page) -> None:
    script = f"""{PULLED} begin();
    const wants = () => world.told.filter((said) => said.is === "want").length;
    const grabbed = async () => {{
      const bitmap = picture();
      order("bitmap", {{ bitmap }});
      await settle();
      return bitmap;
    }};
    await sends(300);
    const asked = wants();
    order("hold", {{ held: true }});
    const late = await grabbed();  // of the frozen window
    const quiet = [await sends(5000), wants() - asked, late.closed];
    order("hold", {{ held: false }});
    await sends(300);
    const again = wants() - asked;
    await grabbed();
    return [asked, quiet, again, await sends(300)];"""
    assert worker(blank, script) == [1, [0, 0, True], 1, 1]


def test_a_muted_track_holds_the_reading(blank: Page) -> None:
    script = """
    await began();
    one.on_state({ state: "live" });
    const seen = [];
    for (const type of ["mute", "unmute"]) {
      track[`on${type}`]({ type });
      seen.push([orders.at(-1), one.panel.message.textContent]);
    }
    return seen;"""
    assert main(blank, script) == [
        [{"do": "hold", "held": True}, "muted"],
        [{"do": "hold", "held": False}, ""],
    ]


@pytest.mark.parametrize("muted", [True, False])
def test_a_track_may_be_muted_from_the_start(blank: Page, muted: bool) -> None:
    script = f"""
    track.muted = {json.dumps(muted)};
    await one.start();
    return orders.findLast((said) => said.do === "start").held;"""
    assert main(blank, script) is muted


def test_a_tab_that_was_replaced_lets_go_and_says_why(blank: Page) -> None:
    script = """
    await began();
    one.worker.onmessage({ data: { is: "replaced", turn: one.turn } });
    const { state, message } = one.panel;
    return [state, message.textContent, track.stopped, orders.map((said) => said.do)];"""
    assert main(blank, script) == ["ended", "replaced", True, ["stop"]]


@pytest.mark.parametrize(
    ("more", "goes_on"),
    [
        ({"token": "two"}, True),
        # The lesson was ended on another page: nobody asked for the next one to be read.
        ({"token": "two", "session": "next"}, False),
        # A server that came back knows neither the visit nor the lesson.
        ({"token": "two", "session": "next", "visit": "another"}, True),
    ],
)
def test_what_another_lesson_means(blank: Page, more: dict[str, str], goes_on: bool) -> None:
    script = f"""
    await began();
    one.on_state({{ state: "live" }});
    mount(root, {json.dumps(more)});
    const moved = orders.find((said) => said.do === "token").moved;
    return [one.panel.state, !track.stopped, !orders.some((said) => said.do === "stop"), moved];"""
    state = "live" if goes_on else "idle"
    assert main(blank, script) == [state, goes_on, goes_on, "session" in more]
