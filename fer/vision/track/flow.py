"""Move boxes along with the picture, from one frame to the next, by optical flow.

Optical flow after Lucas and Kanade on a few points per face takes a tenth of a detector's work,
and keeps track of which face is which.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from fer.faces import Floats, Picture
from fer.vision.boxes import Mask

GREY_SIDE: Final = 640  # longer side of the grey picture the points follow
THUMB_SIDE: Final = 320  # longer side of the colour picture the appearances are taken from
POINTS: Final = 4  # a side of a face's grid of points
WINDOW: Final = (9, 9)  # pixels of the grey picture compared around a point
LEVELS: Final = 2  # halvings of the picture; with the window, how far a point may jump
WORST: Final = 25.0  # mean grey levels by which a point's surroundings may differ afterwards
ENOUGH: Final = 0.3  # share of a face's points that have to agree before its box moves
FASTEST_ZOOM: Final = 1.1  # how much a box may grow or shrink from one frame to the next
BLOCKS: Final = (16, 9)  # blocks across and down that are compared to find a scene cut
JUMP: Final = 40.0  # mean levels by which a block has to differ from the last frame's
TINIEST: Final = 16  # pixels; nothing can be followed in a picture with a shorter side


class View(NamedTuple):
    """A frame's reduced pictures, for optical flow and appearances."""

    size: Floats  # the frame's width and height
    grey: Picture
    thumb: Picture

    @classmethod
    def of(cls, frame: Picture) -> View:
        """Return the reduced pictures of this frame."""
        height, width = frame.shape[:2]
        half = _reduced(frame, GREY_SIDE)
        grey = np.asarray(cv2.cvtColor(half, cv2.COLOR_BGR2GRAY), np.uint8)
        return cls(np.array([width, height], np.float32), grey, _reduced(half, THUMB_SIDE))


def coarse(size: Floats, thumb: Picture) -> View:
    """Return a view made of a thumb alone: less precise to follow, but small to keep."""
    return View(size, np.asarray(cv2.cvtColor(thumb, cv2.COLOR_BGR2GRAY), np.uint8), thumb)


def jumped(before: View, after: View) -> bool:
    """Return whether a block of the picture, about as large as a small tile, changed at once."""
    if before.thumb.shape != after.thumb.shape:
        return True
    difference = cv2.absdiff(before.thumb, after.thumb)
    parts = cv2.resize(difference, BLOCKS, interpolation=cv2.INTER_AREA)
    return bool(parts.mean(axis=2).max() > JUMP)


def _reduced(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture.copy()  # the caller may draw on its frame
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    # Linear is an average of four pixels at a half, the usual case, and twice as fast as area.
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def scale_of(picture: Picture, size: Floats) -> Floats:
    """Return the reduced picture's size over the frame's, across and down."""
    return np.asarray(np.array(picture.shape[1::-1], np.float32) / size, np.float32)


def follow(before: View, after: View, boxes: Floats) -> tuple[Floats, Floats]:
    """Return the boxes as they moved to the next view, and the share of points that agree on it.

    Boxes are in pixels of their own frame. A box whose points don't agree stays where it was.
    """
    boxes = np.concatenate([boxes[:, :2], boxes[:, 2:]], axis=1)
    boxes *= np.tile(after.size / before.size, 2)
    if not len(boxes) or min(before.grey.shape) < TINIEST or min(after.grey.shape) < TINIEST:
        return boxes, np.zeros(len(boxes), np.float32)
    old = before.grey
    if old.shape != after.grey.shape:  # another resolution or another camera
        old = np.asarray(cv2.resize(old, after.grey.shape[1::-1]), np.uint8)
    scale = scale_of(after.grey, after.size)
    start = _grid(boxes) * scale
    end, status, error = cv2.calcOpticalFlowPyrLK(
        old,
        after.grey,
        start.reshape(-1, 1, 2),
        np.empty((start.size // 2, 1, 2), np.float32),
        winSize=WINDOW,
        maxLevel=LEVELS,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03),
    )
    found = (status.reshape(len(boxes), -1) == 1) & (error.reshape(len(boxes), -1) < WORST)
    return _moved(boxes, start / scale, end.reshape(start.shape) / scale, found)


def _grid(boxes: Floats) -> Floats:
    """Return points spread evenly over every box, (n, POINTS * POINTS, 2)."""
    steps = (np.arange(POINTS, dtype=np.float32) + 0.5) / POINTS
    across, down = np.meshgrid(steps, steps)
    places = np.stack([across.ravel(), down.ravel()], axis=1)
    return np.asarray(boxes[:, None, :2] + places * boxes[:, None, 2:], np.float32)


def _moved(boxes: Floats, start: Floats, end: Floats, found: Mask) -> tuple[Floats, Floats]:
    """Return the boxes shifted and zoomed as most of their points were, and the share of those."""
    shift = end - start
    # The median over the points found; the others sort to the end.
    ordered = np.sort(np.where(found[..., None], shift, np.inf), axis=1)
    middle = np.maximum(found.sum(axis=1) - 1, 0) // 2
    usual = np.take_along_axis(ordered, middle[:, None, None], axis=1)
    usual[~np.isfinite(usual)] = 0
    slack = 1 + 0.05 * boxes[:, 3]
    agree = found & (np.abs(shift - usual).max(axis=2) <= slack[:, None])
    share = agree.mean(axis=1, dtype=np.float32)

    weight = agree[..., None] / np.maximum(agree.sum(axis=1), 1)[:, None, None]
    old_middle = (weight * start).sum(axis=1)
    new_middle = (weight * end).sum(axis=1)
    spread, grown = start - old_middle[:, None], end - new_middle[:, None]
    zoom = (weight * spread * grown).sum(axis=(1, 2))
    zoom /= np.maximum((weight * spread * spread).sum(axis=(1, 2)), 1e-6)
    zoom = np.clip(zoom, 1 / FASTEST_ZOOM, FASTEST_ZOOM)[:, None]
    corner = new_middle + zoom * (boxes[:, :2] - old_middle)
    moved = np.concatenate([corner, boxes[:, 2:] * zoom], axis=1)
    return np.where(share[:, None] >= ENOUGH, moved, boxes).astype(np.float32), share
