"""Faces of a data set at the size that a network takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fer.classify import Crops, batch_for
from fer.crop import fitted


def sized(faces: Crops, size: int) -> Crops:
    """The faces at the size the network takes, fitted as those of any picture are."""
    if faces.shape[1:] == (size, size):
        return faces
    return np.stack([fitted(face, size) for face in faces])


def sized_batches(faces: Crops, size: int) -> Iterator[Crops]:
    """The same, so many at once as memory bears: all of a split would take gigabytes."""
    batch = batch_for(size)
    for at in range(0, len(faces), batch):
        yield sized(faces[at : at + batch], size)
