"""Prometheus metrics: pictures read, how long that took, and frames dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

LIVE: Final = ("socket", "webrtc")
TRANSPORTS: Final = (*LIVE, "photo")
SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Counts what the lessons and the photo API do. Any thread may call it."""

    def __init__(self) -> None:
        # Not the library's shared registry: it refuses a second Metrics in the same process.
        self.registry = registry = CollectorRegistry()
        by = ("transport",)
        self._frames = Counter("fer_frames", "Pictures analysed", by, registry=registry)
        self._faces = Counter("fer_faces", "Faces in them", by, registry=registry)
        self._dropped = Counter("fer_frames_left_out", "Frames dropped", by, registry=registry)
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
        self._create_series()
        ProcessCollector(registry=registry)  # memory and processor time

    def observe(self, running: Callable[[str], int], ready: Callable[[], bool]) -> None:
        """Add the gauges: lessons that run over a transport, and whether pictures can be read."""
        sessions = Gauge(
            "fer_sessions", "Lessons that are running", ("transport",), registry=self.registry
        )
        for name in LIVE:
            sessions.labels(name).set_function(partial(running, name))
        gauge = Gauge("fer_ready", "1 once the network has answered", registry=self.registry)
        gauge.set_function(ready)

    def _create_series(self) -> None:
        """Create every series with value 0: a rate needs a value from before the first event."""
        for transport in TRANSPORTS:
            for series in (self._frames, self._faces, self._work):
                series.labels(transport)
        for transport in LIVE:
            self._dropped.labels(transport)
            self._delay.labels(transport)

    def answered(self, transport: str, faces: int, seconds: float) -> None:
        """Count a picture with this number of faces that was analysed in `seconds`."""
        self._frames.labels(transport).inc()
        self._faces.labels(transport).inc(faces)
        self._work.labels(transport).observe(seconds)

    def dropped(self, transport: str) -> None:
        """Count a frame that was dropped."""
        self._dropped.labels(transport).inc()

    def delayed(self, transport: str, seconds: float) -> None:
        """Count an answer that was sent `seconds` after its frame was taken."""
        self._delay.labels(transport).observe(seconds)

    def route(self) -> Route:
        """Return the route GET /metrics."""

        async def metrics(_: Request) -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return Route("/metrics", metrics)
