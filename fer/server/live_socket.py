"""The live socket: a page's frames in, faces out, and no client that can harm another.

At most two frames of a client are here: one being worked on, and the newest that waits. What would
wait longer is dropped and counted, so an answer is never about an old picture. All work on pixels
is done in a few threads of its own; the event loop only passes messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time as clock
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from fer.errors import BusyError, FerError
from fer.server import protocol
from fer.server.clock import DelayGauge
from fer.server.limits import Bucket, Limits
from fer.server.live_sessions import LiveSession
from fer.server.origins import OriginCheck
from fer.server.protocol import Frame, RefusedError
from fer.server.state import State

LOG: Final = logging.getLogger(__name__)
IN_FLIGHT: Final = 2
AT_ONCE: Final = max(2, os.cpu_count() or 1)  # pictures of all clients that are worked on


class LiveSocket:
    """The endpoint: lets clients in, and keeps one connection a lesson."""

    def __init__(self, state: State, guard: OriginCheck, limits: Limits) -> None:
        self._state, self._guard, self._limits = state, guard, limits
        self._connections: dict[str, Connection] = {}
        self._turns: Turns | None = None

    async def serve(self, socket: WebSocket) -> None:
        """One connection, from its first byte to its last."""
        if not self._guard.lets_socket(socket):
            await socket.close()  # before accepting, it is an HTTP 403
            return
        # Accepted first: a browser shows its page no reason for a connection that never opened.
        await socket.accept()
        try:
            # In a thread, as making room may mean waiting for another lesson's frame.
            session = await asyncio.to_thread(self._let_in, socket)
        except RefusedError as refused:
            await _close(socket, refused, self._limits.send_seconds)
            return
        # Here and not before: it belongs to the event loop.
        self._turns = self._turns or Turns()
        connection = Connection(socket, session, self._limits, self._turns)
        if before := self._connections.get(session.id):
            before.end(RefusedError(protocol.REPLACED, "replaced by a newer connection"))
        self._connections[session.id] = connection
        try:
            await connection.run()
        finally:
            if self._connections.get(session.id) is connection:
                del self._connections[session.id]
                if session.transport == "socket" and not session.fed:
                    # Nothing to come back to; who sends garbage must not keep others' places.
                    await asyncio.to_thread(self._state.sessions.close, session.id)

    def _let_in(self, socket: WebSocket) -> LiveSession:
        try:
            session_id = self._state.check_token(socket.query_params.get("token", ""))
            return self._state.sessions.open(session_id, "socket")
        except BusyError as fault:
            raise RefusedError(protocol.TRY_LATER, str(fault)) from fault
        except FerError as fault:
            raise RefusedError(protocol.POLICY, str(fault)) from fault


class Turns:
    """Who works on a picture: only so many at once, and whoever waits is served in turn."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.next = anyio.CapacityLimiter(at_once)
        self._threads = anyio.CapacityLimiter(at_once)

    async def work(self, part: Callable[[Frame], str], frame: Frame) -> str:
        """In a thread, which is free for whoever has their turn."""
        return await to_thread.run_sync(part, frame, limiter=self._threads)


class Connection:
    """One client while it is connected: a task reads, a task answers, and any fault ends both."""

    def __init__(
        self, socket: WebSocket, session: LiveSession, limits: Limits, turns: Turns
    ) -> None:
        self._socket, self._session, self._limits, self._turns = socket, session, limits, turns
        self._waiting: Frame | None = None
        self._something_waits = asyncio.Event()
        self._ending: asyncio.Future[RefusedError | None] = asyncio.Future()
        self._delays = DelayGauge()
        self._news: dict[str, Any] | None = None  # what the client was told last

    def end(self, why: RefusedError | None) -> None:
        """Ends the connection for this reason; None if the client has left."""
        if not self._ending.done():
            self._ending.set_result(why)

    async def run(self) -> None:
        """Serves the client until it leaves or is refused."""
        tasks = [asyncio.create_task(self._whole(part)) for part in (self._read, self._reply)]
        try:
            why = await self._ending
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if why is not None:
            await _close(self._socket, why, self._limits.send_seconds)

    async def _whole(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except WebSocketDisconnect:
            self.end(None)
        except RefusedError as refused:
            self.end(refused)
        except FerError as fault:
            self.end(RefusedError(protocol.TRY_LATER, str(fault)))
        except Exception:
            LOG.exception("a live connection failed")
            self.end(RefusedError(protocol.FAULT, "something went wrong here"))

    async def _read(self) -> None:
        bucket = Bucket(self._limits.frames_a_second, self._limits.frames_a_second)
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise RefusedError(protocol.GONE, "idle for too long") from None
            if not bucket.take():
                raise RefusedError(protocol.POLICY, "too many messages a second")
            if len(message) > self._limits.frame_bytes:
                most = self._limits.frame_bytes / 1e6
                raise RefusedError(protocol.TOO_BIG, f"a frame has at most {most:g} MB")
            frame = protocol.parse(message, clock.monotonic())
            if self._waiting is not None:
                self._session.note_left_out()
            self._waiting = frame
            self._delays.arrived(frame.time / 1000, frame.arrived)
            self._something_waits.set()

    async def _receive(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1006)
        data = message.get("bytes")
        if not isinstance(data, bytes):
            raise RefusedError(protocol.BAD_DATA, "frames come as binary messages")
        return data

    async def _reply(self) -> None:
        first = protocol.hello(self._session.id, IN_FLIGHT, self._limits.frame_bytes)
        await self._send(protocol.text(first))
        while True:
            await self._something_waits.wait()
            async with self._turns.next:
                # Taken now: on a busy server a newer one came while this client waited its turn.
                self._something_waits.clear()
                frame, self._waiting = self._waiting, None
                if frame is None:
                    continue
                said = await self._turns.work(self._analyse, frame)
            await self._send(said)
            self._session.note_delay(self._delays.delay(frame.time / 1000, clock.monotonic()))

    def _analyse(self, frame: Frame) -> str:
        """In a thread: the answer to a frame."""
        picture = protocol.decode(frame.jpeg, self._limits.frame_pixels)
        faces = self._session.feed(picture, frame.time / 1000)
        ms = (clock.monotonic() - frame.arrived) * 1000
        size = (picture.shape[1], picture.shape[0])
        news = self._session.news()
        fresh, self._news = None if news is self._news else news, news
        return protocol.answer(frame, faces, size, ms, self._session.left_out, fresh)

    async def _send(self, said: str) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.send_text(said)
        except TimeoutError:
            raise RefusedError(protocol.POLICY, "answers are not being read") from None


async def _close(socket: WebSocket, why: RefusedError, seconds: float) -> None:
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    # The client may have gone meanwhile, or read nothing; either way it is over.
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(seconds):
            # The protocol has room for 123 bytes.
            await socket.close(why.code, why.reason.encode()[:120].decode(errors="ignore"))
