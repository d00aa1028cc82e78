"""The live socket: what a good client gets, and how each kind of bad client is refused."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from fer.errors import BusyError, LiveError, ModelError
from fer.lesson.lesson import LessonPlan
from fer.server import Limits, protocol, tokens
from fer.server.identity import COOKIE, owner_of
from fer.server.lessons import LiveLessons
from fer.server.live_socket import AT_ONCE, FairWorkers, SocketConnection
from fer.settings import Settings
from tests.server.fakes import FakeAnalyzer
from tests.server.server import SECRET, Site, heard, jpeg, message, site, wait_until

LIMITS = Limits(frame_bytes=100_000, idle_seconds=0.4, sockets_burst=1000)
BOMB = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")  # and then a start of frame
BOMB += bytes.fromhex("ffc0001108") + (60_000).to_bytes(2, "big") * 2 + bytes.fromhex("03011100")
BOMB += bytes.fromhex("021101031101ffda000c03010002110311003f00ffd9")


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    with site(Settings(max_sessions=64), LIMITS) as running:
        yield running


def closing(client: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the server ends the connection."""
    with suppress(ConnectionClosed):
        for _ in range(100):
            client.recv(timeout=10)
    ended = client.protocol.close_rcvd
    assert ended is not None, "the server never ended it"
    return ended.code, ended.reason


def test_a_good_client_is_answered(served: Site) -> None:
    lesson_id, token = served.state.issue_token(None)
    with served.connect(token=token) as client:
        assert heard(client) == {"hello": lesson_id, "inflight": 2, "max_bytes": 100_000}
        client.send(message(seq=7, time=1234.5))
        answer = heard(client)
    assert answer.pop("ms") >= 0
    face = answer["faces"][0]
    assert face[1:] == [16, 12, 32, 24, 3, 90]
    assert answer == {"seq": 7, "time": 1234.5, "size": [64, 48], "faces": [face], "left_out": 0}
    live = served.state.lessons.open(lesson_id, "socket")
    assert live.size == (64, 48)
    assert live.delay() is not None


def test_a_client_that_connects_again_has_the_same_faces(served: Site) -> None:
    ids = []
    for _ in range(2):
        with served.connect("coming-back") as client:
            heard(client)
            client.send(message())
            ids.append(heard(client)["faces"][0][0])
    assert ids[0] == ids[1]


def test_a_lesson_is_counted_and_class_numbers_come_once_a_second(served: Site) -> None:
    served.state.lessons.join("with-news", "somebody", LessonPlan("Algebra"))
    with served.connect("with-news") as client:
        heard(client)
        news = []
        for seq in (1, 2):
            client.send(message(seq=seq))
            news.append(heard(client).get("news"))
    assert news[0]["faces"] == 1
    assert news[1] is None
    assert served.state.lessons.running("with-news", "somebody") is not None


def test_a_newer_connection_replaces_the_old_one(served: Site) -> None:
    with served.connect("two-at-once") as old, served.connect("two-at-once") as new:
        # A code of its own: after a usual refusal the old page would connect again.
        assert closing(old) == (protocol.REPLACED, "replaced by a newer connection")
        heard(new)
        new.send(message())
        assert heard(new)["seq"] == 1


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", None])
def test_another_sites_page_is_refused(served: Site, origin: str | None) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        served.connect(origin=origin)


def test_a_site_in_the_settings_is_allowed() -> None:
    with (
        site(Settings(origins=("https://school.example",))) as served,
        served.connect(origin="https://School.example:443") as client,
    ):
        assert "hello" in heard(client)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "invalid token"),
        ("forged.1800000000.abc", "invalid token"),
        (tokens.issue(b"another", "lesson-one", "", time.time()), "invalid token"),
        (tokens.issue(SECRET, "lesson-one", "", time.time() - 700), "expired token"),
    ],
)
def test_a_bad_token_is_refused(served: Site, token: str, reason: str) -> None:
    with served.connect(token=token) as client:
        code, text = closing(client)
    assert code == 1008
    assert reason in text


COOKIE_OF = {"one": "a" * 32, "two": "b" * 32}


