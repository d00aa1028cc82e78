"""What goes over the live socket: frames in, answers out.

A frame is a binary message: 16 bytes, little-endian (u32 version = 1, u32 number, f64 the client's
time in milliseconds), then a JPEG. An answer is JSON text:

    {"seq": 7, "time": 1234.5, "size": [1280, 720], "ms": 23.1, "left_out": 0,
     "faces": [[id, x, y, width, height, emotion's index or -1, percent], ...]}

An answer to frame 7 settles every frame up to 7: those without an answer were left out. About once
a second an answer also holds "news", the class in a few numbers (fer/server/lessons.py).
"""

from __future__ import annotations

import io
import json
import math
import struct
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from PIL import Image

from fer.faces import Faces
from fer.server.live_sessions import BGR
from fer.vision.media.pictures import JPEG

VERSION: Final = 1
HEADER: Final = struct.Struct("<IId")
SCAN: Final = b"\xff\xda"  # begins each pass over a JPEG's pixels; stands nowhere else in its data
MOST_SCANS: Final = 4  # a canvas writes one; a few kilobytes can claim thousands, each a full pass
SUREST: Final = 99  # percent; nobody is ever quite sure, and rounding must not say so
LARGEST_TIME: Final = 1e15  # milliseconds


class RefusedError(Exception):
    """Why a connection is ended: a WebSocket close code and a few words."""

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
REPLACED: Final = 4001  # ours: another page brings this lesson's frames now


class Frame(NamedTuple):
    """A frame as it came."""

    seq: int
    time: float  # milliseconds, the client's
    jpeg: memoryview
    arrived: float  # seconds, ours


def parse(message: bytes, arrived: float) -> Frame:
    """The frame in a binary message; RefusedError where it is none."""
    if len(message) <= HEADER.size:
        raise RefusedError(BAD_DATA, "a frame is 16 bytes and a JPEG")
    version, seq, time = HEADER.unpack_from(message)
    if version != VERSION:
        raise RefusedError(BAD_DATA, f"version {version} is not spoken here; take {VERSION}")
    if not math.isfinite(time) or abs(time) > LARGEST_TIME:
        raise RefusedError(BAD_DATA, "the frame's time is no time")
    return Frame(seq, time, memoryview(message)[HEADER.size :], arrived)


def decode(jpeg: memoryview, most_pixels: int) -> BGR:
    """The picture, once its header promised that it is no bomb; RefusedError otherwise."""
    data = bytes(jpeg)
    too_large = RefusedError(TOO_BIG, f"a frame has at most {most_pixels / 1e6:.0f} megapixels")
    if not data.startswith(JPEG) or data.count(SCAN) > MOST_SCANS:
        raise RefusedError(BAD_DATA, "a frame must be a plain JPEG")
    try:
        # Pillow for both: were one library to read the size and another the picture, a file could
        # show each a different size.
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > most_pixels:
                raise too_large
            rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except RefusedError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, far above ours
        raise too_large from None
    except Exception as fault:  # what Pillow raises for a damaged file is anybody's guess
        raise RefusedError(BAD_DATA, "this JPEG is cut off or damaged") from fault
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)


def answer(
    frame: Frame,
    faces: Faces,
    size: tuple[int, int],
    ms: float,
    left_out: int,
    news: dict[str, Any] | None = None,
) -> str:
    """What is sent back for a frame; about once a second with news of the whole class."""
    said = {
        "seq": frame.seq,
        "time": frame.time,
        "size": size,
        "ms": round(ms, 1),
        "faces": rows(faces),
        "left_out": left_out,
    }
    return text(said if news is None else said | {"news": news})


def rows(faces: Faces) -> list[list[int]]:
    """A row a face: id, box, emotion's index or -1, percent."""
    boxes: list[list[int]] = np.rint(faces.boxes).astype(int).tolist()
    shares = np.where(faces.known[:, None], faces.probabilities, 0)
    found: list[list[int]] = []
    for at, box in enumerate(boxes):
        best = int(shares[at].argmax()) if faces.known[at] else -1
        percent = min(round(100 * float(shares[at].max())), SUREST)
        found.append([int(faces.ids[at]), *box, best, percent])
    return found


def hello(session_id: str, in_flight: int, most_bytes: int) -> dict[str, Any]:
    """The first message on a connection."""
    return {"hello": session_id, "inflight": in_flight, "max_bytes": most_bytes}


def text(said: dict[str, Any]) -> str:
    """JSON without spaces."""
    return json.dumps(said, separators=(",", ":"))
