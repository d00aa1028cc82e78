"""Faces as folders of class-named pictures: train/angry/1.jpg, test/happy/2.png, and so on.

Any picture OpenCV reads will do: it is turned grey and brought to 48 x 48. Where no folder is set
aside for validation, a tenth of the training pictures plays public_test, so that the pictures in
test/ are left for the final figure. The tenth is drawn by the pictures' own pixels: copies stay on
one side, and every run draws alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data.dataset import SPLITS, Dataset, draws
from fer.training.data.fer2013_csv import SIDE, quiet_opencv
from fer.vision.crop import fitted

FOLDERS: Final = {
    "training": ("train", "training"),
    "public_test": ("validation", "valid", "val", "public_test", "publictest"),
    "private_test": ("private_test", "privatetest"),
    "test": ("test",),
}
CLASSES: Final = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful",),
    "happy": ("happiness",),
    "sad": ("sadness",),
    "surprise": ("surprised",),
    "neutral": (),
}
PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm"})
VALIDATION_SHARE: Final = 0.1


def label_named(name: str) -> int | None:
    """The label a class folder's name means: an emotion, or its number."""
    word = name.strip().lower()
    for label, emotion in enumerate(EMOTIONS):
        if word in (emotion, str(label), *CLASSES[emotion]):
            return label
    return None


def split_folders(folder: Path) -> dict[str, Path]:
    """The splits that have a folder of their own."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        for split, names in FOLDERS.items():
            if path.is_dir() and path.name.lower() in names:
                if split in found:
                    raise DataError(f"{path}: {found[split].name} beside it is {split} already")
                found[split] = path
    return found


def splits_in_folders(folder: Path) -> tuple[str, ...]:
    """The splits that can be read; public_test also where it is drawn from training."""
    found = split_folders(folder)
    return tuple(s for s in SPLITS if s in found or (s == "public_test" and "training" in found))


def read_folders(folder: Path, split: str) -> Dataset:
    """One split; training and public_test share the training folder where that is all there is."""
    found = split_folders(folder)
    if split in ("training", "public_test") and "training" in found and "public_test" not in found:
        everything = read_pictures(found["training"], split)
        held = draws(everything, 8) < VALIDATION_SHARE
        picked = everything.take(held if split == "public_test" else ~held)
        if not len(picked):
            raise DataError(f"{found['training']}: too few pictures to hold some out as {split}")
        return picked
    if split not in found:
        wanted = ", ".join(FOLDERS[split])
        raise DataError(f"{folder}: no folder for the split {split} (looked for {wanted})")
    return read_pictures(found[split], split)


def read_pictures(folder: Path, split: str) -> Dataset:
    """All pictures of a split's class folders, sorted by path; those that cannot be read are named.

    A face's row is its place among all the pictures, readable or not.
    """
    classes: dict[int, list[Path]] = {label: [] for label in range(len(EMOTIONS))}
    found: list[tuple[Path, int]] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__")):
            label = label_named(path.name)
            if label is None:
                wanted = ", ".join(EMOTIONS)
                raise DataError(f"{path}: not the name of a class (one of {wanted}, or 0 to 6)")
            classes[label].append(path)
            found += [(p, label) for p in sorted(path.rglob("*")) if _is_picture(p)]
    labels = np.array([label for _, label in found], np.int64)
    for label, emotion in enumerate(EMOTIONS):
        if not classes[label]:
            raise DataError(f"{folder}: no folder for the class {emotion}")
        if not (labels == label).any():
            raise DataError(f"{classes[label][0]}: no picture of the class {emotion} in it")
    with quiet_opencv():
        read = [read_picture(path) for path, _ in found]
    skipped = tuple(str(p) for (p, _), face in zip(found, read, strict=True) if face is None)
    rows = np.array([at for at, face in enumerate(read) if face is not None], np.int64)
    for label, emotion in enumerate(EMOTIONS):
        if not (labels[rows] == label).any():
            raise DataError(f"{classes[label][0]}: none of its {emotion} pictures can be read")
    faces = np.stack([face for face in read if face is not None])
    return Dataset(split, faces, labels[rows], rows=rows, skipped=skipped)


def read_picture(path: Path) -> npt.NDArray[np.uint8] | None:
    """A picture as a grey 48 x 48 face; None where it cannot be read."""
    try:
        # Decoded from memory, so that names outside the system's code page work everywhere.
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        return None
    # One that isn't square is squeezed: its folder says it is a face, and all of it.
    return None if picture is None else fitted(picture.astype(np.uint8, copy=False), SIDE)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file()
