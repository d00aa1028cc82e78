"""The geometry of boxes: overlaps, several boxes on one face, and corrections."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.faces import Faces, Floats, Ids

Mask = npt.NDArray[np.bool_]

SAME: Final = 0.3  # found boxes that overlap by more than this are one face
INSIDE: Final = 0.6  # and so are two of which this share of the smaller lies in the larger
FOLLOWED_INSIDE: Final = 0.4  # the same for followed faces
DRIFTED: Final = 0.3  # overlap below which the found box replaces the followed one
TRUST: Final = 0.3  # least share of a found box in the corrected one; detectors jitter
SMALLEST: Final = 2.0  # pixels a side; a smaller box is no face


def overlaps(first: Floats, second: Floats) -> Floats:
    """Return the intersection over union of each box with each of another list, (n, m)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(
        (first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None]
    )
    shared = np.prod(np.maximum(bottom_right - top_left, 0), axis=2)
    areas = np.prod(first[:, 2:], axis=1)[:, None] + np.prod(second[:, 2:], axis=1)[None]
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)


def within(first: Floats, second: Floats) -> Floats:
    """Return the shared area as a share of the smaller of both boxes, (n, m)."""
    return np.maximum(inside(first, second), inside(second, first).T)


def inside(first: Floats, second: Floats) -> Floats:
    """Return the shared area as a share of each box of the first list, (n, m)."""
    shared = overlaps(first, second)
    area = first[:, None, 2:].prod(axis=2)
    both = area + second[None, :, 2:].prod(axis=2)
    return np.asarray(shared * both / (1 + shared) / np.maximum(area, 1e-9), np.float32)


def keep_best(
    boxes: Floats, confidence: Floats, *, same: float = SAME, inside: float = INSIDE
) -> npt.NDArray[np.intp]:
    """Return the indices of the boxes to keep where several lie on one face, the surest first.

    Two boxes are of one face if they overlap by more than `same`, or if more than `inside` of the
    smaller one lies in the larger.
    """
    order = np.argsort(-np.nan_to_num(confidence), kind="stable")
    one_face = (overlaps(boxes, boxes) > same) | (within(boxes, boxes) > inside)
    left, kept = np.ones(len(boxes), bool), []
    for at in order:
        if left[at]:
            kept.append(at)
            left &= ~one_face[at]
    return np.array(kept, np.intp)


def distinct(found: Faces) -> Faces:
    """Return each followed face once. Overlap alone decides nothing: neighbours may overlap."""
    return found[keep_best(found.boxes, found.confidence, same=np.inf, inside=FOLLOWED_INSIDE)]


def doubled(first: Floats, second: Floats) -> Mask:
    """Return whether each box of one list is of the same followed face as each of another."""
    return np.asarray(within(first, second) > FOLLOWED_INSIDE)


def outside(boxes: Floats, size: Floats) -> Mask:
    """Return which boxes are invalid or have their middle outside the picture."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    good = ((middles >= 0) & (middles <= size)).all(axis=1)  # not where anything is NaN
    sides = boxes[:, 2:]
    return np.asarray(~good | (sides < SMALLEST).any(axis=1) | (sides > 2 * size).any(axis=1))


def corrected(now: Floats, then: Floats, found: Floats, sightings: Ids) -> Floats:
    """Return the followed boxes corrected by what was found in an earlier frame.

    Only the position of the found box relative to the followed one counts, in parts of it. So it
    does not matter where the face went since, or whether the picture has another size now. The
    first sightings are averaged; later ones count TRUST.
    """
    zoom = now[:, 2:] / then[:, 2:]
    corner = now[:, :2] + (found[:, :2] - then[:, :2]) * zoom
    meant = np.concatenate([corner, found[:, 2:] * zoom], axis=1)
    drifted = np.diagonal(overlaps(then, found)) < DRIFTED
    trust = np.where(drifted, 1, np.maximum(TRUST, 1 / (sightings + 1)))
    return np.asarray(now + trust[:, None] * (meant - now), np.float32)
