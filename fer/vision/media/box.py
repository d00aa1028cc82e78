"""The boxes that strangers' files are decoded in: what each may use, and how one talks to it.

A box is a limited process (`decode_child.py`) that the server (`decoder.py`) sends bytes and takes
frames from, both in shared memory. The messages about them are JSON, one a packet.
"""

from __future__ import annotations

import array
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fer.machine import cpu_limit
from fer.vision.media.pictures import BROUGHT

LARGEST_FILE: Final = 16_000_000  # bytes of a picture's file that a box has room for
FRAME_PIXELS: Final = 9_500_000  # of a video's frame: 4096 × 2304
LIVE_PIXELS: Final = 8_000_000  # as many as a 4K picture; larger ones would only be shrunk
NICE: Final = 10  # of recordings: lower priority than live classes on a busy processor
MESSAGE: Final = 1 << 16  # bytes; one is a few hundred
Message = dict[str, Any]


@dataclass(frozen=True)
class Box:
    """What a box of one kind may use. The number of boxes at work is bounded here alone."""

    kind: str
    at_once: int  # boxes at work
    pixels: int  # of the largest frame, for which it has room
    memory: int  # bytes, beyond what its libraries and the shared memory take
    processor: float = 10.0  # seconds for an answer
    wall: float = 60.0  # seconds until an answer, on a busy computer too
    nice: int = 0
    uses: int = 500  # pictures after which it is replaced

    @property
    def room(self) -> int:
        """The bytes of the largest frame."""
        return 3 * self.pixels


# The largest picture takes 4 bytes a pixel beside its frame, and its file twice.
PHOTO: Final = Box("photo", 1, BROUGHT.pixels, 268_000_000)
LIVE: Final = Box(
    "live", max(2, round(cpu_limit())), LIVE_PIXELS, 120_000_000, 2.0, wall=10.0, uses=20_000
)
# Two are read at once, and one more can be looked at as it is brought.
FILM: Final = Box("film", 3, FRAME_PIXELS, 370_000_000, nice=NICE)


def send(link: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send a message, and open files with it."""
    data = json.dumps(message).encode()
    given = array.array("i", descriptors)
    link.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)] if descriptors else [])


def receive(link: socket.socket, descriptors: int = 0) -> tuple[Message, list[int]]:
    """Return the next message and the open files that came with it, at most so many.

    Raises EOFError if the other side has ended, and ValueError for what is no message.
    """
    if not descriptors:
        data = link.recv(MESSAGE)
        received = array.array("i")
    else:
        room = socket.CMSG_SPACE(descriptors * array.array("i").itemsize)
        data, notes, _, _ = link.recvmsg(MESSAGE, room)
        received = array.array("i")
        for _, _, raw in notes:
            received.frombytes(raw[: len(raw) - len(raw) % received.itemsize])
    if not data:
        raise EOFError
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message, list(received)
