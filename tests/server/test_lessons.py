"""Live lessons: their whole life, places, owners, several processes, and locks."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fer.errors import BusyError, LiveError
from fer.faces import Faces, Picture
from fer.lesson import Alert, Lesson
from fer.lesson.lesson import WHEN, LessonPlan
from fer.lesson.seconds import gaps
from fer.server.lessons import LiveLesson, LiveLessons
from fer.store import Autosave, Store, UnsavedFiles
from tests.server.fakes import Clock, FakeAnalyzer, FakeStream

FRAME = np.zeros((48, 64, 3), np.uint8)
HAPPY = Faces.of([[0, 0, 9, 9]] * 3, probabilities=[[0, 0, 0, 1, 0, 0, 0]] * 3)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
ID, OWNER = "lesson-1", "somebody"
QUARTER = 15 * 60.0  # of an hour: who sends nothing for longer has gone


class FakeConnection:
    def __init__(self) -> None:
        self.reasons: list[tuple[str, bool]] = []

    def end(self, reason: str, *, replaced: bool = False) -> None:
        self.reasons.append((reason, replaced))


class Process:
    """A server process, with live lessons over a shared store."""

    def __init__(self, world: "World") -> None:
        self.world, self.analyzer = world, FakeAnalyzer()
        self.store = Store(world.url, now=lambda: world.wall().timestamp())
        self.autosave = Autosave(self.store, now=lambda: world.seconds)
        self.lessons = LiveLessons(
            self.analyzer, self.store, self.autosave, 3, lambda: world.seconds, world.wall
        )

    def begin(self, plan: LessonPlan | None = None) -> LiveLesson:
        """Let a page join and the first picture come."""
        self.lessons.join(ID, OWNER, plan or LessonPlan("Algebra"))
        live = self.lessons.open(ID, "socket")
        live.add(HAPPY)
        return live

    def teach(self, until: int) -> None:
        """Feed a picture each second up to `until`, and save what is due."""
        live = self.lessons.open(ID, "socket")
        for second in range(round(self.world.seconds), until):
            self.world.seconds = second
            live.last_frame = second
            live.add(HAPPY)
            self.lessons.save_due()


class World:
    """A clock, and server processes that share a database file."""

    def __init__(self, path: Path) -> None:
        self.url, self.seconds = f"sqlite:///{path}", 0.0

    def process(self) -> Process:
        return Process(self)

    def wall(self) -> datetime:
        return NINE + timedelta(seconds=self.seconds)

    def kept(self) -> Any:
        return Store(self.url).load(ID, OWNER)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "lessons.sqlite3")


@pytest.fixture
def analyzer() -> FakeAnalyzer:
    return FakeAnalyzer()


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def lessons(analyzer: FakeAnalyzer, now: Clock) -> LiveLessons:
    return LiveLessons(analyzer, most=3, now=now, wall=lambda: NINE)


# Frames.


def test_a_lesson_keeps_its_newest_faces(lessons: LiveLessons) -> None:
    live = lessons.open(None, "socket")
    assert (len(live.faces), live.size, live.rate(), live.delay()) == (0, (0, 0), 0, None)
    faces = live.feed(FRAME, 1.0)
    assert live.faces is faces
    assert live.size == (64, 48)
    assert faces.ids.tolist() == [1]


def test_nothing_is_loaded_before_the_first_frame(
    lessons: LiveLessons, analyzer: FakeAnalyzer
) -> None:
    live = lessons.open(None, "socket")
    assert not analyzer.streams
    live.feed(FRAME, 1.0)
    live.feed(FRAME, 2.0)
    assert len(analyzer.streams) == 1


def test_the_rate_counts_the_frames_of_the_last_five_seconds(
    lessons: LiveLessons, now: Clock
) -> None:
    live = lessons.open(None, "socket")
    live.feed(FRAME, 1.0)
    assert live.rate() == 0  # of one frame there is no rate
    now.at += 2.0
    live.feed(FRAME, 3.0)
    assert live.rate() == 0.5  # two frames, two seconds apart
    now.at += 1.0
    live.feed(FRAME, 4.0)
    assert live.rate() == pytest.approx(2 / 3)
    now.at += 2.0
    assert live.rate() == pytest.approx(2 / 5)  # the first is five seconds old, and counts
    now.at += 0.25
    assert live.rate() == pytest.approx(1 / 3.25)
    now.at += 10.0
    assert live.rate() == 0


def test_frames_at_one_moment_have_a_finite_rate(lessons: LiveLessons) -> None:
    live = lessons.open(None, "socket")
    for at in range(3):
        live.feed(FRAME, at)
    assert live.rate() == pytest.approx(2000)


def test_the_delay_is_the_median_of_the_last_sixty_four(lessons: LiveLessons) -> None:
    live = lessons.open(None, "socket")
    for seconds in [9.0] * 33 + [0.5] * 32:
        live.note_delay(seconds)
    assert live.delay() == 4.75  # the first of the slow ones is forgotten, half are slow
    live.note_delay(0.5)
    assert live.delay() == 0.5


def test_rate_and_delay_are_of_the_last_seconds(lessons: LiveLessons, now: Clock) -> None:
    live = lessons.open(None, "socket")
    for _ in range(41):
        live.feed(FRAME, now.at)
        now.at += 0.1
    assert live.rate() == pytest.approx(10, rel=0.05)
    for seconds in (0.1, 0.2, 5.0):
        live.note_delay(seconds)
    assert live.delay() == 0.2
    now.at += 6
    assert live.rate() == 0


def test_times_grow_whatever_a_page_sends(
    lessons: LiveLessons, analyzer: FakeAnalyzer, now: Clock
) -> None:
    live = lessons.open(None, "socket")
    for sent in (100.0, 100.1, 3.0, 3.2, 9e9, 9e9, -5.0):
        live.feed(FRAME, sent)
        now.at += 0.1
    times = np.array(analyzer.streams[0].times)
    assert times[0] == 100
    assert np.all(np.diff(times) > 0)
    assert times[-1] < 102


def test_a_frame_that_comes_too_soon_is_dropped(
    lessons: LiveLessons, analyzer: FakeAnalyzer
) -> None:
    live = lessons.open(None, "webrtc")
    analyzer.may_go.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(live.feed, FRAME, 1.0)
        assert analyzer.begun.wait(10)
        assert len(live.feed(FRAME, 1.1)) == 0  # at once, with what was known
        analyzer.may_go.set()
        assert len(slow.result(10)) == 1
    assert live.dropped == 1
    assert analyzer.streams[0].times == [1.0]


def test_an_error_of_the_stream_leaves_the_lesson_usable(
    lessons: LiveLessons, analyzer: FakeAnalyzer
) -> None:
    live = lessons.open(None, "socket")
    analyzer.fault = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        live.feed(FRAME, 1.0)
    analyzer.fault = None
    assert len(live.feed(FRAME, 2.0)) == 1


# Places.


def test_the_same_id_is_the_same_lesson(lessons: LiveLessons) -> None:
    first = lessons.open(None, "webrtc")
    assert lessons.open(first.id, "socket") is first
    assert first.transport == "socket"
    assert lessons.open("another-one", "socket").id == "another-one"


@pytest.mark.parametrize(
    "lesson_id", ["", "short", "a" * 65, "../../etc/passwd", "with space", "ümläut-ü"]
)
def test_a_malformed_id_is_refused(lessons: LiveLessons, lesson_id: str) -> None:
    with pytest.raises(LiveError, match="id"):
        lessons.open(lesson_id, "socket")


def test_the_number_of_places_is_limited(lessons: LiveLessons) -> None:
    opened = [lessons.open(None, "socket") for _ in range(3)]
    with pytest.raises(BusyError, match=r"^the server is busy with 3 lessons; try later$"):
        lessons.open(None, "socket")
    assert lessons.open(opened[0].id, "socket") is opened[0]
    opened[0].finish()
    assert lessons.open(None, "socket")


def test_one_visitor_cannot_take_all_places(lessons: LiveLessons) -> None:
    for number in range(3):
        lessons.join(f"lesson-{number}", OWNER, LessonPlan())
    first, _ = (lessons.open(f"lesson-{number}", "socket") for number in range(2))
    with pytest.raises(BusyError, match="you run 2 lessons already"):
        lessons.open("lesson-2", "socket")
    assert lessons.open("lesson-0", "socket") is first
    assert lessons.open("of-somebody-else", "socket")
    first.finish()
    assert lessons.open("lesson-2", "socket")


def test_one_network_cannot_take_all_places(analyzer: FakeAnalyzer, now: Clock) -> None:
    lessons = LiveLessons(analyzer, most=8, now=now)
    for _ in range(6):
        lessons.open(None, "socket", "203.0.113.9")
    with pytest.raises(BusyError, match="your network runs 6 lessons already"):
        lessons.open(None, "socket", "203.0.113.9")
    assert lessons.open(None, "socket", "203.0.113.10")
    now.at += 16  # what sends nothing makes room
    assert lessons.open(None, "socket", "203.0.113.9")


def test_by_default_there_are_sixteen_places_freed_after_two_minutes(
    analyzer: FakeAnalyzer, now: Clock
) -> None:
    lessons = LiveLessons(analyzer, now=now)
    for _ in range(16):
        lessons.open(None, "socket").feed(FRAME, 1.0)
    with pytest.raises(BusyError, match="16 lessons"):
        lessons.open(None, "socket")
    now.at += 120
    lessons.sweep()
    assert len(lessons) == 16
    now.at += 0.5
    lessons.sweep()
    assert len(lessons) == 0
    assert all(stream.closed for stream in analyzer.streams)


def test_a_page_alone_takes_no_place(lessons: LiveLessons) -> None:
    for number in range(9):
        lessons.join(f"lesson-{number}", OWNER, LessonPlan())
    assert len(lessons) == 0
    assert lessons.open(None, "socket")


def test_a_late_return_goes_on(lessons: LiveLessons, now: Clock) -> None:
    live = lessons.open(None, "socket")
    now.at += 121
    assert lessons.open(live.id, "socket") is live


def test_a_left_lesson_makes_room_when_all_is_full(
    lessons: LiveLessons, analyzer: FakeAnalyzer, now: Clock
) -> None:
    left = lessons.open(None, "socket")
    left.feed(FRAME, 1.0)
    now.at += 15
    others = [lessons.open(None, "socket") for _ in range(2)]
    with pytest.raises(BusyError):
        lessons.open(None, "socket")  # only what is idle for more than 15 seconds yields
    now.at += 0.5
    assert left.opened  # it may come back as long as nobody needs its place
    lessons.open(None, "socket")
    assert not left.opened
    assert analyzer.streams[0].closed
    assert all(one.opened for one in others)


def test_a_lesson_that_runs_without_a_stream_needs_a_place_again(
    lessons: LiveLessons, analyzer: FakeAnalyzer, now: Clock
) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    live.feed(FRAME, 1.0)
    now.at += 121
    lessons.sweep()
    assert lessons.running(ID, OWNER) is live
    live.feed(FRAME, 2.0)  # the next picture opens a stream
    assert [stream.closed for stream in analyzer.streams] == [True, False]
    now.at += 121
    lessons.sweep()
    for _ in range(3):
        lessons.open(None, "socket")
    with pytest.raises(BusyError):
        live.feed(FRAME, 3.0)


def test_a_lesson_without_a_picture_keeps_no_place(lessons: LiveLessons) -> None:
    live, connection = lessons.open("garbage-sender", "socket"), FakeConnection()
    live.connect(connection)
    live.disconnect(connection)
    assert len(lessons) == 0


def test_a_page_keeps_its_lesson_although_its_connection_sent_nothing(
    lessons: LiveLessons,
) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live, connection = lessons.open(ID, "socket"), FakeConnection()
    live.connect(connection)
    live.disconnect(connection)
    assert len(lessons) == 0
    assert lessons.get(ID, OWNER) is live


@pytest.mark.parametrize("transport", ["socket", "webrtc"])
def test_a_lost_connection_leaves_a_lesson_its_place(
    lessons: LiveLessons, transport: Literal["socket", "webrtc"]
) -> None:
    live, connection = lessons.open(None, transport), FakeConnection()
    live.connect(connection)
    if transport == "socket":  # over WebRTC the pictures do not come by this connection
        live.feed(FRAME, 1.0)
    live.disconnect(connection)
    assert live.opened


@pytest.mark.parametrize("how", ["idle", "garbage", "ended"])
def test_of_a_lesson_without_a_page_nothing_stays_in_memory(
    lessons: LiveLessons, now: Clock, how: str
) -> None:
    live, connection = lessons.open(ID, "socket"), FakeConnection()
    kept = weakref.ref(live)
    if how == "garbage":
        live.connect(connection)
        live.disconnect(connection)
    elif how == "ended":
        live.finish()
    else:
        now.at += 121
        lessons.sweep()
    del live
    gc.collect()
    assert kept() is None


def test_a_lesson_that_ended_leaves_nothing_in_memory(lessons: LiveLessons) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    live.feed(FRAME, 1.0)
    assert live.finish() is not None
    kept = weakref.ref(live)
    del live
    gc.collect()
    assert kept() is None


def test_a_lesson_ends_once(world: World) -> None:
    live = world.process().begin()
    world.seconds = 10
    assert live.finish() is not None
    world.seconds = 60
    assert live.finish() is None  # there is nothing more to end
    assert world.kept().ended == 10


def test_an_idle_page_keeps_its_lesson(lessons: LiveLessons, now: Clock) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    now.at += 121
    lessons.sweep()
    assert len(lessons) == 0
    assert lessons.get(ID, OWNER) is live


def test_pictures_without_a_page_are_answered_as_long_as_they_come(
    lessons: LiveLessons, now: Clock
) -> None:
    live = lessons.open(None, "socket")
    for _ in range(20):
        now.at += 60
        live.feed(FRAME, now.at)
        lessons.sweep()
    assert lessons.all() == [live]


def test_lessons_are_counted_by_what_brings_their_frames(lessons: LiveLessons) -> None:
    for transport in ("socket", "webrtc", "socket"):
        lessons.open(None, transport)  # type: ignore[arg-type]  # a literal in a loop
    assert (lessons.count("socket"), lessons.count("webrtc")) == (2, 1)


def test_the_last_frame_is_known_of_open_lessons_only(lessons: LiveLessons, now: Clock) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    assert lessons.last_frame("lesson-9") is None
    assert lessons.last_frame(ID) is None
    live = lessons.open(ID, "socket")
    now.at += 5
    live.feed(FRAME, 1.0)
    now.at += 5
    assert lessons.last_frame(ID) == now.at - 5


def test_metrics_have_the_time_that_a_frame_took(
    lessons: LiveLessons, analyzer: FakeAnalyzer, now: Clock
) -> None:
    live = lessons.open(None, "webrtc")
    live.feed(FRAME, 1.0)

    class Slow(FakeStream):
        def feed(self, frame: Picture, time: float | None = None) -> Faces:
            now.at += 0.25
            return super().feed(frame, time)

    live.close_stream()
    analyzer.live = lambda: Slow(analyzer, 1)  # type: ignore[method-assign]  # a fake's own
    live.feed(FRAME, 2.0)
    read = lessons.metrics.registry.get_sample_value
    by = {"transport": "webrtc"}
    assert read("fer_frames_total", by) == 2
    assert read("fer_frame_seconds_sum", by) == 0.25


def test_many_threads_never_open_too_many(analyzer: FakeAnalyzer) -> None:
    lessons, opened, refused = LiveLessons(analyzer, most=5), [], []

    def open_one(_: int) -> None:
        try:
            live = lessons.open(None, "socket")
        except BusyError as fault:
            refused.append(fault)
        else:
            live.feed(FRAME, 1.0)
            opened.append(live)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(open_one, range(64)))
    assert (len(opened), len(refused), len(lessons)) == (5, 59, 5)


# Connections.


def test_a_newer_connection_replaces_the_older(lessons: LiveLessons) -> None:
    live, first, second = lessons.open(ID, "socket"), FakeConnection(), FakeConnection()
    live.feed(FRAME, 1.0)
    assert live.connect(first) is None
    assert live.connect(second) is first
    live.disconnect(first)  # the older one closes later
    live.finish()
    assert first.reasons == []
    assert second.reasons == [("this lesson has ended; reload the page", False)]


# The life of a lesson.


def test_a_lesson_begins_with_the_first_picture_after_a_page_joined(lessons: LiveLessons) -> None:
    live = lessons.open(ID, "socket")
    live.feed(FRAME, 1.0)  # answered, not counted
    assert (live.state, live.lesson, lessons.get(ID, OWNER)) == ("waiting", None, None)
    assert lessons.join(ID, OWNER, LessonPlan("Algebra", acknowledged=NINE)) is live
    assert lessons.get(ID, OWNER) is live
    assert lessons.running(ID, OWNER) is None
    live.feed(FRAME, 2.0)
    assert lessons.running(ID, OWNER) is live
    assert live.lesson is not None
    assert (live.lesson.info.id, live.lesson.info.name) == (ID, "Algebra")
    assert live.lesson.info.started == NINE
    assert live.snapshot() is not None


def test_only_the_owner_gets_a_lesson(lessons: LiveLessons) -> None:
    lessons.join(ID, OWNER, LessonPlan("Algebra"))
    lessons.open(ID, "socket").add(HAPPY)
    assert lessons.get(ID, "another") is None
    assert lessons.join(ID, "another", LessonPlan("Theft")) is None
    assert lessons.resume("another") is None
    assert lessons.resume(OWNER) == ID
    live = lessons.running(ID, OWNER)
    assert live is not None and live.lesson is not None
    assert live.lesson.info.name == "Algebra"
    assert live.finish() is live.lesson
    assert lessons.resume(OWNER) is None


def test_another_owner_cannot_take_over_a_waiting_lesson(lessons: LiveLessons) -> None:
    lessons.join(ID, OWNER, LessonPlan("Algebra"))
    assert lessons.join(ID, "another", LessonPlan("Theft")) is None
    lessons.open(ID, "socket").add(HAPPY)
    assert lessons.running(ID, OWNER) is not None


def test_pictures_for_an_ended_lesson_are_refused(lessons: LiveLessons) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    live.feed(FRAME, 1.0)
    live.finish()
    with pytest.raises(LiveError, match="has ended"):
        live.feed(FRAME, 2.0)
    with pytest.raises(LiveError, match="has ended"):
        lessons.open(ID, "socket")
    assert len(lessons) == 0


def test_the_last_256_ended_lessons_are_remembered(lessons: LiveLessons) -> None:
    for number in range(257):
        lessons.open(f"lesson-{number:03}", "socket").finish()
    with pytest.raises(LiveError, match="has ended"):
        lessons.open("lesson-001", "socket")
    assert lessons.open("lesson-000", "socket").opened  # its page has a new id by then


def test_finishing_waits_for_the_picture_in_work(
    lessons: LiveLessons, analyzer: FakeAnalyzer
) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    analyzer.may_go.clear()
    with ThreadPoolExecutor(2) as pool:
        fed = pool.submit(live.feed, FRAME, 1.0)
        assert analyzer.begun.wait(10)
        finished = pool.submit(live.finish)
        analyzer.may_go.set()
        assert len(fed.result(10)) == 1
        finished.result(10)
    assert analyzer.streams[0].closed


def test_a_lesson_that_waits_is_forgotten_without_its_page(world: World) -> None:
    lessons = world.process().lessons
    lessons.join(ID, OWNER, LessonPlan())
    world.seconds = QUARTER
    lessons.join("lesson-2", OWNER, LessonPlan())
    world.seconds = QUARTER + 1
    lessons.sweep()
    assert lessons.get(ID, OWNER) is None
    assert lessons.get("lesson-2", OWNER) is not None
    assert lessons.join(ID, OWNER, LessonPlan()) is not None  # its page was only asleep
    assert lessons.open(ID, "socket").opened


def test_a_killed_server_costs_what_was_not_saved_yet(world: World) -> None:
    first = world.process()
    first.begin()
    first.teach(60)
    world.seconds = 90  # the process was killed: nothing is closed
    second = world.process()
    assert second.lessons.resume(OWNER) == ID
    assert second.lessons.resume(OWNER) == ID  # now as one that runs
    live = second.lessons.running(ID, OWNER)
    assert live is not None
    live.add(HAPPY)
    lesson = live.finish()
    assert lesson is not None
    counted = lesson.rows()["frames"]
    assert counted[90] == 1  # it goes on at its own time
    assert counted[:50].all()
    assert [gap.kind for gap in gaps(lesson.rows(), lesson.pauses)] == ["lost"]
    assert world.process().lessons.resume(OWNER) is None  # it is over


def test_a_lesson_is_adopted_in_the_second_in_which_it_was_saved(world: World) -> None:
    first = world.process()
    first.begin()
    first.lessons.save_due()
    world.seconds = 0.25
    assert world.process().lessons.resume(OWNER) == ID


def test_a_finished_lesson_that_is_not_saved_yet_is_not_resumed(world: World) -> None:
    first = world.process()
    live = first.begin()
    first.teach(10)
    first.lessons.save_due()
    live.state = "ended"  # as after a last save that failed: it stays here until it is saved
    assert first.lessons.resume(OWNER) is None
    assert live.state == "ended"
    assert live.lesson is not None and live.lesson.duration >= 9


def test_who_cannot_save_takes_over_no_lesson(world: World) -> None:
    first = world.process()
    first.begin()
    first.lessons.save_due()
    world.seconds = 1
    assert LiveLessons(FakeAnalyzer(), first.store, now=Clock()).resume(OWNER) is None
    assert LiveLessons(FakeAnalyzer(), now=Clock()).resume(OWNER) is None


@pytest.mark.parametrize("how", ["idle", "disconnected"])
def test_an_adopted_lesson_runs_without_a_picture(world: World, how: str) -> None:
    first = world.process()
    first.begin()
    first.teach(10)
    lessons, connection = world.process().lessons, FakeConnection()
    assert lessons.resume(OWNER) == ID
    live = lessons.open(ID, "socket")
    live.connect(connection)
    if how == "idle":
        world.seconds += 121
        lessons.sweep()
    else:
        live.disconnect(connection)
    assert len(lessons) == 0
    assert lessons.running(ID, OWNER) is live


def test_what_was_cut_off_long_ago_is_over(world: World) -> None:
    first = world.process()
    first.begin()
    first.lessons.save_due()
    world.seconds = QUARTER + 60
    assert world.process().lessons.resume(OWNER) is None
    assert world.kept().ended is not None


@pytest.mark.parametrize("left", ["a save", "finishing", "sweeping", "closing"])
def test_a_process_that_was_left_behind_changes_nothing(world: World, left: str) -> None:
    first = world.process()
    old = first.begin()
    first.teach(10)
    world.seconds = 12  # the first process is there still, and has saved it a moment ago
    second = world.process()
    assert second.lessons.resume(OWNER) == ID
    live = second.lessons.running(ID, OWNER)
    assert live is not None
    live.mark("note", "Fractions")
    second.teach(30)
    lesson = live.finish()
    assert lesson is not None
    world.seconds = 40
    if left == "a save":
        first.lessons.save_due()
        assert first.lessons.get(ID, OWNER) is None  # it has found out
        assert old.state == "lost"
        assert first.lessons.open(ID, "socket").opened  # whoever sends pictures gets answers
    elif left == "finishing":
        old.finish()
    elif left == "sweeping":
        world.seconds += QUARTER
        first.lessons.sweep()
    else:
        first.lessons.close()
    kept = world.kept()
    assert kept.ended == lesson.ended == 29
    assert [note.text for note in kept.notes] == ["Fractions"]
    assert (kept.rows() == lesson.rows()).all()
    assert kept.rows()["frames"][12:30].all()


def test_the_process_that_adopted_a_lesson_last_runs_it(world: World) -> None:
    first, second = world.process(), world.process()
    first.begin()
    first.teach(10)
    assert second.lessons.resume(OWNER) == ID
    second.teach(20)
    first.lessons.save_due()
    world.seconds += 1
    assert first.lessons.resume(OWNER) == ID  # the browser came back here
    first.teach(30)
    second.lessons.save_due()
    assert second.lessons.running(ID, OWNER) is None
    live = first.lessons.running(ID, OWNER)
    assert live is not None and live.finish() is not None
    assert world.kept().rows()["frames"][10:].all()


@pytest.mark.parametrize("noted", [None, 90])
def test_an_abandoned_lesson_ends_where_it_broke_off(world: World, noted: float | None) -> None:
    process = world.process()
    live = process.begin()
    process.teach(60)
    if noted is not None:
        world.seconds = noted
        live.mark("note", "a late word counts too")
    world.seconds = 59 + QUARTER
    process.lessons.sweep()
    assert process.lessons.running(ID, OWNER) is live
    world.seconds = 60 + QUARTER
    process.lessons.sweep()
    assert process.lessons.get(ID, OWNER) is None
    assert world.kept().ended == (noted or 60)


def test_a_lesson_that_nobody_went_on_with_ends_where_it_broke_off(world: World) -> None:
    first = world.process()
    first.begin()
    first.teach(60)
    first.lessons.close()
    world.seconds += 450
    again = world.process()
    assert again.lessons.resume(OWNER) == ID  # a page was opened, and nothing more
    world.seconds += QUARTER + 1
    again.lessons.sweep()
    assert world.kept().ended == 60


def test_stopping_saves_all_lessons_and_ends_none(world: World) -> None:
    first = world.process()
    live = first.begin()
    live.feed(FRAME, 1.0)
    first.lessons.close()
    assert first.analyzer.streams[0].closed
    kept = world.kept()
    assert kept.ended is None
    assert kept.rows()["frames"].sum() == 2
    world.seconds = 1
    assert world.process().lessons.resume(OWNER) == ID


def test_a_deleted_lesson_is_not_saved_and_takes_nothing_more(world: World) -> None:
    process = world.process()
    live, connection = process.begin(), FakeConnection()
    live.feed(FRAME, 1.0)
    live.connect(connection)
    process.lessons.save_due()
    assert Store(world.url).find(OWNER).found == 1
    process.lessons.delete(ID, OWNER)
    process.lessons.save_due()
    process.lessons.close()
    assert Store(world.url).find(OWNER).found == 0
    assert process.analyzer.streams[0].closed  # the stream stayed open in version 0.1
    assert len(connection.reasons) == 1
    assert not live.opened
    with pytest.raises(LiveError, match="has ended"):
        live.feed(FRAME, 2.0)
    with pytest.raises(LiveError, match="has ended"):
        process.lessons.open(ID, "socket")
    assert live.lesson is not None
    live.add(HAPPY)
    assert live.lesson.rows()["frames"].sum() == 2


def test_an_ended_lesson_is_saved_later_if_the_store_fails(world: World) -> None:
    process = world.process()
    live = process.begin()
    process.lessons.save_due()
    process.store.engine.dispose()
    path = Path(world.url.removeprefix("sqlite:///"))
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()  # no database can be opened here
    lesson = live.finish()
    assert lesson is not None
    assert live.saved.fault
    assert len(process.lessons) == 0
    path.rmdir()
    hidden.rename(path)
    world.seconds += 6
    process.lessons.save_due()
    assert world.kept().ended is not None
    assert process.lessons.get(ID, OWNER) is None
    with pytest.raises(LiveError, match="has ended"):
        process.lessons.open(ID, "socket")


def test_without_a_store_a_server_stops_as_well(
    lessons: LiveLessons, analyzer: FakeAnalyzer
) -> None:
    lessons.open(None, "socket").feed(FRAME, 1.0)
    lessons.close()
    assert analyzer.streams[0].closed


def test_a_server_that_stops_saves_nothing_later(world: World) -> None:
    process, turns = world.process(), threading.Event()
    autosave = Autosave(process.store, every=0.04)
    lessons = LiveLessons(process.analyzer, process.store, autosave)
    autosave.start(turns.set)
    assert turns.wait(10)
    lessons.close()
    turns.clear()
    assert not turns.wait(0.1)
    assert process.store.engine.pool.checkedin() == 0  # its connections are closed


# What a page does.


def test_a_lesson_without_a_name_has_the_time_of_its_beginning(world: World) -> None:
    india = ZoneInfo("Asia/Kolkata")
    world.seconds = 600
    live = world.process().begin(LessonPlan(unnamed=f"Lesson of {WHEN}", zone=india))
    assert live.lesson is not None
    begun = (NINE + timedelta(minutes=10)).astimezone(india)
    assert live.lesson.info.name == f"Lesson of {begun:%Y-%m-%d %H:%M}"
    named = LessonPlan("Algebra", unnamed=f"Lesson of {WHEN}").begin(begun)
    assert named.info.name == "Algebra"


def test_consent_has_the_time_zone_of_the_class() -> None:
    new_york = ZoneInfo("America/New_York")
    evening = datetime(2026, 3, 2, 19, 30, tzinfo=new_york)  # after midnight by UTC
    agreed = evening - timedelta(minutes=5)
    info = LessonPlan(acknowledged=agreed.astimezone(UTC), zone=new_york).begin(evening).info
    assert info.acknowledged is not None
    assert f"{info.acknowledged:%d %H:%M}" == f"{agreed:%d %H:%M}"
    assert LessonPlan().begin(evening).info.acknowledged is None


def test_a_snapshot_is_made_about_once_a_second(lessons: LiveLessons, now: Clock) -> None:
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    assert live.snapshot() is None
    live.add(HAPPY)
    first = live.snapshot()
    assert first is not None
    assert (first.faces, first.version) == (len(HAPPY), 1)
    now.at += 0.875
    assert live.snapshot() is first
    now.at += 0.0625
    second = live.snapshot()
    assert second is not None
    assert second.version == 2
    live.pause()  # what the teacher does is shown at once
    third = live.snapshot()
    assert third is not None
    assert (third.paused, third.version) == (True, 3)


def test_a_snapshot_is_nine_tenths_of_a_second_old_at_most(analyzer: FakeAnalyzer) -> None:
    clock = Clock(0.0)
    lessons = LiveLessons(analyzer, now=clock)
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    live.add(HAPPY)
    first = live.snapshot()
    clock.at = 0.9
    assert live.snapshot() is not first


def test_a_stored_lesson_is_renamed_in_the_store(world: World) -> None:
    process = world.process()
    process.begin().finish()
    process.lessons.rename(ID, OWNER, "Geometry")
    assert world.kept().info.name == "Geometry"


def test_without_a_store_there_is_nothing_to_rename_or_delete(lessons: LiveLessons) -> None:
    lessons.rename(ID, OWNER, "Geometry")
    lessons.delete(ID, OWNER)
    assert lessons.resume(OWNER) is None


@pytest.mark.parametrize("by", ["page", "history"])
def test_a_running_lesson_is_renamed_here_and_in_the_store(world: World, by: str) -> None:
    process = world.process()
    live = process.begin()
    process.lessons.save_due()
    if by == "page":
        live.rename("Geometry")
    else:
        process.lessons.rename(ID, OWNER, "Geometry")
    assert live.lesson is not None
    assert live.lesson.info.name == world.kept().info.name == "Geometry"


def test_a_new_name_is_saved_later_if_the_store_fails(world: World) -> None:
    process = world.process()
    live = process.begin()
    process.lessons.save_due()
    process.store.engine.dispose()
    path = Path(world.url.removeprefix("sqlite:///"))
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()
    live.rename("Geometry")
    path.rmdir()
    hidden.rename(path)
    world.seconds += 6
    process.lessons.save_due()
    assert world.kept().info.name == "Geometry"


def test_a_note_is_saved_at_once(world: World) -> None:
    process = world.process()
    live = process.begin()
    process.lessons.save_due()
    world.seconds = 1
    note = live.mark("topic", "Fractions")
    assert note is not None
    assert note.time == 1
    process.lessons.save_due()  # long before the next save would be due
    assert world.kept().notes == [note]


def test_changes_to_a_lesson_that_does_not_run_are_ignored(lessons: LiveLessons) -> None:
    live = lessons.join(ID, OWNER, LessonPlan())
    assert live is not None
    assert live.mark("topic") is None
    for act in (live.pause, live.resume, lambda: live.rename("x"), lambda: live.set_alerts(())):
        act()
    assert live.finish() is None
    assert live.lesson is None


# Stores that hang or fail.


class Hanging(Store):
    """A store that hangs in every call, where no limit reaches it, until a test ends that."""

    generation = 0

    def __init__(self) -> None:
        self.may_go = threading.Event()

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        self.may_go.wait(30)

    save = begin

    def close(self) -> None:
        self.may_go.wait(30)


def running(lessons: LiveLessons, count: int, seconds: int = 2700) -> None:
    """Let so many lessons run, each with an owner of its own and of three quarters of an hour."""
    for number in range(count):
        lessons.join(f"lesson-{number:02}", f"owner-{number}", LessonPlan(f"Lesson {number}"))
        live = lessons.open(f"lesson-{number:02}", "socket")
        for second in range(seconds):
            live.add(HAPPY, second)


def test_sixteen_lessons_end_in_time_whatever_the_store_does(tmp_path: Path) -> None:
    store, files = Hanging(), UnsavedFiles(tmp_path / "unsaved")
    autosave = Autosave(store, files=files)
    lessons = LiveLessons(FakeAnalyzer(), store, autosave)
    running(lessons, 16)
    autosave.start(lessons.save_due)
    begun = time.monotonic()
    lessons.close(within=1.0)
    assert time.monotonic() - begun < 5  # the rest is writing 16 files, on a busy machine
    again = Store(f"sqlite:///{tmp_path / 'lessons.sqlite3'}")
    Autosave(again, files=files).take_in()
    kept = [one for number in range(16) for one in again.find(f"owner-{number}").lessons]
    assert sorted(one.name for one in kept) == sorted(f"Lesson {number}" for number in range(16))
    assert {one.duration for one in kept} == {2700}
    assert {one.ended for one in kept} == {False}  # each can go on
    again.close()
    store.may_go.set()


def test_the_server_ends_although_a_picture_is_being_read_for_ever(analyzer: FakeAnalyzer) -> None:
    lessons = LiveLessons(analyzer)
    live = lessons.open(None, "socket")
    analyzer.may_go.clear()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(live.feed, FRAME, 1.0)
        assert analyzer.begun.wait(10)
        begun = time.monotonic()
        lessons.close()
        assert time.monotonic() - begun < 5
        analyzer.may_go.set()
        reading.result(10)


def test_finish_does_not_wait_for_another_lessons_save(tmp_path: Path) -> None:
    store, files = Hanging(), UnsavedFiles(tmp_path / "unsaved")
    lessons = LiveLessons(FakeAnalyzer(), store, Autosave(store, files=files))
    running(lessons, 2, seconds=9)
    first, second = (lessons.running(f"lesson-0{number}", f"owner-{number}") for number in "01")
    assert first is not None and second is not None
    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(lessons.save, first)
        begun = time.monotonic()
        assert second.finish() is not None
        assert time.monotonic() - begun < 8
        assert "takes too long" in str(second.saved.fault)
        assert lessons.unsaved("owner-1") == [second]
        assert lessons.unsaved("somebody else") == []
        assert len(list(files.folder.iterdir())) == 1  # a kill loses nothing of it
        store.may_go.set()
        hung.result(10)


def test_a_moved_file_costs_a_running_lesson_nothing(world: World) -> None:
    process = world.process()
    process.begin()
    process.teach(30)
    path = Path(world.url.removeprefix("sqlite:///"))
    path.rename(path.with_suffix(".away"))
    process.teach(50)
    kept = world.kept()
    assert kept.duration >= 45
    assert (kept.rows()["frames"] >= 1).all()
    process.lessons.close()


# Locks.


class SlowStore:
    """A store whose saves wait until a test allows them."""

    generation = 0

    def __init__(self) -> None:
        self.begun, self.may_go = threading.Event(), threading.Event()

    def begin(self, *_: object) -> None:
        self.begun.set()
        assert self.may_go.wait(20)


def calls(lessons: LiveLessons, live: LiveLesson) -> list[Callable[[], object]]:
    """Return the calls that must not wait for slow work."""
    return [
        live.snapshot,
        live.rate,
        live.delay,
        live.time,
        live.note_dropped,
        lambda: live.note_delay(0.1),
        lambda: live.add(HAPPY),
        lambda: live.mark("topic"),
        live.pause,
        live.resume,
        lambda: live.set_alerts((Alert("flat", 0.5, 60),)),
        lambda: live.follow_people(True),
        lambda: lessons.join("other-one", OWNER, LessonPlan()),
        lambda: lessons.get(ID, OWNER),
        lambda: lessons.running(ID, OWNER),
        lambda: lessons.last_frame(ID),
        lambda: lessons.open(ID, "socket"),
        lambda: lessons.count("socket"),
        lessons.all,
        lambda: len(lessons),
    ]


@pytest.mark.parametrize("at", range(20))
@pytest.mark.parametrize("slow", ["detector", "store"])
def test_no_lock_is_held_while_others_work(slow: str, at: int) -> None:
    store, analyzer, clock = SlowStore(), FakeAnalyzer(), Clock()
    autosave: Any = Autosave(store, now=clock)  # type: ignore[arg-type]  # a fake
    lessons = LiveLessons(analyzer, autosave=autosave, now=clock)
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    live.add(HAPPY)
    if slow == "detector":
        analyzer.may_go.clear()
        working, may_go = analyzer.begun, analyzer.may_go
        work: Callable[[], object] = lambda: live.feed(FRAME, 1.0)  # noqa: E731
    else:
        working, may_go, work = store.begun, store.may_go, lessons.save_due
    with ThreadPoolExecutor(2) as pool:
        slow_work = pool.submit(work)
        assert working.wait(10)
        try:
            pool.submit(calls(lessons, live)[at]).result(5)
        finally:
            may_go.set()
        slow_work.result(10)


def test_a_lesson_can_be_read_while_it_is_fed(analyzer: FakeAnalyzer) -> None:
    lessons = LiveLessons(analyzer)
    lessons.join(ID, OWNER, LessonPlan())
    live = lessons.open(ID, "socket")
    done = threading.Event()

    def feed() -> None:
        for at in range(300):
            live.feed(FRAME, float(at))
            live.note_delay(0.1)
        done.set()

    thread = threading.Thread(target=feed)
    thread.start()
    while not done.is_set():
        assert live.rate() >= 0
        assert live.delay() in (None, 0.1)
        assert isinstance(live.faces, Faces)
        live.snapshot()
    thread.join(10)
