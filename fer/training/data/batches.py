"""What training is fed: augmented faces, the answers wanted, and how much each counts."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.errors import DataError
from fer.training.data.augment import augment, mixup_pairs
from fer.training.data.dataset import Dataset, one_hot
from fer.training.recipe import Recipe

Batch = tuple[npt.NDArray[np.float32], dict[str, Any], dict[str, Any]]


def targets(recipe: Recipe, data: Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each head should answer for each face, and how much the face counts there."""
    labels, everyone = one_hot(data.labels), np.ones(len(data), np.float32)
    crowd, counted = data.crowd
    if recipe.targets != "labels" and data.votes is None:
        raise DataError(f"recipe {recipe.name} learns from FER+ votes, and this data has none")
    known = counted[:, None]
    if recipe.targets == "votes":
        return {"emotion": crowd}, {"emotion": counted}
    if recipe.targets == "fusion":
        fused = np.where(known > 0, (labels + crowd) / 2, labels)
        return {"emotion": fused}, {"emotion": everyone}
    if recipe.targets == "both":
        soft = recipe.soften * known
        leaning = labels * (1 - soft) + crowd * soft
        return {"crowd": crowd, "fer2013": leaning}, {"crowd": counted, "fer2013": everyone}
    return {"emotion": labels}, {"emotion": everyone}


class Batches:
    """Augmented batches of an epoch. The same seed, epoch and step give the same batch."""

    def __init__(self, recipe: Recipe, data: Dataset) -> None:
        self.recipe, self.data = recipe, data
        self.targets, self.weights = targets(recipe, data)
        self.steps = max(1, len(data) // recipe.batch)

    def epoch(self, epoch: int, size: int) -> Iterator[Batch]:
        """The epoch's batches, made ahead in a thread while the network trains on the last."""
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.data))
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=8)
        done = threading.Event()

        def fill() -> None:
            try:
                for step in range(self.steps):
                    which = order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
                    batch = self.make(which, epoch, step, size)
                    while not done.is_set():
                        try:
                            ready.put(batch, timeout=0.5)
                            break
                        except queue.Full:
                            continue
                    if done.is_set():
                        return
                ready.put(None)
            except BaseException as fault:
                ready.put(fault)

        threading.Thread(target=fill, name="augment", daemon=True).start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            done.set()

    def make(self, which: npt.NDArray[np.intp], epoch: int, step: int, size: int) -> Batch:
        """One batch."""
        rng = np.random.default_rng((self.recipe.seed, epoch, step))
        how = self.recipe.augmentation
        faces = augment(self.data.faces[which], how, size, rng)
        goals = {head: values[which] for head, values in self.targets.items()}
        counts = {head: values[which] for head, values in self.weights.items()}
        if how.mixup:
            other, keep = mixup_pairs(len(which), how.mixup, rng)
            faces = faces * keep[:, None, None, None] + faces[other] * (
                1 - keep[:, None, None, None]
            )
            goals = {
                h: v * keep[:, None] + v[other] * (1 - keep[:, None]) for h, v in goals.items()
            }
            counts = {h: np.minimum(w, w[other]) for h, w in counts.items()}
        if self.recipe.channels > 1:
            faces = np.repeat(faces, self.recipe.channels, axis=-1)
        return faces, goals, counts
