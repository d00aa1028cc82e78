"""Clients of the live socket, which send frames as a page does and measure the answers."""

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
from fer.server import protocol

# Version, number, milliseconds, as in fer/server/protocol.py.
HEADER: Final = struct.Struct("<IId")
QUALITY: Final = 85  # of JPEGs, about a browser's
LAST_ANSWERS: Final = 5.0  # seconds to wait for the last answers


@dataclass
class Tally:
    """One client's frames: when each was sent, and the delay of each answer."""

    sent: list[float] = field(default_factory=list)
    answered: list[tuple[float, float]] = field(
        default_factory=list
    )  # when the frame was sent, and the delay

    def between(self, begun: float, ended: float) -> Tally:
        """Return the tally of the frames that were sent in this time."""
        return Tally(
            [at for at in self.sent if begun <= at < ended],
            [one for one in self.answered if begun <= one[0] < ended],
        )


def feed(faces: int, size: tuple[int, int] = SIZE) -> list[bytes]:
    """Return the frames of a gallery as JPEGs."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    frames = (gallery(faces, at, size) for at in range(LENGTH))
    return [cv2.imencode(".jpg", frame, options)[1].tobytes() for frame in frames]


class Client:
    """Sends a camera's frames.

    With a limit on the frames in flight it waits for answers, as the page does. With None it sends
    every frame, whether the server keeps up or not.
    """

    def __init__(self, frames: Sequence[bytes], in_flight: int | None, first: int = 0) -> None:
        self.tally = Tally()
        self._frames, self._in_flight, self._number = frames, in_flight, first
        self._pending: dict[int, float] = {}
        self._free = asyncio.Event()
        self._free.set()

    async def run(self, url: str, token: str, until: float) -> None:
        """Connect to the app and send frames until `until`, by time.monotonic()."""
        address = f"ws://{urlsplit(url).netloc}{protocol.PATH}?token={token}"
        async with connect(address, origin=Origin(url), compression=None) as socket:
            tasks = [
                asyncio.create_task(self._send(socket, until)),
                asyncio.create_task(self._receive(socket)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[1].done():
                    raise FerError(f"the app refused a client: {socket.close_reason}")
                tasks[0].result()
            except ConnectionClosed as fault:
                raise FerError(f"the app refused a client: {fault}") from fault
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
            due = max(due, taken - 1 / FPS) + 1 / FPS  # missed frames are not sent later
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

    async def _receive(self, socket: ClientConnection) -> None:
        async for text in socket:
            number = json.loads(text).get("seq")
            if number not in self._pending:
                continue  # the server's first message
            taken = self._pending[number]
            self.tally.answered.append((taken, time.monotonic() - taken))
            # Earlier frames were dropped and get no answer.
            self._pending = {at: sent for at, sent in self._pending.items() if at > number}
            self._free.set()
