"""Figures for Prometheus: how much is seen, how quickly, and what is dropped."""

from __future__ import annotations

from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fer.server.state import State

LIVE: Final = ("socket", "webrtc")
TRANSPORTS: Final = (*LIVE, "photo")
SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Counts what the lessons and the photo API do; a lesson's watcher."""

    def __init__(self, state: State) -> None:
        # A registry of its own: the library's shared one can't be made twice in a process.
        self.registry = registry = CollectorRegistry()
        by = ("transport",)
        self._frames = Counter("fer_frames", "Pictures analysed", by, registry=registry)
        self._faces = Counter("fer_faces", "Faces in them", by, registry=registry)
        self._left_out = Counter("fer_frames_left_out", "Frames dropped", by, registry=registry)
        self._work = Histogram(
            "fer_frame_seconds",
            "From a picture to its faces",
            by,
            buckets=SECONDS,
            registry=registry,
        )
        self._delay = Histogram(
            "fer_delay_seconds",
            "From a frame's taking to its answer, where the transport can tell",
            by,
            buckets=SECONDS,
            registry=registry,
        )
        self._name_all()
        sessions = Gauge("fer_sessions", "Lessons that are running", by, registry=registry)
        for name in LIVE:
            sessions.labels(name).set_function(partial(running, state, name))
        ready = Gauge("fer_ready", "1 once the network has answered", registry=registry)
        ready.set_function(lambda: state.not_ready is None)
        ProcessCollector(registry=registry)  # memory and processor time

    def _name_all(self) -> None:
        """Begins every series at nought: a rate needs a value from before the first event."""
        for transport in TRANSPORTS:
            for series in (self._frames, self._faces, self._work):
                series.labels(transport)
        for transport in LIVE:
            self._left_out.labels(transport)
            self._delay.labels(transport)

    def answered(self, transport: str, faces: int, seconds: float) -> None:
        """A picture was analysed."""
        self._frames.labels(transport).inc()
        self._faces.labels(transport).inc(faces)
        self._work.labels(transport).observe(seconds)

    def left_out(self, transport: str) -> None:
        """A frame was dropped."""
        self._left_out.labels(transport).inc()

    def delayed(self, transport: str, seconds: float) -> None:
        """So old was a frame when its answer was sent."""
        self._delay.labels(transport).observe(seconds)

    def route(self) -> Route:
        """GET /metrics."""

        async def metrics(_: Request) -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return Route("/metrics", metrics)


def running(state: State, transport: str) -> int:
    """How many lessons run over it."""
    return sum(one.transport == transport for one in state.sessions.all())
