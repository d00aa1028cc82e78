"""The messages of the live socket: a client sends frames, the server answers.

The first message is JSON text, {"token": "..."}, and the server's first is a greeting.
A frame is a binary message: 16 bytes, little-endian (u32 version = 1, u32 number, f64 the client's
time in milliseconds), then a JPEG. An answer is JSON text:

    {"seq": 7, "time": 1234.5, "size": [1280, 720], "ms": 23.1, "left_out": 0,
     "faces": [[id, x, y, width, height, emotion's index or -1, percent], ...]}

An answer to frame 7 settles every frame up to 7: those without an answer were dropped. About once
a second an answer also holds "news", the class in a few numbers (`class_numbers`).
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, Final, NamedTuple

import numpy as np

from fer.emotions import percent
from fer.errors import DataError
from fer.faces import Faces, Picture
from fer.lesson import Snapshot
from fer.vision.media import jpeg as jpegs
from fer.vision.media.decoder import Decoder, OwnDecoder
from fer.vision.media.pictures import DecodeLimits

VERSION: Final = 1
PATH: Final = "/ws/live"  # of the live socket, below the app's own path
LONGEST_FIRST: Final = 1000  # letters of a client's first message
HEADER: Final = struct.Struct("<IId")
MOST_PASSES: Final = 4  # of a progressive JPEG; a browser's canvas writes one
MINUTE: Final = 12  # points of the mood line in `class_numbers`: a minute of five seconds each
LARGEST_TIME: Final = 1e15  # milliseconds


class RefusedError(Exception):
    """Ends a connection with this WebSocket close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


# WebSocket close codes.
GONE: Final = 1001
BAD_DATA: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
FAULT: Final = 1011
TRY_LATER: Final = 1013
# Our own codes.
REPLACED: Final = 4001  # another page sends this lesson's frames now
UNREADABLE: Final = 4002  # no picture can be read: the network or the detector cannot be loaded


class Frame(NamedTuple):
    """A frame as the client sent it."""

    seq: int
    time: float  # milliseconds, by the client's clock
    jpeg: memoryview
    arrived: float  # seconds, by this server's clock


def token(text: str | None) -> str:
    """Return the token in a client's first message; "" if there is none."""
    try:
        message = json.loads(text or "") if len(text or "") <= LONGEST_FIRST else None
    except (ValueError, RecursionError):
        return ""
    given = message.get("token") if isinstance(message, dict) else None
    return given if isinstance(given, str) else ""


def parse(message: bytes, arrived: float) -> Frame:
    """Return the frame in a binary message; raise RefusedError if it is malformed."""
    if len(message) <= HEADER.size:
        raise RefusedError(BAD_DATA, "a frame is 16 bytes and a JPEG")
    version, seq, time = HEADER.unpack_from(message)
    if version != VERSION:
        raise RefusedError(BAD_DATA, f"version {version} is not supported; use version {VERSION}")
    if not math.isfinite(time) or abs(time) > LARGEST_TIME:
        raise RefusedError(BAD_DATA, "the frame's time is not a number in range")
    return Frame(seq, time, memoryview(message)[HEADER.size :], arrived)


def decode(jpeg: memoryview, most_pixels: int, decoder: Decoder | None = None) -> Picture:
    """Return the picture of a frame; raise RefusedError if it is not a plain JPEG or too large."""
    limits = DecodeLimits(
        most_pixels, most_pixels, passes=MOST_PASSES, formats=("JPEG",), rotate=False
    )
    if bytes(jpeg[: len(jpegs.BEGIN)]) != jpegs.BEGIN:
        raise RefusedError(BAD_DATA, "a frame must be a plain JPEG")
    try:
        return (decoder or OwnDecoder()).frame(jpeg, "the frame", limits)
    except DataError as fault:
        if fault.fault == "pixels":
            most = f"a frame has at most {most_pixels / 1e6:.0f} megapixels"
            raise RefusedError(TOO_BIG, most) from fault
        raise RefusedError(
            BAD_DATA, "this JPEG is damaged, cut off, has too many passes, or takes too long"
        ) from fault


def answer(
    frame: Frame,
    faces: Faces,
    size: tuple[int, int],
    ms: float,
    dropped: int,
    snapshot: Snapshot | None = None,
) -> str:
    """Return the answer to a frame as JSON text, with the class's numbers if given a snapshot."""
    message = {
        "seq": frame.seq,
        "time": frame.time,
        "size": size,
        "ms": round(ms, 1),
        "faces": rows(faces),
        "left_out": dropped,
    }
    return text(message if snapshot is None else message | {"news": class_numbers(snapshot)})


def rows(faces: Faces) -> list[list[int]]:
    """Return a row for each face: id, box, emotion's index or -1, percent."""
    boxes: list[list[int]] = np.rint(faces.boxes).astype(int).tolist()
    shares = np.where(faces.known[:, None], faces.probabilities, 0)
    found: list[list[int]] = []
    for at, box in enumerate(boxes):
        best = int(shares[at].argmax()) if faces.known[at] else -1
        found.append([int(faces.ids[at]), *box, best, percent(float(shares[at].max()))])
    return found


def class_numbers(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as JSON values for the page and the floating window; None if unknown."""
    return {
        "time": round(snapshot.time),
        "faces": round(snapshot.faces),
        "shares": _numbers(snapshot.shares),
        "looks": {name: _number(share) for name, share in snapshot.indicators.items()},
        "balance": _number(snapshot.mood.balance),
        "liveliness": _number(snapshot.mood.liveliness),
        "line": _numbers(snapshot.line.balance[-MINUTE:]),
        "alerts": [fired.alert.what for fired in snapshot.alerts],
        "paused": snapshot.paused,
    }


def hello(lesson_id: str, in_flight: int, most_bytes: int) -> dict[str, Any]:
    """Return the server's first message on a connection."""
    return {"hello": lesson_id, "inflight": in_flight, "max_bytes": most_bytes}


def text(message: dict[str, Any]) -> str:
    """Return a message as JSON text without spaces."""
    return json.dumps(message, separators=(",", ":"))


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), 3)  # JSON has no NaN


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in values]
