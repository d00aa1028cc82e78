"""The health check, the sweep of idle lessons, and the answers with invalid settings."""

import asyncio
from types import SimpleNamespace

import pytest
import requests
from starlette.applications import Starlette

from fer import server
from fer.errors import ModelError
from fer.server.lessons import STREAM_IDLE, LiveLessons
from fer.server.state import LOADING, State
from fer.settings import Settings
from tests.server.fakes import Clock, FakeAnalyzer
from tests.server.server import SECRET, heard, message, serving, site, wait_until


def test_the_server_is_ready_once_the_network_has_answered() -> None:
    analyzer = FakeAnalyzer()
    analyzer.may_go.clear()
    with site(analyzer=analyzer, warm=False) as served:
        answer = served.get("/healthz")
        assert (answer.status_code, answer.json()) == (
            503,
            {"status": "not ready", "error": LOADING},
        )
        analyzer.may_go.set()
        wait_until(lambda: served.get("/healthz").status_code == 200)
        assert served.get("/healthz").json() == {"status": "ready"}
    assert analyzer.photos == 1


def test_an_unready_server_answers_with_one_line() -> None:
    analyzer = FakeAnalyzer(fault=ModelError("no network here;\n  put one there"))
    with site(analyzer=analyzer, warm=False) as served:
        wait_until(lambda: served.state.not_ready != LOADING)
        answer = served.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["error"] == "no network here; put one there"


def test_a_server_that_cannot_save_lessons_says_so_and_stays_in_service() -> None:
    with site() as served:
        assert served.get("/readyz").json() == {"status": "ready"}
        served.state.store_fault = "the disk is full;\n  free some space"
        line = "lessons are kept in memory and not saved: the disk is full; free some space"
        answer = served.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "degraded", "error": line})
        for path in ("/readyz", "/ready"):
            answer = served.get(path)
            assert (answer.status_code, answer.json()["error"]) == (503, line)
        served.state.not_ready = "no network"
        assert served.get("/readyz").json()["error"] == f"no network; {line}"


def test_a_network_that_cannot_be_loaded_is_tried_again() -> None:
    analyzer = FakeAnalyzer(fault=ModelError("no network here"))
    state = State(Settings(), analyzer, LiveLessons(analyzer), SECRET)

    async def live() -> None:
        async with server.lifespan(state, first_pause=0.01)(SimpleNamespace()):
            while state.not_ready != "no network here":
                await asyncio.sleep(0.01)
            analyzer.fault = None
            async with asyncio.timeout(20):
                while state.not_ready is not None:
                    await asyncio.sleep(0.01)

    asyncio.run(live())
    assert analyzer.photos == 1


def test_a_lesson_may_begin_while_the_network_loads() -> None:
    analyzer = FakeAnalyzer()
    analyzer.may_go.clear()
    with site(analyzer=analyzer, warm=False) as served, served.connect() as client:
        heard(client)
        client.send(message(4))
        analyzer.may_go.set()
        assert heard(client)["seq"] == 4


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/health", "/metrics", "/api/photo", "/api/openapi.json"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_invalid_settings_are_the_answer_of_every_route(path: str, method: str) -> None:
    with serving(Starlette(routes=server.error_routes("FER_LIVE is 'x':\ntake auto"))) as port:
        answer = requests.request(method, f"http://127.0.0.1:{port}{path}", timeout=10)
    assert answer.status_code == 503
    assert answer.json()["error"] == "FER_LIVE is 'x': take auto"


def test_an_error_in_one_sweep_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    analyzer, swept = FakeAnalyzer(), list[int]()
    state = State(Settings(), analyzer, LiveLessons(analyzer), SECRET)

    def sweep() -> None:
        swept.append(1)
        if len(swept) == 1:
            raise RuntimeError("once")

    async def live() -> None:
        async with server.lifespan(state, 0.01, sweep=sweep)(SimpleNamespace()):
            async with asyncio.timeout(20):
                while len(swept) < 2:
                    await asyncio.sleep(0.01)

    asyncio.run(live())
    assert "sweeping failed" in caplog.text


def test_idle_lessons_end_without_a_call() -> None:
    analyzer, now = FakeAnalyzer(), Clock()
    lessons = LiveLessons(analyzer, now=now)
    state = State(Settings(), analyzer, lessons, SECRET)
    lessons.open("lesson-one", "socket")
    now.at += STREAM_IDLE - 1
    lessons.open("lesson-two", "webrtc")
    now.at += 2

    async def live() -> list[str]:
        async with server.lifespan(state, 0.01)(SimpleNamespace()):
            for _ in range(500):
                await asyncio.sleep(0.01)
                if len(lessons) == 1:
                    break
            return [one.id for one in lessons.all()]

    assert asyncio.run(live()) == ["lesson-two"]


def test_lessons_end_with_the_server() -> None:
    analyzer = FakeAnalyzer()
    with site(analyzer=analyzer) as served, served.connect() as client:
        heard(client)
        client.send(message())
        heard(client)
        lessons = served.state.lessons
    assert len(lessons) == 0
    assert all(stream.closed for stream in analyzer.streams)


def test_a_server_can_stop_while_it_loads() -> None:
    analyzer = FakeAnalyzer()
    analyzer.may_go.clear()
    with site(analyzer=analyzer, warm=False) as served:
        assert served.get("/healthz").status_code == 503
