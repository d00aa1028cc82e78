"""The parts of the browser's side that only reckon, run in a browser with a world made up."""

import json
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from fer.server import protocol
from tests.e2e.live_world import run

OPENED = "const link = new Link(told); link.open('ws://x/live', 'one'); last().greet();"


@pytest.fixture(scope="module")
def blank(browser: BrowserContext) -> Page:
    return browser.new_page()


def link(page: Page, script: str) -> Any:
    return run(page, "connection.js", script)


def pace(page: Page, script: str, source: str = "camera") -> Any:
    return run(page, "rate.js", f"const pace = new Pace('{source}'); {script}")


def test_a_frame_is_a_header_and_a_jpeg(blank: Page) -> None:
    script = """
    link.send(new Blob(["jpeg"]), 7.5);
    const bytes = last().sent[0].arrayBuffer();
    return bytes.then((all) => {
      const view = new DataView(all);
      const text = new TextDecoder().decode(all.slice(16));
      return [view.getUint32(0, true), view.getUint32(4, true), view.getFloat64(8, true), text];
    });"""
    assert link(blank, OPENED + script) == [1, 1, 7.5, "jpeg"]


def test_two_frames_are_under_way_and_no_more(blank: Page) -> None:
    script = """
    const free = [link.free];
    for (let at = 0; at < 2; at++) { link.send(new Blob(["x"]), world.now); free.push(link.free); }
    last().say({ seq: 2, size: [1, 1], faces: [] });  // settles the first as well
    free.push(link.free, link.inflight);
    link.send(new Blob(["x"]), world.now);
    free.push(link.free);
    return free;"""
    assert link(blank, OPENED + script) == [True, True, False, True, 2, True]


def test_an_answer_tells_how_long_it_took(blank: Page) -> None:
    script = """
    link.send(new Blob(["x"]), world.now);
    pass(120);
    last().say({ seq: 1, size: [1, 1], faces: [[1]] });
    last().say({ seq: 1, size: [1, 1], faces: [[2]] });
    const heard = world.told.filter(([name]) => name === "faces");
    return heard.map(([, said, ms]) => [said.faces, ms]);"""
    assert link(blank, OPENED + script) == [[[[1]], 120]]


def test_tries_come_ever_slower_but_never_slower_than_promised(blank: Page) -> None:
    script = """
    const waits = [];
    for (let at = 0; at < 12; at++) {
      last().drop();
      waits.push(world.timers[0].at - world.now);
      pass(5000);
    }
    return waits;"""
    waits = link(blank, OPENED + script)
    assert waits[0] < 500
    assert all(later > 1.2 * wait for wait, later in pairwise(waits[:4]))
    assert max(waits) < 4500  # the socket must be back within five seconds of the server
    assert len({round(wait) for wait in waits[6:]}) > 1  # not all classes in the same moment


def test_waking_up_waits_for_nothing(blank: Page) -> None:
    script = """
    for (let at = 0; at < 6; at++) { last().drop(); pass(5000); }
    last().drop();
    const before = world.sockets.length;
    link.retryNow();
    const [made, timers] = [world.sockets.length - before, world.timers.length];
    last().greet();
    link.retryNow();
    return [made, timers, world.sockets.length - before];"""
    assert link(blank, OPENED + script) == [1, 0, 1]


@pytest.mark.parametrize(
    "begun", ["link.send(new Blob(['x']), world.now);", "last().drop(); pass(400);"]
)
def test_a_silent_line_counts_as_lost(blank: Page, begun: str) -> None:
    script = f"""{begun}
    const [before, quiet] = [world.sockets.length, last()];
    pass(10000); link.check(world.now);
    const early = quiet.closed;
    pass(3000); link.check(world.now);
    pass(3000);
    return [early ?? null, quiet.closed, world.sockets.length - before];"""
    assert link(blank, OPENED + script) == [None, 1000, 1]


def test_a_refused_token_is_asked_for_anew_and_tried_at_once(blank: Page) -> None:
    script = """
    last().drop(1008);
    const asked = () => world.told.filter(([name]) => name === "token").length;
    const counts = [asked()];
    link.check(world.now); counts.push(asked());
    pass(5500); link.check(world.now); counts.push(asked());
    link.renew("two", false);
    last().greet();
    link.check(world.now + 10000); counts.push(asked());
    return [counts, last().url, link.free];"""
    assert link(blank, OPENED + script) == [[1, 1, 2, 2], "ws://x/live?token=two", True]


def test_a_token_that_held_is_not_doubted_any_more(blank: Page) -> None:
    script = """
    for (let at = 0; at < 3; at++) { last().drop(); pass(5000); }
    last().greet();
    const before = world.told.length;
    pass(20000); link.check(world.now);
    return [before > 0, world.told.length - before];"""
    assert link(blank, OPENED + script) == [True, 0]


