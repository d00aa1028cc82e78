"""The app with its pages, its routes and a fake analyzer, and routes by which a test drives it.

Started as the container starts it, so that signals end it in the same way.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer import server
from fer.errors import FerError
from fer.faces import Faces
from fer.server.state import State
from fer.settings import Settings
from tests.server.fakes import FakeAnalyzer

ROOT = Path(__file__).resolve().parents[2]
HAPPY = Faces.of([[0, 0, 9, 9]] * 25, probabilities=[[0, 0, 0, 1, 0, 0, 0]] * 25)
PATIENCE = 3  # as in deploy/image/start.py
FEED_EVERY = 0.5


class Driver:
    """Does for sixteen teachers what their pages and cameras do."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: list[tuple[str, str]] = []
        threading.Thread(target=self._feed, daemon=True).start()

    def resume(self, owners: str) -> list[str | None]:
        """Go on with each owner's lesson, and feed it from now on."""
        names = owners.split(",")
        found = [self._state.lessons.resume(name) for name in names]
        self._running += [(one, name) for one, name in zip(found, names, strict=True) if one]
        return found

    def lessons(self, _: str) -> dict[str, Any]:
        """Return each running lesson's length, and the fault that its page shows."""
        found = {}
        for lesson_id, owner in self._running:
            live = self._state.lessons.running(lesson_id, owner)
            if live is not None and live.lesson is not None:
                fault = live.saved.fault or self._state.unsaved_because()
                found[lesson_id] = {"duration": live.lesson.duration, "fault": fault}
        return found

    def finish(self, owner: str) -> str | None:
        """End an owner's lesson; return the fault that its report shows."""
        lesson_id = next(one for one, whose in self._running if whose == owner)
        live = self._state.lessons.running(lesson_id, owner)
        if live is None:
            return "it does not run"
        live.finish()
        return live.saved.fault

    def history(self, owner: str) -> int:
        """Return the number of an owner's lessons."""
        return -1 if self._state.store is None else self._state.store.find(owner).found

    def routes(self) -> list[Route]:
        """Return a route for each of these; the answer has the time that it took."""
        work = (self.resume, self.lessons, self.finish, self.history)
        return [Route(f"/test/{one.__name__}", timed(one)) for one in work]

    def _feed(self) -> None:
        while True:
            for lesson_id, owner in [*self._running]:
                if live := self._state.lessons.running(lesson_id, owner):
                    live.add(HAPPY)
            time.sleep(FEED_EVERY)


def timed(work: Callable[[str], object]) -> Callable[[Request], JSONResponse]:
    """Return an endpoint with a call's result or error, and its seconds; it runs in a thread."""

    def answer(request: Request) -> JSONResponse:
        begun = time.monotonic()
        result, fault = None, None
        try:
            result = work(request.query_params.get("owner", ""))
        except FerError as error:
            fault = str(error)
        seconds = time.monotonic() - begun
        return JSONResponse({"seconds": seconds, "fault": fault, "result": result})

    return answer


def main() -> None:
    """Serve until a signal ends it."""
    settings = Settings.from_env()
    state = State.of(settings, FakeAnalyzer())
    app = st.App(
        str(ROOT / "app.py"),
        routes=[*server.routes(state), *Driver(state).routes()],
        lifespan=server.lifespan(state),
        middleware=server.middleware(state.settings),
    )
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ws="websockets-sansio",
        timeout_graceful_shutdown=PATIENCE,
    )


if __name__ == "__main__":
    sys.exit(main())
