"""Plain geometry of boxes, as the tracker needs it."""

from __future__ import annotations

from typing import Final

import numpy as np

from fer.faces import Faces, Floats, Ids, overlaps
from fer.vision.track.flow import Mask

DOUBLE: Final = 0.4  # share of the smaller box from which two are of one face
DRIFTED: Final = 0.3  # overlap below which a box gives way to the found one
TRUST: Final = 0.3  # share of a found box in the corrected one, at least: detectors jitter
SMALLEST: Final = 2.0  # pixels a side; less is no face any more


def distinct(found: Faces) -> Faces:
    """The surest of each heap of boxes on one face."""
    order = np.argsort(-np.nan_to_num(found.confidence), kind="stable")
    found = found[order]
    same = np.triu(doubled(found.boxes, found.boxes), 1)
    keep = np.ones(len(found), bool)
    for at in range(len(found)):
        if keep[at]:
            keep &= ~same[at]
    return found[keep]


def doubled(first: Floats, second: Floats) -> Mask:
    """Whether each box of one list is of the same face as each of another, (n, m)."""
    shared = overlaps(first, second)
    areas = first[:, None, 2:].prod(axis=2), second[None, :, 2:].prod(axis=2)
    common = shared * (areas[0] + areas[1]) / (1 + shared)
    return np.asarray(common > DOUBLE * np.minimum(*areas))


def outside(boxes: Floats, size: Floats) -> Mask:
    """Which boxes are none any more, or have their middle beyond the picture."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    good = np.isfinite(boxes).all(axis=1) & ((middles >= 0) & (middles <= size)).all(axis=1)
    sides = boxes[:, 2:]
    return np.asarray(~good | (sides < SMALLEST).any(axis=1) | (sides > 2 * size).any(axis=1))


def corrected(now: Floats, then: Floats, found: Floats, sightings: Ids) -> Floats:
    """The boxes now, if what was found then had been known then: a mean of all sightings at first.

    All that matters is how the found box lay to the followed one, in parts of it: so it doesn't
    matter where the face went meanwhile, or whether the picture has another size now.
    """
    zoom = now[:, 2:] / then[:, 2:]
    corner = now[:, :2] + (found[:, :2] - then[:, :2]) * zoom
    meant = np.concatenate([corner, found[:, 2:] * zoom], axis=1)
    drifted = np.diagonal(overlaps(then, found)) < DRIFTED
    trust = np.where(drifted, 1, np.maximum(TRUST, 1 / (sightings + 1)))
    return np.asarray(now + trust[:, None] * (meant - now), np.float32)
