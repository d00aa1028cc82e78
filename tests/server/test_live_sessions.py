"""Lessons: bounded, found again by their id, and safe from any thread."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer.errors import BusyError, LiveError
from fer.faces import Faces
from fer.server.live_sessions import GIVES_WAY, IDLE, LiveSession, Sessions
from tests.server.fakes import Clock, FakeAnalyzer

FRAME = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def analyzer() -> FakeAnalyzer:
    return FakeAnalyzer()


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def sessions(analyzer: FakeAnalyzer, now: Clock) -> Sessions:
    return Sessions(analyzer, most=3, now=now)


def test_a_session_remembers_its_newest_answer(sessions: Sessions) -> None:
    session = sessions.open(None, "socket")
    assert (len(session.faces), session.size, session.rate(), session.delay()) == (
        0,
        (0, 0),
        0,
        None,
    )
    assert not session.fed
    faces = session.feed(FRAME, 1.0)
    assert session.fed
    assert session.faces is faces
    assert session.size == (64, 48)
    assert faces.ids.tolist() == [1]


def test_nothing_is_loaded_before_the_first_frame(
    sessions: Sessions, analyzer: FakeAnalyzer
) -> None:
    session = sessions.open(None, "socket")
    assert not analyzer.streams
    session.feed(FRAME, 1.0)
    session.feed(FRAME, 2.0)
    assert len(analyzer.streams) == 1


def test_rate_and_delay_are_of_the_last_seconds(sessions: Sessions, now: Clock) -> None:
    session = sessions.open(None, "socket")
    for _ in range(41):
        session.feed(FRAME, now.at)
        now.at += 0.1
    assert session.rate() == pytest.approx(10, rel=0.05)
    for seconds in (0.1, 0.2, 5.0):
        session.note_delay(seconds)
    assert session.delay() == 0.2
    now.at += 6
    assert session.rate() == 0


def test_times_grow_whatever_a_page_says(
    sessions: Sessions, analyzer: FakeAnalyzer, now: Clock
) -> None:
    session = sessions.open(None, "socket")
    for said in (100.0, 100.1, 3.0, 3.2, 9e9, 9e9, -5.0):
        session.feed(FRAME, said)
        now.at += 0.1
    times = np.array(analyzer.streams[0].times)
    assert times[0] == 100
    assert np.all(np.diff(times) > 0)
    assert times[-1] < 102


def test_a_frame_that_comes_too_soon_is_left_out(
    sessions: Sessions, analyzer: FakeAnalyzer
) -> None:
    session = sessions.open(None, "webrtc")
    analyzer.may_go.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(session.feed, FRAME, 1.0)
        assert analyzer.begun.wait(10)
        assert len(session.feed(FRAME, 1.1)) == 0  # at once, with what was known
        analyzer.may_go.set()
        assert len(slow.result(10)) == 1
    assert session.left_out == 1
    assert analyzer.streams[0].times == [1.0]


def test_the_same_id_is_the_same_lesson(sessions: Sessions) -> None:
    first = sessions.open(None, "webrtc")
    assert sessions.open(first.id, "socket") is first
    assert first.transport == "socket"
    assert sessions.get(first.id) is first
    assert sessions.get("another") is None
    assert sessions.open("another-one", "socket").id == "another-one"


@pytest.mark.parametrize(
    "id", ["", "short", "a" * 65, "../../etc/passwd", "with space", "ümläut-ü"]
)
def test_an_id_must_be_plain(sessions: Sessions, id: str) -> None:
    with pytest.raises(LiveError, match="id"):
        sessions.open(id, "socket")


def test_there_are_only_so_many(sessions: Sessions) -> None:
    opened = [sessions.open(None, "socket") for _ in range(3)]
    with pytest.raises(BusyError, match=r"^the server is busy with 3 lessons; try later$"):
        sessions.open(None, "socket")
    assert sessions.open(opened[0].id, "socket") is opened[0]
    sessions.close(opened[0].id)
    assert sessions.open(None, "socket")


def test_idle_lessons_end(sessions: Sessions, analyzer: FakeAnalyzer, now: Clock) -> None:
    idle, busy = sessions.open(None, "socket"), sessions.open(None, "socket")
    idle.feed(FRAME, 1.0)
    now.at += IDLE - 1
    busy.feed(FRAME, 1.0)
    now.at += 2
    sessions.close_idle()
    assert sessions.get(idle.id) is None
    assert sessions.get(busy.id) is busy
    assert [stream.closed for stream in analyzer.streams] == [True, False]
    with pytest.raises(LiveError, match="ended"):
        idle.feed(FRAME, 2.0)


def test_a_late_return_goes_on(sessions: Sessions, now: Clock) -> None:
    session = sessions.open(None, "socket")
    now.at += IDLE + 1
    assert sessions.open(session.id, "socket") is session


def test_a_left_lesson_makes_room_when_all_is_full(sessions: Sessions, now: Clock) -> None:
    left = sessions.open(None, "socket")
    now.at += GIVES_WAY + 1
    others = [sessions.open(None, "socket") for _ in range(2)]
    assert sessions.get(left.id) is left  # it may come back as long as nobody needs its place
    sessions.open(None, "socket")
    assert sessions.get(left.id) is None
    assert all(sessions.get(one.id) is one for one in others)


def test_closing_all_closes_the_streams(sessions: Sessions, analyzer: FakeAnalyzer) -> None:
    for _ in range(3):
        sessions.open(None, "socket").feed(FRAME, 1.0)
    sessions.close_all()
    assert len(sessions) == 0
    assert all(stream.closed for stream in analyzer.streams)
    sessions.close("not-there")


def test_closing_waits_for_the_frame_in_work(sessions: Sessions, analyzer: FakeAnalyzer) -> None:
    session = sessions.open(None, "socket")
    analyzer.may_go.clear()
    with ThreadPoolExecutor(2) as pool:
        fed = pool.submit(session.feed, FRAME, 1.0)
        assert analyzer.begun.wait(10)
        closed = pool.submit(sessions.close, session.id)
        analyzer.may_go.set()
        assert len(fed.result(10)) == 1
        closed.result(10)
    assert analyzer.streams[0].closed


def test_a_fault_leaves_the_lesson_usable(sessions: Sessions, analyzer: FakeAnalyzer) -> None:
    session = sessions.open(None, "socket")
    analyzer.fault = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        session.feed(FRAME, 1.0)
    analyzer.fault = None
    assert len(session.feed(FRAME, 2.0)) == 1


def test_many_threads_never_open_too_many(analyzer: FakeAnalyzer) -> None:
    sessions, opened, refused = Sessions(analyzer, most=5), [], []

    def open_one(_: int) -> None:
        try:
            session = sessions.open(None, "socket")
        except BusyError as fault:
            refused.append(fault)
        else:
            session.feed(FRAME, 1.0)
            opened.append(session)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(open_one, range(64)))
    assert (len(opened), len(refused), len(sessions)) == (5, 59, 5)


def test_a_watcher_hears_of_everything(analyzer: FakeAnalyzer) -> None:
    heard: list[tuple[object, ...]] = []

    class Watcher:
        def answered(self, transport: str, faces: int, seconds: float) -> None:
            heard.append(("answered", transport, faces))

        def left_out(self, transport: str) -> None:
            heard.append(("left out", transport))

        def delayed(self, transport: str, seconds: float) -> None:
            heard.append(("delayed", transport, seconds))

    sessions = Sessions(analyzer)
    sessions.watcher = Watcher()
    session = sessions.open(None, "webrtc")
    session.feed(FRAME, 1.0)
    session.note_left_out()
    session.note_delay(0.5)
    assert heard == [("answered", "webrtc", 1), ("left out", "webrtc"), ("delayed", "webrtc", 0.5)]


def test_a_session_can_be_read_while_it_is_fed(analyzer: FakeAnalyzer) -> None:
    session = LiveSession("lesson-one", "socket", analyzer)
    done = threading.Event()

    def feed() -> None:
        for at in range(300):
            session.feed(FRAME, float(at))
            session.note_delay(0.1)
        done.set()

    thread = threading.Thread(target=feed)
    thread.start()
    while not done.is_set():
        assert session.rate() >= 0
        assert session.delay() in (None, 0.1)
        assert isinstance(session.faces, Faces)
    thread.join(10)
