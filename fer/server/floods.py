"""Bound what the WebSockets of one client and of all clients can cost.

Streamlit starts a run of the page for each message and never waits between two of them, so a few
hundred short messages would stop the event loop for minutes. Here each message gives the loop a
turn and is counted. A socket that sends too many is closed. Those of one client, whose sockets may
be a whole school's, wait for their turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.server import protocol
from fer.server.limits import Bucket, Buckets, Limits

LOG: Final = logging.getLogger(__name__)
WAIT: Final = 0.05  # seconds until a message that waits is tried again
TOO_MANY: Final = "too many messages a second"


class SocketLimits:
    """Counts the sockets and their messages, by client and in all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()  # sockets, by client
        self._opening = Buckets(limits.sockets_a_second, limits.sockets_burst)
        self._messages = Buckets(limits.client_messages_a_second, limits.client_messages_burst)

    def refusal(self, client: str) -> str | None:
        """Return why this client may not open another socket now; None if it may."""
        reason = None
        if not self._opening.take(client):
            reason = "too many connections a second of one client"
        elif self._open[client] >= self._limits.sockets_of_one:
            reason = "too many connections of one client"
        elif self._open.total() >= self._limits.sockets:
            reason = "too many connections"
        if reason is not None:
            LOG.warning("refused a connection of %s: %s", client, reason)
        return reason

    async def serve(
        self, app: ASGIApp, client: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one socket with `app`, and close it once it sends too many messages."""
        live = scope["path"].endswith(protocol.PATH)  # it counts its frames by itself
        socket = _CountedSocket(client, live, self, receive, send)
        with self._counted(client):
            await app(scope, socket.receive, socket.send)

    def bucket(self) -> Bucket:
        """Return the bucket of a new socket's messages."""
        return Bucket(self._limits.messages_a_second, self._limits.messages_burst)

    async def turn(self, client: str) -> bool:
        """Wait until this client may send another message; return False if that takes too long."""
        for _ in range(round(self._limits.message_seconds / WAIT)):
            if self._messages.take(client):
                return True
            await asyncio.sleep(WAIT)
        return False

    @contextmanager
    def _counted(self, client: str) -> Iterator[None]:
        self._open[client] += 1
        try:
            yield
        finally:
            self._open -= Counter([client])  # also removes clients without sockets


class _CountedSocket:
    """The `receive` and `send` of one socket."""

    def __init__(
        self, client: str, live: bool, limits: SocketLimits, receive: Receive, send: Send
    ) -> None:
        self._client, self._live, self._limits = client, live, limits
        self._receive, self._send = receive, send
        self._bucket, self._closed = limits.bucket(), False

    async def receive(self) -> Message:
        """Return the next message, after a turn of the loop; close the socket of a flood."""
        if self._closed:
            return {"type": "websocket.disconnect", "code": protocol.POLICY}
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        await asyncio.sleep(0)
        if self._live:
            return message
        if self._bucket.take() and await self._limits.turn(self._client):
            return message
        LOG.warning("closed a connection of %s: %s", self._client, TOO_MANY)
        await self.send({"type": "websocket.close", "code": protocol.POLICY, "reason": TOO_MANY})
        return {"type": "websocket.disconnect", "code": protocol.POLICY}

    async def send(self, message: Message) -> None:
        """Send a message, unless the socket was closed or the client has left meanwhile."""
        if self._closed:
            return
        self._closed = message["type"] == "websocket.close"
        try:
            await self._send(message)
        except OSError:  # Streamlit would take the next message for a fault, and log it as one
            self._closed = True
