"""The live socket: it receives a page's frames and answers with the faces.

Of each client it holds at most two frames: one being read, and the newest that waits. A frame that
would wait longer is dropped and counted, so that answers are never about old pictures. Pixels are
handled in a few worker threads; the event loop only passes messages.
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

from fer.errors import BusyError, FerError, LiveError
from fer.net import is_local
from fer.server import protocol
from fer.server.clock import DelayGauge
from fer.server.identity import owner_of
from fer.server.lessons import LiveLesson
from fer.server.limits import Bucket, Limits
from fer.server.protocol import Frame, RefusedError
from fer.server.state import State
from fer.vision.media.box import LIVE
from fer.vision.media.decoder import Decoder, OwnDecoder

LOG: Final = logging.getLogger(__name__)
IN_FLIGHT: Final = 2  # frames that a client may send before it has an answer
AT_ONCE: Final = LIVE.at_once  # pictures that are read at the same time


class LiveSocket:
    """The endpoint: checks clients, and serves one connection for each lesson."""

    def __init__(self, state: State, limits: Limits) -> None:
        self._state, self._limits = state, limits
        self._workers: FairWorkers | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection, from its first byte to its last."""
        # Accept before checking the token: otherwise the page would not learn the reason.
        await socket.accept()
        try:
            token = await self._token(socket)
            # In a thread, because closing an idle stream waits for the frame that it reads.
            live = await asyncio.to_thread(self._open_lesson, socket, token)
        except WebSocketDisconnect:
            return
        except RefusedError as refused:
            await _close(socket, refused, self._limits.send_seconds)
            return
        # Made here because it belongs to the running event loop.
        self._workers = self._workers or FairWorkers()
        connection = SocketConnection(
            socket, live, self._limits, self._workers, self._state.decoder
        )
        if before := live.connect(connection):
            before.end("replaced by a newer connection", replaced=True)
        try:
            await connection.run()
        finally:
            live.disconnect(connection)

    async def _token(self, socket: WebSocket) -> str:
        """Return the token in the first message.

        Proxies log addresses, so it is in none; only a page from before an update sends it there.
        """
        if (given := socket.query_params.get("token")) is not None:
            return given
        try:
            async with asyncio.timeout(self._limits.token_seconds):
                message = await socket.receive()
        except TimeoutError:
            raise RefusedError(protocol.POLICY, "no token came") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1006)
        return protocol.token(message.get("text"))

    def _open_lesson(self, socket: WebSocket, token: str) -> LiveLesson:
        """Return the lesson that the token is for; raise RefusedError if it is refused."""
        try:
            owner = owner_of(socket.cookies) or ""
            lesson_id = self._state.check_token(token, owner)
            client = socket.client.host if socket.client else ""
            # Of this computer comes everything that a proxy passes on if FER_PROXIES is not set.
            return self._state.lessons.open(lesson_id, "socket", "" if is_local(client) else client)
        except BusyError as fault:
            raise RefusedError(protocol.TRY_LATER, str(fault)) from fault
        except FerError as fault:
            raise RefusedError(protocol.POLICY, str(fault)) from fault


class FairWorkers:
    """The worker threads for pictures. Clients wait for `turn`, which serves them in order."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.turn = anyio.CapacityLimiter(at_once)
        self._threads = anyio.CapacityLimiter(at_once)

    async def run(self, work: Callable[[Frame], str], frame: Frame) -> str:
        """Run `work` in a thread and return its result; the caller must hold `turn`."""
        return await to_thread.run_sync(work, frame, limiter=self._threads)


class SocketConnection:
    """A client's connection: one task reads, another answers, and an error ends both."""

    def __init__(
        self,
        socket: WebSocket,
        live: LiveLesson,
        limits: Limits,
        workers: FairWorkers,
        decoder: Decoder | None = None,
    ) -> None:
        self._decoder = decoder or OwnDecoder()
        self._socket, self._live, self._limits, self._workers = socket, live, limits, workers
        self._waiting: Frame | None = None
        self._frame_waits = asyncio.Event()
        self._ending: asyncio.Future[RefusedError | None] = asyncio.Future()
        self._loop = asyncio.get_running_loop()
        self._delays = DelayGauge()
        self._snapshot_version = 0  # the newest snapshot that the client has

    def end(self, reason: str, *, replaced: bool = False) -> None:
        """End the connection: its lesson has ended, or a newer one replaced it. For any thread."""
        code = protocol.REPLACED if replaced else protocol.POLICY
        with contextlib.suppress(RuntimeError):  # the event loop has stopped
            self._loop.call_soon_threadsafe(self._end, RefusedError(code, reason))

    async def run(self) -> None:
        """Serve the client until it leaves or is refused."""
        tasks = [asyncio.create_task(self._run_task(task)) for task in (self._read, self._reply)]
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

    async def _run_task(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task; an error ends the connection with a code and a reason."""
        try:
            await task()
        except WebSocketDisconnect:
            self._end(None)
        except RefusedError as refused:
            self._end(refused)
        except LiveError as fault:
            busy = isinstance(fault, BusyError)
            self._end(RefusedError(protocol.TRY_LATER if busy else protocol.POLICY, str(fault)))
        except FerError as fault:
            LOG.error("a picture cannot be read: %s", fault)
            self._end(RefusedError(protocol.UNREADABLE, str(fault)))
        except Exception:
            LOG.exception("a live connection failed")
            self._end(RefusedError(protocol.FAULT, "internal error of the server; try again"))

    async def _read(self) -> None:
        bucket = Bucket(self._limits.frames_a_second, self._limits.frames_a_second)
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise RefusedError(protocol.GONE, "no frame came for too long") from None
            if not bucket.take():
                raise RefusedError(protocol.POLICY, "too many frames a second")
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
            raise RefusedError(protocol.BAD_DATA, "a frame must be a binary message")
        return data

    async def _reply(self) -> None:
        first = protocol.hello(self._live.id, IN_FLIGHT, self._limits.frame_bytes)
        await self._send(protocol.text(first))
        while True:
            await self._frame_waits.wait()
            async with self._workers.turn:
                # Take the frame only now: a newer one may have come while this client waited.
                self._frame_waits.clear()
                frame, self._waiting = self._waiting, None
                if frame is None:
                    continue
                answer = await self._workers.run(self._analyse, frame)
            await self._send(answer)
            self._live.note_delay(self._delays.delay(frame.time / 1000, clock.monotonic()))

    def _analyse(self, frame: Frame) -> str:
        """Return the answer to a frame. Runs in a thread."""
        picture = protocol.decode(frame.jpeg, self._limits.frame_pixels, self._decoder)
        faces = self._live.feed(picture, frame.time / 1000)
        ms = (clock.monotonic() - frame.arrived) * 1000
        size = (picture.shape[1], picture.shape[0])
        snapshot = self._live.snapshot()
        if snapshot is not None and snapshot.version == self._snapshot_version:
            snapshot = None  # the client has this snapshot already
        if snapshot is not None:
            self._snapshot_version = snapshot.version
        return protocol.answer(frame, faces, size, ms, self._live.dropped, snapshot)

    async def _send(self, message: str) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.send_text(message)
        except TimeoutError:
            raise RefusedError(protocol.POLICY, "the client does not receive its answers") from None


async def _close(socket: WebSocket, reason: RefusedError, seconds: float) -> None:
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    # The client may have left meanwhile, or may not receive anything.
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(seconds):
            # A close message holds up to 123 bytes.
            await socket.close(reason.code, reason.reason.encode()[:120].decode(errors="ignore"))
