"""Clients of the live socket, as a page's component is one, and what they see of the server."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import cv2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from fer.bench.feed import FPS, LENGTH, SIZE, gallery
from fer.errors import FerError

HEADER: Final = struct.Struct(
    "<IId"
)  # version, number, milliseconds: what fer/server/protocol.py reads
QUALITY: Final = 85  # about a browser's
LAST_ANSWERS: Final = 5.0  # seconds to wait for them


@dataclass
class Tally:
    """One client's frames: when each was sent, and how long an answered one took."""

    sent: list[float] = field(default_factory=list)
    answered: list[tuple[float, float]] = field(default_factory=list)  # when sent, delay

    def between(self, begun: float, ended: float) -> Tally:
        """The same for the frames that were sent in that time."""
        return Tally(
            [at for at in self.sent if begun <= at < ended],
            [one for one in self.answered if begun <= one[0] < ended],
        )


def feed(faces: int, size: tuple[int, int] = SIZE) -> list[bytes]:
    """A gallery's frames as JPEGs."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    frames = (gallery(faces, at, size) for at in range(LENGTH))
    return [cv2.imencode(".jpg", frame, options)[1].tobytes() for frame in frames]


class Client:
    """A camera's frames, sent until some moment.

    With a bound on the frames in flight it waits for answers, as the page does. Without one it
    sends every frame whether the server keeps up or not.
    """

    def __init__(self, frames: Sequence[bytes], in_flight: int | None, first: int = 0) -> None:
        self.tally = Tally()
        self._frames, self._in_flight, self._number = frames, in_flight, first
        self._pending: dict[int, float] = {}
        self._free = asyncio.Event()
        self._free.set()

    async def run(self, url: str, token: str, until: float) -> None:
        """Connects to the app, and sends until time.monotonic() says so."""
        address = f"ws://{urlsplit(url).netloc}/ws/live?token={token}"
        async with connect(address, origin=Origin(url), compression=None) as socket:
            tasks = [
                asyncio.create_task(self._send(socket, until)),
                asyncio.create_task(self._hear(socket)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[1].done():
                    raise FerError(f"the app sent a client away: {socket.close_reason}")
                tasks[0].result()
            except ConnectionClosed as fault:
                raise FerError(f"the app sent a client away: {fault}") from fault
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, socket: ClientConnection, until: float) -> None:
        due = time.monotonic()
        while due < until:
            await self._free.wait()
            await asyncio.sleep(max(due - time.monotonic(), 0))
            taken = time.monotonic()
            due = max(due, taken - 1 / FPS) + 1 / FPS  # what was missed isn't made up for
            self._number += 1
            self._pending[self._number] = taken
            if self._in_flight is not None and len(self._pending) >= self._in_flight:
                self._free.clear()
            self.tally.sent.append(taken)
            jpeg = self._frames[self._number % len(self._frames)]
            await socket.send(HEADER.pack(1, self._number, 1000 * taken) + jpeg)
        end = time.monotonic() + LAST_ANSWERS
        while self._pending and time.monotonic() < end:
            await asyncio.sleep(0.02)

    async def _hear(self, socket: ClientConnection) -> None:
        async for text in socket:
            number = json.loads(text).get("seq")
            if number not in self._pending:
                continue  # the greeting
            taken = self._pending[number]
            self.tally.answered.append((taken, time.monotonic() - taken))
            # Those before it were left out, and get no answer.
            self._pending = {at: sent for at, sent in self._pending.items() if at > number}
            self._free.set()