def test_a_token_is_one_browsers_own(served: Site) -> None:
    """Whoever read it in a proxy's log fed that lesson for ten minutes from anywhere."""
    owner = owner_of({COOKIE: COOKIE_OF["one"]})
    token = served.state.issue_token("bound-lesson", owner or "")[1]

    def answer(cookie: str | None) -> str:
        headers = {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
        with served.connect(token=token, additional_headers=headers) as client:
            return closing(client)[1] if cookie != COOKIE_OF["one"] else heard(client)["hello"]

    assert answer(COOKIE_OF["one"]) == "bound-lesson"
    assert "invalid token" in answer(COOKIE_OF["two"])
    assert "invalid token" in answer(None)


def test_the_token_comes_in_the_first_message(served: Site) -> None:
    lesson_id, token = served.state.issue_token(None)
    with served.connect(token=None, in_address=False) as client:
        client.send(json.dumps({"token": token}))
        assert heard(client)["hello"] == lesson_id
        client.send(message())
        assert heard(client)["seq"] == 1


@pytest.mark.parametrize(
    "first", ["", "no JSON", "[" * 999, '{"token": 7}', "[]", b"\x01", '{"token": "' + "x" * 2000]
)
def test_a_first_message_without_a_token_is_refused(served: Site, first: str | bytes) -> None:
    with served.connect(in_address=False) as client:
        client.send(first)
        assert closing(client)[0] == 1008


def test_a_client_that_sends_no_token_is_not_waited_for() -> None:
    with site(limits=Limits(token_seconds=0.2)) as served, served.connect(in_address=False) as one:
        assert closing(one) == (1008, "no token came")


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", 1007, "16 bytes"),
        (b"\x01\x00", 1007, "16 bytes"),
        (message(data=b""), 1007, "16 bytes"),
        (message(version=2), 1007, "version 2"),
        (message(time=float("nan")), 1007, "time"),
        (message(time=float("-inf")), 1007, "time"),
        (message(data=b"garbage" * 20), 1007, "plain JPEG"),
        (message(data=b"\x89PNG\r\n\x1a\n" + bytes(50)), 1007, "plain JPEG"),
        (message(data=jpeg()[:80]), 1007, "damaged"),
        (message(data=jpeg()[:-40]), 1007, "damaged"),
        (message(data=jpeg()[:-2] + 5 * b"\xff\xda\x00\x02" + b"\xff\xd9"), 1007, "many passes"),
        (message(data=BOMB), 1009, "megapixels"),
        (message(data=jpeg() + bytes(100_000)), 1009, "0.1 MB"),
        ("a text", 1007, "binary"),
    ],
)
def test_a_malformed_frame_ends_the_connection(
    served: Site, data: bytes | str, code: int, reason: str
) -> None:
    with served.connect() as client:
        heard(client)
        client.send(data)
        ended = closing(client)
    assert ended[0] == code
    assert reason in ended[1]


def test_an_idle_client_is_refused(served: Site) -> None:
    with served.connect() as client:
        heard(client)
        begun = time.monotonic()
        assert closing(client) == (1001, "no frame came for too long")
    assert time.monotonic() - begun < 3


def test_an_unfinished_message_counts_as_idle(served: Site) -> None:
    with served.connect() as client:
        heard(client)
        client.socket.sendall(b"\x82\xfe\x40")  # a frame's first bytes, and no more
        # The client's reply would be read as more of that frame, so the server hangs up only some
        # seconds later. What matters is that it sent the reason and no longer works for the client.
        wait_until(lambda: client.protocol.close_rcvd is not None, 3)
        assert client.protocol.close_rcvd.code == 1001


def test_a_flood_is_refused() -> None:
    with site(limits=Limits(frames_a_second=5)) as served, served.connect() as client:
        heard(client)
        with suppress(ConnectionClosed):  # the connection may end before the last one is sent
            for seq in range(10):
                client.send(message(seq))
        assert closing(client) == (1008, "too many frames a second")


def test_waiting_frames_are_dropped_and_counted() -> None:
    analyzer = FakeAnalyzer()
    with site(analyzer=analyzer) as served, served.connect() as client:
        heard(client)
        analyzer.begun.clear()
        analyzer.may_go.clear()
        client.send(message(1))
        assert analyzer.begun.wait(10)
        for seq in range(2, 6):
            client.send(message(seq))
        wait_until(lambda: sum(one.dropped for one in served.state.lessons.all()) == 3)
        analyzer.may_go.set()
        assert [heard(client)["seq"], heard(client)["seq"]] == [1, 5]
        client.send(message(6))
        assert heard(client)["left_out"] == 3


