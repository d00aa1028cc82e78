"""Appearances: short vectors of the colours in and around a face, to recognise a tile that moved.

When the gallery of a call is laid out anew, each person's room and clothes move along, so a face
can be recognised by them where its position no longer helps. This is no biometric data: the same
person in another shirt and another room has another appearance.
"""

from __future__ import annotations

import itertools
from typing import Final

import cv2
import numpy as np

from fer.faces import Floats, Picture
from fer.vision.boxes import Mask
from fer.vision.track.flow import scale_of

CELLS: Final = 12  # cells a side of the mosaic that an appearance is made of
AROUND: Final = 1.8  # the mosaic's side, in sides of the face's box
COLOURS: Final = CELLS * CELLS * 3
LENGTH: Final = COLOURS + 1
# The last element of every appearance, in grey levels of contrast. It makes two pictures with less
# contrast than this similar, where the direction of their small differences would be noise.
FLAT: Final = 4.0
FINEST: Final = 2  # samples a side of each cell
# A detector's boxes jitter, so appearances are also compared at shifted and resized boxes: first
# by this share of the box's sides, then by half of it around the best.
NUDGE: Final = 0.12


def appearances(thumb: Picture, size: Floats, boxes: Floats) -> Floats:
    """Return the appearance of every box, (n, LENGTH), as unit vectors without their mean colour.

    `thumb` is the reduced picture of a frame with this `size`; boxes are in the frame's pixels.
    """
    scale = np.tile(scale_of(thumb, size), 2)
    inside = boxes * scale
    mosaics = np.empty((len(boxes), COLOURS), np.float32)
    # Large faces from a smaller thumb, or their few samples would flicker.
    step = AROUND * inside[:, 3] / (CELLS * FINEST)
    level = np.clip(np.log2(np.maximum(step, 1)), 0, 3).astype(int)
    for depth in range(level.max(initial=0) + 1):
        if depth:
            half = (max(thumb.shape[1] // 2, 1), max(thumb.shape[0] // 2, 1))
            thumb = np.asarray(cv2.resize(thumb, half, interpolation=cv2.INTER_AREA), np.uint8)
        at = level == depth
        if at.any():
            mosaics[at] = _mosaics(thumb, boxes[at] * np.tile(scale_of(thumb, size), 2))
    contrast = mosaics - mosaics.mean(axis=1, keepdims=True)
    return unit_length(np.pad(contrast, ((0, 0), (0, 1)), constant_values=FLAT * COLOURS**0.5))


def unit_length(rows: Floats) -> Floats:
    """Return the rows scaled to unit length."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))


def face_only(rows: Floats) -> Floats:
    """Return the part of each appearance that shows the face, without its surroundings."""
    edge = round(CELLS * (1 - 1 / AROUND) / 2)
    mosaics = rows[:, :COLOURS].reshape(-1, CELLS, CELLS, 3)[:, edge:-edge, edge:-edge]
    colours = mosaics.reshape(len(rows), (CELLS - 2 * edge) ** 2 * 3)
    colours = colours - colours.mean(axis=1, keepdims=True)
    return unit_length(np.concatenate([colours, rows[:, COLOURS:]], axis=1))


def _mosaics(thumb: Picture, boxes: Floats) -> Floats:
    """Return the mean colours of CELLS x CELLS cells around each box, (n, COLOURS)."""
    side = CELLS * FINEST
    steps = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5) * AROUND
    middles = boxes[:, :2] + boxes[:, 2:] / 2 - 0.5
    across = middles[:, 0, None, None] + boxes[:, 2, None, None] * steps[None, None, :]
    down = middles[:, 1, None, None] + boxes[:, 3, None, None] * steps[None, :, None]
    shape = (len(boxes), side, side)
    rows = len(boxes) * side
    samples = cv2.remap(
        thumb,
        np.broadcast_to(across, shape).reshape(rows, side),
        np.broadcast_to(down, shape).reshape(rows, side),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,  # beyond the picture's edge the last pixels are repeated
    )
    # Each cell is the mean of its samples; cv2 takes it in a tenth of NumPy's time.
    cells = cv2.resize(samples, (CELLS, len(boxes) * CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells.reshape(len(boxes), COLOURS), np.float32)


def similarity(thumb: Picture, size: Floats, boxes: Floats, known: Floats) -> Floats:
    """Return the cosine similarity of each box's appearance to each known one, (n, m).

    It is the highest over slightly shifted and resized boxes.
    """
    best = np.full((len(boxes), len(known)), -1, np.float32)
    if not best.size:
        return best
    for step in (NUDGE, NUDGE / 2):
        closest, top = boxes, best.max(axis=1)
        steps = (-step, 0.0, step)
        for nudge in itertools.product(steps, steps, steps):
            tried = _nudged(boxes, nudge)
            alike = appearances(thumb, size, tried) @ known.T
            best = np.maximum(best, alike)
            better = alike.max(axis=1) > top
            closest = np.where(better[:, None], tried, closest)
            top = np.maximum(top, alike.max(axis=1))
        boxes = closest
    return best


def _nudged(boxes: Floats, nudge: tuple[float, float, float]) -> Floats:
    across, down, growth = nudge
    sides = boxes[:, 2:] * (1 + growth)
    shift = np.array([across - growth / 2, down - growth / 2], np.float32)
    return np.concatenate([boxes[:, :2] + shift * boxes[:, 2:], sides], axis=1)


def best_pairs(
    scores: Floats, least: float, margin: float = 0, one: Mask | None = None
) -> list[tuple[int, int]]:
    """Return pairs (row, column) of scores from `least` on, the highest first, each used once.

    A pair is left out if another score in its row or column is within `margin` of its own. Columns
    that may be the same person as the pair's column do not count as rivals: `one` marks these
    pairs of columns, as a matrix (columns, columns).

    >>> best_pairs(np.array([[0.9, 0.1], [0.8, 0.7]]), least=0.5)
    [(0, 0), (1, 1)]
    >>> best_pairs(np.array([[0.9, 0.1], [0.8, 0.7]]), least=0.5, margin=0.2)
    [(1, 1)]
    """
    scores = np.array(scores, np.float32)
    pairs: list[tuple[int, int]] = []
    while scores.size and scores.max() >= least:
        row, column = divmod(int(scores.argmax()), scores.shape[1])
        others = np.delete(scores[:, column], row).max(initial=-np.inf)
        same = np.zeros(scores.shape[1], bool) if one is None else one[column].copy()
        same[column] = True
        rivals = scores[row, ~same].max(initial=others)
        if scores[row, column] - rivals >= margin:
            pairs.append((row, column))
        scores[row] = -np.inf
        scores[:, column] = -np.inf
    return pairs
