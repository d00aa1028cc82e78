"""Run the routes in a real server on a free port, and connect clients to it."""

import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import requests
import uvicorn
from starlette.applications import Starlette
from websockets.sync.client import ClientConnection, connect

from fer.server import Limits, lifespan, middleware, routes
from fer.server.lessons import LiveLessons
from fer.server.state import State
from fer.settings import Settings
from fer.vision.media.decoder import Decoder, OwnDecoder
from tests.server.fakes import FakeAnalyzer

SECRET = b"for tests alone"


@dataclass
class Site:
    """A running server and its state."""

    state: State
    analyzer: FakeAnalyzer
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(
        self,
        lesson_id: str | None = None,
        *,
        token: str | None = None,
        origin: str | None = "",
        in_address: bool = True,
        **options: Any,
    ) -> ClientConnection:
        """Return a client as the page's is, or one with another token or origin."""
        if token is None:
            token = self.state.issue_token(lesson_id)[1]
        return connect(
            f"ws://127.0.0.1:{self.port}/ws/live" + (f"?token={token}" if in_address else ""),
            origin=self.url if origin == "" else origin,  # type: ignore[arg-type]
            open_timeout=10,
            close_timeout=2,
            compression=None,
            **options,
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=10, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=10, **options)


@contextmanager
def site(
    settings: Settings | None = None,
    limits: Limits | None = None,
    *,
    warm: bool = True,
    analyzer: FakeAnalyzer | None = None,
    decoder: Decoder | None = None,
) -> Iterator[Site]:
    """Serve the routes until the block ends."""
    settings, analyzer = settings or Settings(), analyzer or FakeAnalyzer()
    lessons = LiveLessons(analyzer, most=settings.max_sessions)
    state = State(settings, analyzer, lessons, SECRET, decoder=decoder or OwnDecoder())
    app = Starlette(
        routes=routes(state, limits),
        middleware=middleware(settings, limits),
        lifespan=lifespan(state),
    )
    with serving(app) as port:
        try:
            if warm:
                wait_until(lambda: state.not_ready is None)
            yield Site(state, analyzer, port)
        finally:
            analyzer.may_go.set()


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """Serve an app in a thread until the block ends; yield the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        ws="websockets-sansio",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def wait_until(true: Any, seconds: float = 10) -> None:
    """Wait until `true` returns a true value; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 120, np.uint8))[1].tobytes()


def message(seq: int = 1, data: bytes | None = None, time: float = 5.0, version: int = 1) -> bytes:
    return struct.pack("<IId", version, seq, time) + (jpeg() if data is None else data)


def heard(client: ClientConnection, timeout: float = 10) -> dict[str, Any]:
    """Return the next message of the server."""
    return json.loads(client.recv(timeout=timeout))
