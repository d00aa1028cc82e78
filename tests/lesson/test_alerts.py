"""An alert fires once, ends clearly below its line, and then rests."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.errors import UsageError
from fer.lesson import Alert, Fired, Lesson
from fer.lesson.alerts import CALM, Monitor, Monitors
from tests.lesson.classes import crowd, faces, new_lesson, run
from tests.lesson.classes import one as face

ALERT = Alert("negative", over=0.4, seconds=20, faces=5, margin=0.1, rest=60)
BAD, GOOD = crowd(sad=6, happy=4), crowd(sad=1, happy=9)  # 60 % and 10 %


def lasting(lesson: Lesson) -> list[Fired]:
    return [one for one in lesson.fired if one.end is None]


def test_an_alert_fires_after_its_seconds_and_not_before() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, GOOD, range(10))
    run(lesson, BAD, range(10, 30))
    assert lesson.fired == []  # the twentieth bad second is not over yet
    run(lesson, BAD, range(30, 31))
    assert lesson.fired == [Fired(ALERT, 10.0, None, 0.6)]
    assert lesson.snapshot().alerts == tuple(lesson.fired)


def test_a_share_on_the_line_is_not_over_it() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, crowd(sad=4, happy=6), range(60))
    assert lesson.fired == []


def test_a_share_that_moves_around_the_line_fires_once() -> None:
    lesson = new_lesson(ALERT)
    over, just_below = crowd(sad=5, happy=5), crowd(sad=7, happy=13)  # 50 %, 35 %
    for second in range(40):
        lesson.add(over if second % 2 == 0 else just_below, second + 0.5)
    assert [(one.start, one.peak) for one in lasting(lesson)] == [(0.0, 0.5)]
    run(lesson, GOOD, range(40, 42))
    assert [(one.start, one.end) for one in lesson.fired] == [(0.0, 40.0)]


def test_an_alert_rests_before_it_fires_again() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, BAD, range(30))
    run(lesson, GOOD, range(30, 35))
    run(lesson, BAD, range(35, 90))
    assert [(one.start, one.end) for one in lesson.fired] == [(0.0, 30.0)]  # until 90 it rests
    run(lesson, BAD, range(90, 92))
    assert [(one.start, one.end) for one in lesson.fired] == [(0.0, 30.0), (35.0, None)]


def test_too_few_faces_fire_no_alert() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, crowd(sad=4), range(60))
    assert lesson.fired == []


def test_a_gap_ends_an_alert_and_a_shorter_hole_does_not() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, BAD, range(10))
    run(lesson, BAD, range(12, 30))  # two seconds without a picture
    assert [one.start for one in lasting(lesson)] == [0.0]
    run(lesson, BAD, range(33, 40))  # three
    assert [(one.start, one.end) for one in lesson.fired] == [(0.0, 30.0)]


def test_a_snapshot_without_recent_pictures_shows_no_alerts() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, BAD, range(30))
    assert len(lesson.snapshot(31.0).alerts) == 1
    assert lesson.snapshot(33.0).alerts == ()


def test_the_end_of_the_lesson_ends_an_alert() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, BAD, range(30))
    lesson.finish(29.9)
    assert [(one.start, one.end) for one in lesson.fired] == [(0.0, 29.9)]


def test_setting_other_alerts_ends_the_old_ones() -> None:
    lesson, other = new_lesson(ALERT), Alert("positive", 0.5, 2)
    run(lesson, BAD, range(30))
    lesson.set_alerts([other])
    assert lesson.alerts == [other]
    assert [(one.alert, one.end) for one in lesson.fired] == [(ALERT, 29.0)]
    run(lesson, GOOD, range(30, 33))
    assert [(one.alert, one.start) for one in lasting(lesson)] == [(other, 30.0)]


def test_an_alert_that_stays_set_goes_on() -> None:
    lesson = new_lesson(ALERT)
    run(lesson, BAD, range(30))
    lesson.set_alerts([ALERT, Alert("flat", 0.9, 60)])
    assert [one.start for one in lasting(lesson)] == [0.0]


@given(st.lists(st.none() | st.integers(0, 10), max_size=200), st.integers(1, 12))
def test_occurrences_are_apart_and_long_enough(tenths: list[int | None], seconds: int) -> None:
    monitor = Monitor(replace(ALERT, seconds=seconds, rest=15))
    returned = []
    for second, share in enumerate(tenths):
        found = monitor.skip(second) if share is None else monitor.step(second, share / 10, 20)
        returned += [found] if found else []
    begun = [one for one in returned if one.end is None]
    ended = [one for one in returned if one.end is not None]
    assert [one.start for one in ended] == [one.start for one in begun][: len(ended)]
    assert all(one.peak > ALERT.over for one in returned)
    for one in ended:
        assert one.end is not None
        known = [share for share in tenths[int(one.start) : int(one.end)] if share is not None]
        assert all(share / 10 >= ALERT.over - ALERT.margin for share in known)
        assert one.end - one.start >= seconds
    for before, after in zip(ended, begun[1:], strict=False):
        assert before.end is not None
        assert after.start >= before.end


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"what": "bored"}, "negative, confused"),
        ({"over": 1.0}, "between 0 and 1"),
        ({"over": 0.0, "margin": 0.0}, "between 0 and 1"),
        ({"rest": -1}, "rest of 0 or more"),
        ({"margin": 0.4}, "margin between 0 and"),
        ({"margin": -0.1}, "margin between 0 and"),
        ({"over": 1.5}, "between 0 and 1"),
        ({"seconds": 0}, "at least one second"),
        ({"faces": 0}, "one face"),
    ],
)
def test_invalid_alerts_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(ALERT, **change)


def test_default_alerts_are_calm() -> None:
    """Docs and the pages name these values: 40 % of at least 5 faces for 30 seconds."""
    expected = [
        Alert(what, over=0.4, seconds=30, faces=5, margin=0.1, rest=180)
        for what in ("negative", "confused")
    ]
    assert [*CALM] == expected


def test_a_monitor_may_fire_in_its_first_second() -> None:
    monitor = Monitor(replace(ALERT, seconds=1))
    assert monitor.step(0, 0.5, 5) == Fired(monitor.alert, 0.0, None, 0.5)


def test_a_share_just_at_the_margin_does_not_end_it() -> None:
    monitor = Monitor(replace(ALERT, over=0.5, margin=0.25, seconds=1))
    fired = monitor.step(0, 0.75, 5)
    assert monitor.step(1, 0.25, 5) is None
    assert monitor.fired == fired is not None


def test_a_share_is_of_the_faces_that_were_read() -> None:
    """Four of the six faces of these seconds were read, three of them look negative."""
    unread = [float("nan")] * 7
    seen = faces(*[face("sad")] * 3, face("happy"), unread, unread)
    lesson = new_lesson(replace(ALERT, seconds=2))
    for tenth in range(25):
        lesson.add(seen, tenth / 10)
    assert [(one.start, one.peak) for one in lasting(lesson)] == [(0.0, 0.75)]


def test_faces_are_counted_in_a_picture_and_not_in_a_second() -> None:
    """Four faces in ten pictures are four faces, too few for this alert."""
    lesson = new_lesson(replace(ALERT, seconds=2))
    for tenth in range(100):
        lesson.add(crowd(sad=4), tenth / 10)
    assert lesson.fired == []


@pytest.mark.parametrize("readings", [0, 1])
def test_where_next_to_nothing_was_read_the_share_is_of_that(readings: int) -> None:
    unread = [float("nan")] * 7
    lesson = new_lesson(replace(ALERT, seconds=1))
    run(lesson, faces(*[face("sad")] * readings, *[unread] * 5), range(4))
    assert [one.peak for one in lesson.fired] == [1.0] * readings


@pytest.mark.parametrize("change", [{"margin": 0.0}, {"faces": 1}, {"rest": 0}, {"seconds": 1}])
def test_the_smallest_values_make_an_alert(change: dict[str, float]) -> None:
    ((name, value),) = change.items()
    assert getattr(replace(ALERT, **change), name) == value


def test_restoring_ends_alerts_that_lasted_when_the_lesson_was_stored() -> None:
    monitors = Monitors([])
    monitors.restore([Fired(ALERT, 1.0, 5.0, 0.6), Fired(ALERT, 20.0, None, 0.7)], 30)
    assert [(one.start, one.end) for one in monitors.ended] == [(1.0, 5.0), (20.0, 30.0)]
