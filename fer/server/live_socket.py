"""The live socket: a page's frames in, faces out, and no client that can harm another.

At most two frames of a client are here: one in work, and the newest that waits. A frame that would
wait longer is dropped and counted, so an answer is never about an old picture. All work on pixels
is done in a few threads of its own; the event loop only passes messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time as clock
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from fer.errors import BusyError, FerError
from fer.machine import cpu_limit
from fer.server import protocol
from fer.server.clock import DelayGauge
from fer.server.lessons import LiveLesson
from fer.server.limits import Bucket, Limits
from fer.server.origins import OriginCheck
from fer.server.protocol import Frame, RefusedError
from fer.server.state import State

LOG: Final = logging.getLogger(__name__)
IN_FLIGHT: Final = 2
AT_ONCE: Final = max(2, round(cpu_limit()))  # pictures of all clients that are in work


class LiveSocket:
    """The endpoint: lets clients in, and serves one connection a lesson."""

    def __init__(self, state: State, origins: OriginCheck, limits: Limits) -> None:
        self._state, self._origins, self._limits = state, origins, limits
        self._workers: FairWorkers | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection, from its first byte to its last."""
        if not self._origins.lets_socket(socket):
            await socket.close()  # before accepting, it is an HTTP 403
            return
        # Accepted first: a browser tells its page no reason for a connection that never opened.
        await socket.accept()
        try:
            # In a thread, as making room may mean waiting for another lesson's frame.
            live = await asyncio.to_thread(self._let_in, socket)
        except RefusedError as refused:
            await _close(socket, refused, self._limits.send_seconds)
            return
        # Here and not before: it belongs to the event loop.
        self._workers = self._workers or FairWorkers()
        connection = SocketConnection(socket, live, self._limits, self._workers)
        if before := live.connect(connection):
            before.end("replaced by a newer connection", replaced=True)
        try:
            await connection.run()
        finally:
            live.disconnect(connection)

    def _let_in(self, socket: WebSocket) -> LiveLesson:
        try:
            lesson_id = self._state.check_token(socket.query_params.get("token", ""))
            return self._state.lessons.open(lesson_id, "socket")
        except BusyError as fault:
            raise RefusedError(protocol.TRY_LATER, str(fault)) from fault
        except FerError as fault:
            raise RefusedError(protocol.POLICY, str(fault)) from fault


class FairWorkers:
    """The threads that work on pictures; clients that wait are served in the order they came."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.turn = anyio.CapacityLimiter(at_once)
        self._threads = anyio.CapacityLimiter(at_once)

    async def run(self, work: Callable[[Frame], str], frame: Frame) -> str:
        """Do it in a thread; one is free for whoever holds `turn`."""
        return await to_thread.run_sync(work, frame, limiter=self._threads)


class SocketConnection:
    """One client while it is connected: a task reads, a task answers, and any error ends both."""

    def __init__(
        self, socket: WebSocket, live: LiveLesson, limits: Limits, workers: FairWorkers
    ) -> None:
        self._socket, self._live, self._limits, self._workers = socket, live, limits, workers
        self._waiting: Frame | None = None
        self._frame_waits = asyncio.Event()
        self._ending: asyncio.Future[RefusedError | None] = asyncio.Future()
        self._loop = asyncio.get_running_loop()
        self._delays = DelayGauge()
        self._snapshot_version = 0  # the newest snapshot that the client has

    def end(self, reason: str, *, replaced: bool = False) -> None:
        """End the connection because the lesson is over or has a newer one. For any thread."""
        code = protocol.REPLACED if replaced else protocol.POLICY
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._end, RefusedError(code, reason))

    async def run(self) -> None:
        """Serve the client until it leaves or is refused."""
        tasks = [asyncio.create_task(self._guarded(task)) for task in (self._read, self._reply)]
        try:
            reason = await self._ending
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if reason is not None:
            await _close(self._socket, reason, self._limits.send_seconds)

    def _end(self, reason: RefusedError | None) -> None:
        """End the connection for this reason; None if the client has left."""
        if not self._ending.done():
            self._ending.set_result(reason)

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except WebSocketDisconnect:
            self._end(None)
        except RefusedError as refused:
            self._end(refused)
        except FerError as fault:
            self._end(RefusedError(protocol.TRY_LATER, str(fault)))
        except Exception:
            LOG.exception("a live connection failed")
            self._end(RefusedError(protocol.FAULT, "something went wrong here"))

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
                self._live.note_dropped()
            self._waiting = frame
            self._delays.arrived(frame.time / 1000, frame.arrived)
            self._frame_waits.set()

    async def _receive(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1006)
        data = message.get("bytes")
        if not isinstance(data, bytes):
            raise RefusedError(protocol.BAD_DATA, "frames come as binary messages")
        return data

    async def _reply(self) -> None:
        first = protocol.hello(self._live.id, IN_FLIGHT, self._limits.frame_bytes)
        await self._send(protocol.text(first))
        while True:
            await self._frame_waits.wait()
            async with self._workers.turn:
                # Taken now: on a busy server a newer one came while this client waited its turn.
                self._frame_waits.clear()
                frame, self._waiting = self._waiting, None
                if frame is None:
                    continue
                answer = await self._workers.run(self._analyse, frame)
            await self._send(answer)
            self._live.note_delay(self._delays.delay(frame.time / 1000, clock.monotonic()))

    def _analyse(self, frame: Frame) -> str:
        """Return the answer to a frame. Runs in a thread."""
        picture = protocol.decode(frame.jpeg, self._limits.frame_pixels)
        faces = self._live.feed(picture, frame.time / 1000)
        ms = (clock.monotonic() - frame.arrived) * 1000
        size = (picture.shape[1], picture.shape[0])
        snapshot = self._live.snapshot()
        if snapshot is not None and snapshot.version == self._snapshot_version:
            snapshot = None  # the client has it
        if snapshot is not None:
            self._snapshot_version = snapshot.version
        return protocol.answer(frame, faces, size, ms, self._live.dropped, snapshot)

    async def _send(self, message: str) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.send_text(message)
        except TimeoutError:
            raise RefusedError(protocol.POLICY, "answers are not being read") from None


async def _close(socket: WebSocket, reason: RefusedError, seconds: float) -> None:
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    # The client may have left meanwhile, or read nothing; either way it is over.
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(seconds):
            # The protocol has room for 123 bytes.
            await socket.close(reason.code, reason.reason.encode()[:120].decode(errors="ignore"))
