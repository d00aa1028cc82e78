"""One split of faces: `Dataset`, the true answers for each head, and functions to split it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.vision.classifier import Crops, batch_for
from fer.vision.crop import fitted

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Truth = Literal["fer2013", "ferplus"]

SPLITS: Final = ("training", "public_test", "private_test", "test")
FERPLUS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "not_a_face",
)
# The column of FER+'s ten that belongs to each of the seven emotions.
FERPLUS_OF_EMOTION: Final = tuple(
    FERPLUS.index(name)
    for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
)


@dataclass(frozen=True)
class Dataset:
    """One split: faces with their labels, and the FER+ votes where they are known."""

    split: str
    faces: npt.NDArray[np.uint8]  # (n, size, size), grey
    labels: Ints  # (n,), an index into EMOTIONS
    votes: Ints | None = None  # (n, 10), FER+'s columns
    rows: Ints | None = None  # (n,), each face's place in the split's file; None: 0, 1, 2 …
    skipped: tuple[str, ...] = ()  # pictures that could not be read

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: npt.NDArray[np.bool_] | Ints) -> Dataset:
        """Return the faces that a mask or an index picks, with the rows they had."""
        return replace(
            self,
            faces=self.faces[which],
            labels=self.labels[which],
            votes=None if self.votes is None else self.votes[which],
            rows=self.places[which],
        )

    @property
    def places(self) -> Ints:
        """Each face's place in the file it came from."""
        return np.arange(len(self)) if self.rows is None else self.rows

    @cached_property
    def digests(self) -> list[bytes]:
        """A digest of each face's pixels, which is the same for byte copies."""
        return [hashlib.sha1(face.tobytes()).digest() for face in self.faces]

    @cached_property
    def crowd(self) -> tuple[Floats, Floats]:
        """The votes as shares of the seven emotions, and a weight: 0 where no vote is for any."""
        if self.votes is None:
            return np.zeros((len(self), len(EMOTIONS)), np.float32), np.zeros(len(self), np.float32)
        seven = self.votes[:, FERPLUS_OF_EMOTION].astype(np.float32)
        total = seven.sum(axis=1)
        # Faces without weight: most voters called them no face, or could not name an emotion.
        lost = self.votes[:, FERPLUS.index("unknown") :].sum(axis=1)
        weight = ((total > 0) & (total >= lost)).astype(np.float32)
        return seven / np.maximum(total, 1)[:, None], weight

    @cached_property
    def majority(self) -> Ints:
        """The emotion most voters chose; -1 where a tie, contempt, "unknown" or "no face" leads."""
        if self.votes is None:
            return np.full(len(self), -1)
        best = self.votes.max(axis=1)
        alone = (self.votes == best[:, None]).sum(axis=1) == 1
        seven = self.votes[:, FERPLUS_OF_EMOTION]
        leads = alone & (best > 0) & (seven.max(axis=1) == best)
        return np.where(leads, seven.argmax(axis=1), -1)


def truth_of(head: str, targets: str) -> Truth:
    """Return whose answers a head was trained on; a fusion of both counts as the labels."""
    return "ferplus" if head == "crowd" or (head == "emotion" and targets == "votes") else "fer2013"


def true_answers(truth: Truth, data: Dataset) -> Ints:
    """Return the right answer for each face; -1 where there is none."""
    return data.majority if truth == "ferplus" else data.labels


def one_hot(labels: Ints) -> Floats:
    """Return labels as rows with a single 1."""
    return np.eye(len(EMOTIONS), dtype=np.float32)[labels]


def sized(faces: Crops, size: int) -> Crops:
    """Return the faces at the size the network takes, resized as `fer.vision` resizes crops."""
    if faces.shape[1:] == (size, size):
        return faces
    return np.stack([fitted(face, size) for face in faces])


def sized_batches(faces: Crops, size: int) -> Iterator[Crops]:
    """Yield the sized faces in batches that fit in memory: a whole split would take gigabytes."""
    batch = batch_for(size)
    for at in range(0, len(faces), batch):
        yield sized(faces[at : at + batch], size)


def hold_out(data: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """Split by the faces' own pixels: byte copies stay together, and every run splits alike."""
    held = digest_numbers(data, 0) < share
    return data.take(~held), data.take(held)


def half(data: Dataset) -> tuple[Dataset, Dataset]:
    """Split into two halves, alike in every run; copies stay together."""
    first = digest_numbers(data, 12) < 0.5
    return data.take(first), data.take(~first)


def joined(one: Dataset, other: Dataset) -> Dataset:
    """Return the faces of both, under the first one's name; votes only where both have them."""
    votes = None
    if one.votes is not None and other.votes is not None:
        votes = np.concatenate([one.votes, other.votes])
    return replace(
        one,
        faces=np.concatenate([one.faces, other.faces]),
        labels=np.concatenate([one.labels, other.labels]),
        votes=votes,
        rows=np.concatenate([one.places, other.places]),
    )


def fold(data: Dataset, number: int, of: int) -> tuple[Dataset, Dataset]:
    """Return the faces without fold `number` (from 1), and that fold; copies stay together."""
    inside = (digest_numbers(data, 4) * of).astype(int) == number - 1
    return data.take(~inside), data.take(inside)


def balanced(data: Dataset, most: int, seed: int) -> Dataset:
    """Return as many faces of each emotion: as the commonest has, but at most `most`.

    Faces of a rarer emotion are repeated; of a commoner one, a random part is taken.
    """
    rng = np.random.default_rng((seed, len(data)))
    places = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
    wanted = min(most, max(map(len, places)))
    picked = []
    for some in places:
        whole, rest = divmod(wanted, len(some))
        picked += [some] * whole + [rng.choice(some, rest, replace=False)]
    return data.take(np.sort(np.concatenate(picked)))


def digest_numbers(data: Dataset, at: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each face, made of four bytes of its digest from `at` on.

    Other bytes give independent numbers: hold_out uses 0, fold 4, class-named folders 8, half 12.
    """
    numbers = [int.from_bytes(digest[at : at + 4], "big") for digest in data.digests]
    return np.array(numbers, np.float64) / 2**32