def test_after_waiting_the_newest_frame_is_answered() -> None:
    analyzer = FakeAnalyzer()
    with ExitStack() as stack:
        served = stack.enter_context(site(Settings(max_sessions=200), analyzer=analyzer))
        others = [stack.enter_context(served.connect()) for _ in range(AT_ONCE)]
        late = stack.enter_context(served.connect("late-lesson"))
        for client in (*others, late):
            heard(client)
        analyzer.may_go.clear()
        for client in others:
            client.send(message())
        wait_until(lambda: len(analyzer.streams) == AT_ONCE)
        for seq in (1, 2, 3):
            late.send(message(seq))
        waiting = served.state.lessons.open("late-lesson", "socket")
        wait_until(lambda: waiting.dropped == 2)
        analyzer.may_go.set()
        assert heard(late)["seq"] == 3
        assert [heard(client)["seq"] for client in others] == [1] * AT_ONCE


def test_a_full_server_answers_try_later() -> None:
    with site(Settings(max_sessions=2)) as served, served.connect() as first, served.connect():
        with served.connect() as third:
            assert closing(third) == (1013, "the server is busy with 2 lessons; try later")
        heard(first)
        first.send(message())
        assert heard(first)["seq"] == 1


def test_a_visitor_of_another_network_finds_a_place() -> None:
    """One visitor took all sixteen places, with a cookie for each."""
    with site(Settings(max_sessions=4, proxies=1)) as served, ExitStack() as stack:

        def opened(client: str) -> ClientConnection:
            headers = {"X-Forwarded-For": client}
            return stack.enter_context(served.connect(additional_headers=headers))

        for _ in range(3):
            heard(opened("203.0.113.9"))
        assert closing(opened("203.0.113.9")) == (
            1013,
            "your network runs 3 lessons already; try later",
        )
        assert "hello" in heard(opened("203.0.113.10"))


def test_a_client_without_a_picture_keeps_no_place() -> None:
    with site(Settings(max_sessions=1)) as served:
        for _ in range(3):
            with served.connect() as client:
                heard(client)
                client.send(b"garbage")
                assert closing(client)[0] == 1007
            wait_until(lambda: not len(served.state.lessons))
        with served.connect("good-one") as client:
            heard(client)
            client.send(message())
            heard(client)
        with served.connect() as client:
            assert (
                closing(client)[0] == 1013
            )  # a lesson that had a picture keeps its place for a while


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (ModelError("no network here"), 4002, "no network here"),
        (LiveError("this lesson has ended"), 1008, "this lesson has ended"),
        (BusyError("all places are taken"), 1013, "all places are taken"),
        (ValueError("an inner secret"), 1011, "internal error of the server; try again"),
    ],
)
def test_an_internal_error_ends_one_connection_only(
    served: Site, fault: Exception, code: int, reason: str
) -> None:
    served.analyzer.fault = fault
    try:
        with served.connect() as client:
            heard(client)
            client.send(message())
            assert closing(client) == (code, reason)
    finally:
        served.analyzer.fault = None
    with served.connect() as client:
        heard(client)
        client.send(message())
        assert heard(client)["seq"] == 1


def test_a_long_reason_is_cut_between_letters(served: Site) -> None:
    served.analyzer.fault = ModelError("ü" * 200)
    try:
        with served.connect() as client:
            heard(client)
            client.send(message())
            assert closing(client) == (4002, "ü" * 60)
    finally:
        served.analyzer.fault = None


def test_a_client_that_receives_nothing_is_refused() -> None:
    """The buffers are full at once here; a real connection takes megabytes of answers."""
    sent: list[str] = []

    async def receive() -> dict[str, object]:
        if not sent:
            return {"type": "websocket.connect"}
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))
        if message["type"] != "websocket.accept":
            await asyncio.sleep(60)

    async def serve() -> float:
        scope = {"type": "websocket", "path": "/ws/live", "headers": [], "query_string": b""}
        socket = WebSocket(scope, receive, send)  # type: ignore[arg-type]
        await socket.accept()
        limits = Limits(send_seconds=0.1)
        live = LiveLessons(FakeAnalyzer()).open("lesson-one", "socket")
        begun = time.monotonic()
        await SocketConnection(socket, live, limits, FairWorkers(1)).run()
        return time.monotonic() - begun

    assert asyncio.run(serve()) < 2
    assert sent == ["websocket.accept", "websocket.send", "websocket.close"]
