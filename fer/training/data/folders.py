"""Read faces from folders named after emotions: train/angry/1.jpg, test/happy/2.png, and so on.

Every picture that OpenCV reads becomes a grey one of 48 x 48. If there is no folder for validation,
a tenth of the training pictures becomes public_test, so that those in test/ are left for the final
figure. The tenth depends on the pictures' pixels: copies stay together, and every run splits alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data.dataset import SPLITS, Dataset, digest_numbers
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
    """Return the label that a folder's name means: an emotion's name or number; None for others."""
    word = name.strip().lower()
    for label, emotion in enumerate(EMOTIONS):
        if word in (emotion, str(label), *CLASSES[emotion]):
            return label
    return None


def split_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each split that has one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        for split, names in FOLDERS.items():
            if path.is_dir() and path.name.lower() in names:
                if split in found:
                    raise DataError(f"{path}: {found[split].name} beside it is {split} already")
                found[split] = path
    return found


def splits_in_folders(folder: Path) -> tuple[str, ...]:
    """Return the splits that can be read, public_test also if it comes from training."""
    found = split_folders(folder)
    return tuple(s for s in SPLITS if s in found or (s == "public_test" and "training" in found))


def read_folders(folder: Path, split: str) -> Dataset:
    """Return one split; training and public_test share a training folder if it is the only one."""
    found = split_folders(folder)
    if split in ("training", "public_test") and "training" in found and "public_test" not in found:
        everything = read_pictures(found["training"], split)
        held = digest_numbers(everything, 8) < VALIDATION_SHARE
        picked = everything.take(held if split == "public_test" else ~held)
        if not len(picked):
            raise DataError(f"{found['training']}: too few pictures to hold some out as {split}")
        return picked
    if split not in found:
        wanted = ", ".join(FOLDERS[split])
        raise DataError(f"{folder}: no folder for the split {split} (looked for {wanted})")
    return read_pictures(found[split], split)


def read_pictures(folder: Path, split: str) -> Dataset:
    """Return all pictures of a split, sorted by path, with the names of the unreadable ones.

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
    """Return a picture as a grey 48 x 48 face; None if it cannot be read."""
    try:
        # Decode from memory: cv2.imread fails on names outside the system's code page.
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        return None
    # A picture that isn't square is squeezed: all of it is the face.
    return None if picture is None else fitted(picture.astype(np.uint8, copy=False), SIDE)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file()
