"""Several splits side by side, for questions that go across them."""

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
Predict = Callable[[Path, npt.NDArray[np.uint8]], Floats]  # a run and faces: probabilities, (n, 7)

TRAINED_ON: Final = "training"


@dataclass(frozen=True)
class Pool:
    """The faces of several splits in one row; a face is named by its place in it."""

    parts: tuple[Dataset, ...]
    faces: npt.NDArray[np.uint8]
    labels: Ints
    votes: Ints  # (n, 10); all 0 where nobody voted
    split: npt.NDArray[np.str_]  # the split's name, a face
    rows: Ints  # the place within the split

    @classmethod
    def of(cls, parts: Sequence[Dataset]) -> Pool:
        """The splits, one after the other."""
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
        """Which faces networks learn from."""
        return np.asarray(self.split == TRAINED_ON)

    def name(self, at: int | np.integer) -> str:
        """A face as people write it: its split and row."""
        return f"{self.split[at]} {self.rows[at]}"

    def names(self, which: Iterable[int | np.integer]) -> str:
        """Several faces."""
        return ", ".join(self.name(at) for at in which)

    def emotion(self, at: int | np.integer) -> str:
        """The face's label, in words."""
        return EMOTIONS[self.labels[at]]


def predict_with_keras(run: Path, faces: npt.NDArray[np.uint8]) -> Floats:
    """What a run's network says of faces, by the head that learned the original labels."""
    from fer.vision.classifier import KerasClassifier

    network = KerasClassifier(run)
    readings = [network.read(part) for part in sized_batches(faces, network.size)]
    return np.concatenate([one.heads.get("fer2013", one.probabilities) for one in readings])


def out_of_fold(
    data: Dataset, runs: Sequence[Path], predict: Predict, say: Callable[[str], None]
) -> Floats:
    """For each face, what the networks say that never saw it; NaN where every one saw it."""
    total = np.zeros((len(data), len(EMOTIONS)), np.float32)
    count = np.zeros((len(data), 1), np.float32)
    order = np.arange(len(data))
    place = {int(row): at for at, row in enumerate(data.places)}
    for run in runs:
        left_out = Run(run).config().get("fold")
        if not left_out:
            raise ModelError(f"{run}: this run left no fold out (train it with --fold K/N)")
        _, part = fold(data, *left_out)
        if not len(part):
            continue
        say(f"asking {run.name} about the {len(part):,} faces it never saw")
        which = order[[place[int(row)] for row in part.places]]
        total[which] += predict(run, part.faces)
        count[which] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
