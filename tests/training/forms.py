"""Write small data sets in each form: tables, votes and folders of pictures."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.training.data.dataset import FERPLUS, FERPLUS_OF_EMOTION, Dataset

USAGES: Final = {"training": "Training", "public_test": "PublicTest", "private_test": "PrivateTest"}


def write_table(
    folder: Path, parts: Sequence[Dataset], name: str = "fer2013.csv", mixed: bool = False
) -> Path:
    """Write fer2013.csv or icml_face_data.csv; `mixed` mixes the rows of the splits."""
    rows = [
        (USAGES[part.split], int(label), " ".join(map(str, face.ravel())), at)
        for part in parts
        for at, (label, face) in enumerate(zip(part.labels, part.faces, strict=True))
    ]
    if mixed:
        rows.sort(key=lambda row: row[3])
    icml = name.startswith("icml")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(
            ["emotion", " Usage", " pixels"] if icml else ["emotion", "pixels", "Usage"]
        )
        for usage, label, pixels, _ in rows:
            writer.writerow([label, usage, pixels] if icml else [label, pixels, usage])
    return folder / name


def write_votes(folder: Path, parts: Sequence[Dataset], mixed: bool = False) -> Path:
    """Write FER+'s fer2013new.csv with its rows in the order of the faces."""
    rows = [
        (USAGES[part.split], [int(vote) for vote in votes], at)
        for part in parts
        if part.votes is not None
        for at, votes in enumerate(part.votes)
    ]
    if mixed:
        rows.sort(key=lambda row: row[2])
    path = folder / "fer2013new.csv"
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["Usage", "Image name", *FERPLUS[:-1], "NF"])
        writer.writerows(
            [usage, f"fer{at:07}.png", *votes] for at, (usage, votes, _) in enumerate(rows)
        )
    return path


def write_pictures(folder: Path, data: Dataset, names: Sequence[str] = EMOTIONS) -> Path:
    """Write a split as folders of pictures, 000.png and so on in each class's folder."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for at, face in enumerate(data.faces[data.labels == label]):
            cv2.imwrite(str(folder / name / f"{at:03}.png"), face)
    return folder


def textures(count: int, split: str = "training", seed: int = 0, votes: bool = True) -> Dataset:
    """Return different smooth random pictures, with labels in turn and all votes for them."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (48, 48, count)), (0, 0), 3).reshape(48, 48, count)
    noise = np.moveaxis(noise, 2, 0)
    labels = np.arange(count) % len(EMOTIONS)
    cast = np.zeros((count, len(FERPLUS)), np.int64)
    cast[np.arange(count), np.array(FERPLUS_OF_EMOTION)[labels]] = 10
    faces = np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)
    return Dataset(split, faces, labels, cast if votes else None)
