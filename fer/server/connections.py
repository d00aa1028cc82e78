"""Bound what a connection can cost before a request reaches the app.

uvicorn waits for ever for the rest of a request's head, and answers every ping at once. These are
its protocols with a time for the head, and with control frames and small pieces of messages
counted. `deploy/image/start.py` and `fer serve` use them; `streamlit run` has no setting for it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, Final

import h11
import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from fer.server.limits import Bucket

LOG: Final = logging.getLogger(__name__)
HEAD_SECONDS: Final = 15.0  # in which the head of a request must arrive
SMALL: Final = 1024  # bytes; browsers cut large messages into larger pieces
SMALL_A_SECOND: Final = 5.0  # pings, pongs and small pieces of a message
SMALL_BURST: Final = 50.0
SLICE: Final = 16 << 10  # bytes that are parsed at a time, so that a flood is noticed early
MOST_QUEUED: Final = 300  # messages that wait for the app
MOST_CONNECTIONS: Final = 1000
FILES_BESIDE: Final = 64  # descriptors for everything but connections
WANTED_FILES: Final = 4096


class HttpConnection(H11Protocol):
    """A connection that must send the whole head of each request in time."""

    head_seconds = HEAD_SECONDS
    most = MOST_CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Accept the connection, if there is room, and start waiting for a head."""
        super().connection_made(transport)
        if len(self.connections) > min(self.most, most_connections()):
            LOG.warning("refused a connection: there are %d", len(self.connections) - 1)
            transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle what has arrived; a request that came whole ends the waiting."""
        super().handle_events()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait_for_head()
        else:
            self._stop_waiting()

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that may send few pings and few small pieces of messages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._small = Bucket(SMALL_A_SECOND, SMALL_BURST)
        self._cut = False

    def data_received(self, data: bytes) -> None:
        """Handle the bytes in slices, until the connection is cut."""
        for at in range(0, len(data), SLICE):
            if self._cut:
                return
            super().data_received(data[at : at + SLICE])
            if self.queue.qsize() > MOST_QUEUED:
                self._end("too many messages wait")

    def handle_ping(self) -> None:
        """Answer a ping, unless there were too many."""
        if self._counted():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take a pong, unless there were too many."""
        if self._counted():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a further piece of a message, unless there were too many small ones."""
        if len(event.data) >= SMALL or event.fin or self._counted():
            super().handle_cont(event)

    def _counted(self) -> bool:
        if not self._cut and not self._small.take():
            self._end("too many pings or small pieces of messages")
        return not self._cut

    def _end(self, reason: str) -> None:
        self._cut = True
        LOG.warning("closed a connection of %s: %s", self.client and self.client[0], reason)
        self.transport.abort()


def install() -> None:
    """Make uvicorn use these protocols where it is started by Streamlit."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{HttpConnection.__name__}"
    uvicorn.config.WS_PROTOCOLS["websockets-sansio"] = f"{__name__}:{SocketConnection.__name__}"


def most_connections() -> int:
    """Return how many connections may be open; a page and its files need descriptors too."""
    files = file_limit()
    return MOST_CONNECTIONS if files is None else min(MOST_CONNECTIONS, (files - FILES_BESIDE) // 2)


def file_limit() -> int | None:
    """Return how many descriptors this process may have; None if there is no limit to ask for."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """Allow this process more descriptors, up to what the system lets it have: macOS gives 256."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
