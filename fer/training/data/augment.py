"""Vary faces as real ones vary: turned, moved, differently lit, partly hidden.

OpenCV and NumPy on whole batches take about 30 microseconds for a face on one core, so one thread
keeps up with training on a CPU on any Keras backend. Keras' own preprocessing layers do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.vision.crop import SIZE, fitted

Faces = npt.NDArray[np.uint8]
Batch = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """The bounds of the random changes; the defaults change nothing."""

    flip: bool = False  # mirror half of the faces
    rotate: float = 0.0  # degrees, either direction
    shift: float = 0.0  # share of the width, either direction
    scale: float = 0.0  # share, either direction
    shear: float = 0.0  # share, either direction
    contrast: float = 0.0  # share, either direction
    brightness: float = 0.0  # grey levels of 255, either direction
    erase: float = 0.0  # probability that a rectangle is hidden
    erase_area: float = 0.2  # the largest share of the face that it hides
    mixup: float = 0.0  # Beta(a, a): how strongly pairs of faces are blended
    worsen: float = 0.0  # probability of each fault of bad pictures: see `worsen`


def geometry(faces: Faces, how: Augmentation, size: int, rng: np.random.Generator) -> Batch:
    """Return the faces turned, moved, sheared and resized to size x size, with one warp each."""
    count, height, width = faces.shape
    angle = np.deg2rad(rng.uniform(-how.rotate, how.rotate, count))
    zoom = 1 + rng.uniform(-how.scale, how.scale, count)
    shear = rng.uniform(-how.shear, how.shear, count)
    move = rng.uniform(-how.shift, how.shift, (count, 2)) * width
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0) if how.flip else np.ones(count)
    # Warp at full size and then resize: a warp straight to a smaller size would alias.
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    matrix = np.empty((count, 2, 3), np.float64)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * mirror, sin + shear
    matrix[:, 1, 0], matrix[:, 1, 1] = -sin * mirror, cos
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, :, 2] = centre + move - matrix[:, :, :2] @ centre
    out = np.empty((count, size, size), np.float32)
    for index in range(count):
        warped = cv2.warpAffine(
            faces[index],
            matrix[index],
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        out[index] = warped if size == width else fitted(np.asarray(warped, np.uint8), size)
    return out


SMALLEST: Final = 14  # pixels that a face is shrunk to by `worsen`, at least
BLUR: Final = (0.5, 2.0)  # pixels: the standard deviations of its blur
LIGHT: Final = (0.25, 2.2)  # its bounds of the light
GAMMA: Final = (0.6, 1.7)  # its bounds of the exponent
JPEG_QUALITY: Final = (10, 60)  # its bounds


def worsen(batch: Batch, how: Augmentation, rng: np.random.Generator) -> None:
    """Make some faces small, blurred, badly lit or compressed, in place; a face may get several.

    In the order in which it happens to a picture: light, lens, distance, compression.
    """
    size = batch.shape[1]
    for index, hit in enumerate(rng.random((len(batch), 5)) < how.worsen):
        if not hit.any():
            continue
        face = batch[index]
        lit, curved, blurred, small, packed = hit
        if lit:
            face = np.clip(face * np.exp(rng.uniform(*np.log(LIGHT))), 0, 255)
        if curved:
            face = 255 * (face / 255) ** np.exp(rng.uniform(*np.log(GAMMA)))
        grey: Any = np.round(face).astype(np.uint8)
        if blurred:
            grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(*BLUR) * size / SIZE)
        if small:
            side = int(rng.integers(min(SMALLEST, size - 1), size))
            shrunk = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
            grey = fitted(np.asarray(shrunk, np.uint8), size)
        if packed:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*JPEG_QUALITY))]
            grey = cv2.imdecode(cv2.imencode(".jpg", grey, quality)[1], cv2.IMREAD_GRAYSCALE)
        batch[index] = grey


def light(batch: Batch, how: Augmentation, rng: np.random.Generator) -> Batch:
    """Return the faces with another contrast about their own mean, and another brightness."""
    shape = (len(batch), 1, 1)
    mean = batch.mean(axis=(1, 2), keepdims=True)
    gain = 1 + rng.uniform(-how.contrast, how.contrast, shape).astype(np.float32)
    lift = rng.uniform(-how.brightness, how.brightness, shape).astype(np.float32)
    changed: Batch = np.clip((batch - mean) * gain + mean + lift, 0, 255)
    return changed


def erase(batch: Batch, how: Augmentation, rng: np.random.Generator) -> None:
    """Cover a rectangle of some faces with one grey level, in place."""
    size = batch.shape[1]
    for index in np.flatnonzero(rng.random(len(batch)) < how.erase):
        area = rng.uniform(0.02, how.erase_area) * size * size
        ratio = np.exp(rng.uniform(-1.0, 1.0))
        height = int(min(size - 1, max(1, np.sqrt(area * ratio))))
        width = int(min(size - 1, max(1, np.sqrt(area / ratio))))
        top, left = rng.integers(0, size - height), rng.integers(0, size - width)
        batch[index, top : top + height, left : left + width] = rng.uniform(0, 255)


def augment(faces: Faces, how: Augmentation, size: int, rng: np.random.Generator) -> Batch:
    """Return a batch for the network: (n, size, size, 1), grey levels 0 to 255."""
    batch = geometry(faces, how, size, rng)
    if how.worsen:
        worsen(batch, how, rng)
    if how.contrast or how.brightness:
        batch = light(batch, how, rng)
    if how.erase:
        erase(batch, how, rng)
    return batch[..., None]


def mixup_pairs(
    count: int, strength: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return the index of the face that each one is blended with, and the share it keeps."""
    keep = rng.beta(strength, strength, count).astype(np.float32)
    return rng.permutation(count), np.maximum(keep, 1 - keep)
