import socket

import pytest

from fer.net import Ice
from fer.ui.live.transport import PATIENCE, Attempt, answers, first_transport

TURN = Ice(turn_urls=("turns:a.org",), turn_secret="a secret of the school's own")


@pytest.mark.parametrize(
    ("page", "way"),
    [
        ("http://localhost:8501/live", "webrtc"),
        ("http://127.0.0.1:8501", "webrtc"),
        ("http://[::1]:8501", "webrtc"),
        ("https://class.example.org/live", "socket"),
        ("http://192.168.0.7:8501", "socket"),
        ("http://localhost.example.org", "socket"),
        ("", "socket"),
    ],
)
def test_without_a_relay_webrtc_is_tried_on_one_machine_only(page: str, way: str) -> None:
    assert first_transport("auto", page, Ice()) == way


@pytest.mark.parametrize(("there", "way"), [(True, "webrtc"), (False, "socket")])
def test_a_relay_that_does_not_answer_is_not_waited_for(there: bool, way: str) -> None:
    asked: list[str] = []

    def asks(url: str) -> bool:
        asked.append(url)
        return there

    assert first_transport("auto", "https://class.example.org", TURN, asks) == way
    assert asked == ["turns:a.org"]


@pytest.mark.parametrize("way", ["webrtc", "socket"])
def test_what_is_wanted_is_taken(way: str) -> None:
    assert first_transport(way, "https://class.example.org", Ice()) == way  # type: ignore[arg-type]


def test_a_relay_is_asked_at_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as relay:
        port = relay.getsockname()[1]
        assert answers(f"turn:127.0.0.1:{port}?transport=tcp")
        assert answers(f"turns:127.0.0.1:{port}")
    assert not answers(f"turn:127.0.0.1:{port}?transport=tcp")
    assert answers("turn:nowhere.invalid")  # over UDP nothing can be told
    assert not answers("stun:127.0.0.1")


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def test_an_attempt_fails_when_no_frame_came_in_time() -> None:
    clock = Clock()
    attempt = Attempt(clock)
    assert not attempt.failed(None)  # nothing was tried
    attempt.update("connecting")
    clock.time += PATIENCE
    attempt.update("live")  # connected, or so it says
    assert not attempt.failed(None)
    clock.time += 0.1
    assert attempt.failed(None)
    assert attempt.failed(99.0)  # a frame of an earlier attempt
    assert not attempt.failed(101.0)


def test_stop_ends_an_attempt() -> None:
    clock = Clock()
    attempt = Attempt(clock)
    attempt.update("connecting")
    attempt.update("idle")
    clock.time += 10 * PATIENCE
    assert not attempt.failed(None)
    attempt.update("connecting")
    assert not attempt.failed(None)