def test_another_lesson_changes_over_at_once(blank: Page) -> None:
    script = """
    const first = last();
    link.renew("other", true);
    return [first.closed, last().url, world.sockets.length];"""
    assert link(blank, OPENED + script) == [1000, "ws://x/live?token=other", 2]


@pytest.mark.parametrize(("code", "state"), [(1013, "busy"), (1006, "reconnecting")])
def test_what_is_said_of_a_lost_line(blank: Page, code: int, state: str) -> None:
    script = f"last().drop({code}); return world.told.at(-1);"
    assert link(blank, OPENED + script) == ["state", state]


def test_closed_is_closed(blank: Page) -> None:
    script = """
    const first = last();
    link.send(new Blob(["x"]), world.now);
    link.close();
    first.drop(1000);
    link.retryNow(); link.check(world.now + 60000); pass(60000);
    return [first.closed, world.sockets.length, link.free];"""
    assert link(blank, OPENED + script) == [1000, 1, False]


REPLACED = f"last().drop({protocol.REPLACED});"


def test_whom_another_tab_replaced_stays_away(blank: Page) -> None:
    """Or both would throw each other out for ever."""
    script = f"""{REPLACED}
    link.retryNow(); link.check(world.now + 60000); pass(60000); link.renew("two", false);
    return [world.sockets.length, link.free, world.told.slice(1)];"""
    assert link(blank, OPENED + script) == [1, False, [["replaced"]]]


def test_who_stayed_away_comes_again_when_asked_to(blank: Page) -> None:
    script = f"""{REPLACED}
    link.open("ws://x/live", "two"); last().greet();
    return [world.sockets.length, link.free];"""
    assert link(blank, OPENED + script) == [2, True]


@pytest.mark.parametrize(
    "lost",
    [
        "link.send(new Blob(['x']), world.now); pass(13000); link.check(world.now); pass(500);",
        "link.renew('one', true);",  # changes over
        "link.close(); link.open('ws://x/live', 'one');",  # Stop and Start
    ],
)
def test_a_line_that_its_own_tab_replaced_stops_nothing(blank: Page, lost: str) -> None:
    """The server hears late that the old one is gone, and closes it for the new one's sake."""
    script = f"""
    const before = last();
    const late = before.onclose;  // as it was given: a browser may have the event under way
    {lost}
    last().greet();
    late({{ code: {protocol.REPLACED} }});
    const names = world.told.map(([name]) => name);
    return [before === last(), names.includes("replaced"), link.free];"""
    assert link(blank, OPENED + script) == [False, False, True]


def test_at_rest_nothing_goes_out_and_a_lost_line_is_left(blank: Page) -> None:
    script = """
    link.rest(true);
    const seen = [link.free];
    last().drop(1001);  // the server waits no longer
    pass(60000); link.check(world.now);
    seen.push(world.sockets.length, world.told.length);
    link.rest(false); last().greet();
    return [...seen, world.sockets.length, link.free];"""
    assert link(blank, OPENED + script) == [False, 1, 1, 2, True]


def answers(count: int, delay: float, every: float = 500, smallest: float = 80) -> str:
    """So many answers, each so late."""
    return f"""
    for (let at = 0; at < {count}; at++) {{
      pass({every}); pace.answered({delay}, pace.width, {smallest}, world.now);
    }}"""


def test_a_slow_server_gets_less_and_a_quick_one_more(blank: Page) -> None:
    script = f"""
    const all = [[pace.width, pace.fps]];
    {answers(100, 2000)} all.push([pace.width, pace.fps]);
    {answers(300, 60)} all.push([pace.width, pace.fps]);
    return all;"""
    first, slow, quick = pace(blank, script)
    assert slow[0] < first[0] < quick[0]
    assert slow[1] < first[1] < quick[1]
    assert slow[1] > 1  # at least one reading a second, however slow it is


def test_a_screen_keeps_its_small_faces(blank: Page) -> None:
    script = f"{answers(100, 2000)} return [pace.width, pace.fps];"
    width, fps = pace(blank, script, "screen")
    assert width == 1280
    assert 1 < fps < 5


def test_faces_that_are_too_small_call_for_a_larger_picture(blank: Page) -> None:
    script = f"{answers(10, 400, smallest=12)} return pace.width;"
    assert pace(blank, script, "screen") == 2560


def test_a_picture_too_big_for_the_server_shrinks(blank: Page) -> None:
    script = f"pace.tooBig(); {answers(100, 50)} return pace.width;"
    assert pace(blank, script, "screen") == round(0.8 * 1280)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (3840, 2160), (1080, 1920)])
def test_the_shape_stays_and_nothing_grows(blank: Page, size: tuple[int, int]) -> None:
    width, height = pace(blank, f"return pace.sizeFor({json.dumps(size)});")
    assert width <= size[0]
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
