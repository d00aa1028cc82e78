"""Make the batches that training learns from: augmented faces, their targets and their weights."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.errors import DataError
from fer.training.data.augment import augment, mixup_pairs
from fer.training.data.dataset import Dataset, one_hot
from fer.training.recipe import Recipe

COMMON: Final = 0.1  # an expression of at least this share is not rare: it gains no weight

Batch = tuple[npt.NDArray[np.float32], dict[str, Any], dict[str, Any]]


def targets(recipe: Recipe, data: Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what each head should answer for each face, and how much the face counts there."""
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


def class_weights(recipe: Recipe, goals: dict[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
    """Return the faces' weights with rare expressions counting more, as the recipe asks.

    A face with divided votes counts by all of them. Each head's mean weight stays what it was, so
    the learning rate means the same.
    """
    weighted = dict(counts)
    for head, power in recipe.class_weight.items():
        found = counts[head] * (goals[head] @ rarity(goals[head], counts[head]) ** power)
        weighted[head] = (found * counts[head].sum() / found.sum()).astype(np.float32)
    return weighted


def rarity(goals: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return how many times rarer each expression is than COMMON, and 1 if it is as common."""
    totals = (goals * counts[:, None]).sum(axis=0, dtype=np.float64)
    shares = totals / totals.sum()
    return np.asarray(COMMON / np.clip(shares, 1e-6, COMMON), np.float64)


def taught(recipe: Recipe, goals: dict[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the targets with a teacher's answers mixed in, as the recipe asks."""
    shares = recipe.teach
    return goals | {h: goals[h] * (1 - s) + answers[h] * s for h, s in shares.items()}


class Batches:
    """Augmented batches of an epoch. The same seed, epoch and step give the same batch.

    A thread makes them ahead, which keeps up with a CPU. For a GPU, `workers` processes do.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Dataset,
        workers: int = 0,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare batches; `answers` are a teacher's, by head, for recipes that have one."""
        self.recipe, self.data, self.workers, self.answers = recipe, data, workers, answers
        self._pool: ProcessPoolExecutor | None = None
        self.targets, counts = targets(recipe, data)
        self.weights = class_weights(recipe, self.targets, counts)
        if answers is not None:
            self.targets = taught(recipe, self.targets, answers)
        self.steps = max(1, len(data) // recipe.batch)

    def epoch(self, epoch: int, size: int) -> Iterator[Batch]:
        """Yield the epoch's batches, which are made ahead while the network trains on the last."""
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.data))
        batch = self.recipe.batch
        parts = [order[step * batch : (step + 1) * batch] for step in range(self.steps)]
        if self.workers:
            return self._by_processes(parts, epoch, size)
        return self._by_thread(parts, epoch, size)

    def close(self) -> None:
        """Stop the processes, if there are any."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _by_processes(
        self, parts: list[npt.NDArray[np.intp]], epoch: int, size: int
    ) -> Iterator[Batch]:
        if self._pool is None:
            # Started afresh: a fork of a process that uses a GPU or threads may hang.
            self._pool = ProcessPoolExecutor(
                self.workers,
                multiprocessing.get_context("spawn"),
                initializer=_begin_worker,
                initargs=(self.recipe, self.data, self.answers),
            )
        ahead: deque[Future[Batch]] = deque()
        for step, which in enumerate(parts):
            ahead.append(self._pool.submit(_make_in_worker, which, epoch, step, size))
            if len(ahead) > 4 * self.workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _by_thread(
        self, parts: list[npt.NDArray[np.intp]], epoch: int, size: int
    ) -> Iterator[Batch]:
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=8)
        done = threading.Event()

        def fill() -> None:
            try:
                for step, which in enumerate(parts):
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
        """Return one batch: faces, each head's targets, and the weights of the faces."""
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


_in_worker: Batches | None = None  # what a worker process makes batches of


def _begin_worker(recipe: Recipe, data: Dataset, answers: Mapping[str, Any] | None = None) -> None:
    global _in_worker
    cv2.setNumThreads(1)  # the processes share the cores already
    _in_worker = Batches(recipe, data, answers=answers)


def _make_in_worker(which: npt.NDArray[np.intp], epoch: int, step: int, size: int) -> Batch:
    assert _in_worker is not None, "_begin_worker runs first in each process"
    return _in_worker.make(which, epoch, step, size)
