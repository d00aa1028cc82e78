"""Put several splits together, to compare faces across them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.faces import Floats
from fer.training.data.dataset import FERPLUS, Dataset, fold, sized_batches
from fer.training.run_folder import Run

Ints = npt.NDArray[np.int64]
Predict = Callable[[Path, npt.NDArray[np.uint8]], Floats]  # (run, faces) -> (n, 7) shares

TRAINED_ON: Final = "training"


@dataclass(frozen=True)
class Pool:
    """The faces of several splits in one sequence; an index into it names a face."""

    parts: tuple[Dataset, ...]
    faces: npt.NDArray[np.uint8]
    labels: Ints
    votes: Ints  # (n, 10); all 0 for a face without votes
    split: npt.NDArray[np.str_]  # the name of each face's split
    rows: Ints  # each face's place within its split

    @classmethod
    def of(cls, parts: Sequence[Dataset]) -> Pool:
        """Return a pool of the splits, one after the other."""
        none = [np.zeros((len(part), len(FERPLUS)), np.int64) for part in parts]
        votes = [none[at] if part.votes is None else part.votes for at, part in enumerate(parts)]
        return cls(
            tuple(parts),
            np.concatenate([part.faces for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate(votes),
            np.repeat([part.split for part in parts], [len(part) for part in parts]),
            np.concatenate([part.places for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digests(self) -> list[bytes]:
        """A digest of each face's pixels."""
        return [digest for part in self.parts for digest in part.digests]

    @property
    def trained_on(self) -> npt.NDArray[np.bool_]:
        """A mask of the faces that networks learn from."""
        return np.asarray(self.split == TRAINED_ON)

    def name(self, at: int | np.integer) -> str:
        """Return a face's name: its split and row."""
        return f"{self.split[at]} {self.rows[at]}"

    def names(self, which: Iterable[int | np.integer]) -> str:
        """Return the names of several faces."""
        return ", ".join(self.name(at) for at in which)

    def emotion(self, at: int | np.integer) -> str:
        """Return the name of the face's label."""
        return EMOTIONS[self.labels[at]]


def predict_with_keras(run: Path, faces: npt.NDArray[np.uint8]) -> Floats:
    """Return the shares that a run's network gives, by the head trained on the original labels."""
    from fer.vision.classifier import KerasClassifier

    network = KerasClassifier(run)
    readings = [network.read(part) for part in sized_batches(faces, network.size)]
    return np.concatenate([one.heads.get("fer2013", one.probabilities) for one in readings])


def out_of_fold(
    data: Dataset, runs: Sequence[Path], predict: Predict, log: Callable[[str], None]
) -> Floats:
    """Return each face's mean share over the networks not trained on it; NaN if all were."""
    total = np.zeros((len(data), len(EMOTIONS)), np.float32)
    count = np.zeros((len(data), 1), np.float32)
    order = np.arange(len(data))
    place = {int(row): at for at, row in enumerate(data.places)}
    for run in runs:
        left_out = Run(run).config().get("fold")
        if not left_out:
            raise ModelError(f"{run}: this run left no fold out: train it with --fold K/N")
        _, part = fold(data, *left_out)
        if not len(part):
            continue
        log(f"predicting with {run.name} the {len(part):,} faces it was not trained on")
        which = order[[place[int(row)] for row in part.places]]
        total[which] += predict(run, part.faces)
        count[which] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
