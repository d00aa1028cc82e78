"""Training, the same on every Keras backend: a run folder out, resumable after any kill."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from fer.errors import DataError, ModelError, UsageError
from fer.training.data import dataset as datasets
from fer.training.data.batches import Batches
from fer.training.data.dataset import Dataset, sized, true_answers, truth_of
from fer.training.data.load import load, tell_skipped
from fer.training.learner import Learner
from fer.training.recipe import Recipe, heads_of
from fer.training.reports.curves import curves
from fer.training.run_folder import Row, Run, State
from fer.training.schedule import Pace, falls, is_over, rate_at, size_at, stage_at
from fer.vision.classifier import batch_for, inputs, softmax


class Trainer:
    """One run, from its first epoch or from where it was left."""

    def __init__(
        self,
        recipe: Recipe,
        folder: str | Path,
        out: str | Path,
        *,
        minutes: float | None = None,
        resume: bool = False,
        clean: Path | None = None,
        fold: tuple[int, int] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.recipe, self.run, self.say = recipe, Run(out), say
        keras.utils.set_random_seed(recipe.seed)
        training, held, self.validation = faces_for(recipe, Path(folder), clean, fold, say)
        state = self.run.load_state()
        if state is not None and not resume:
            raise UsageError(
                f"{self.run.folder} holds a run of {state.epoch} epochs: go on with --resume, "
                "or choose another folder"
            )
        self.learner = Learner(recipe, pretrained=state is None)
        if recipe.balance:
            self.batches = Batches(recipe, datasets.balanced(training, recipe.balance, recipe.seed))
        else:
            self.batches = Batches(recipe, training)
        self.rows: list[Row] = []
        self.epoch, spent = 0, 0.0
        if state is not None:
            self.restore(state)
            spent = state.seconds
            say(f"going on after epoch {state.epoch}")
        self.pace = Pace(recipe.epochs, self.batches.steps, minutes, spent)
        self.kept = spent  # seconds, as the saved state has them
        self.run.write_config(
            {
                "recipe": asdict(recipe),
                "minutes": minutes,
                "clean": None if clean is None else str(clean),
                "fold": fold,
                "faces": {"trained_on": len(training), "held_out": len(held)},
                "parameters": self.learner.plain.count_params(),
                "python": platform.python_version(),
                "keras": f"{keras.__version__} on {keras.backend.backend()}",
                "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            }
        )

    def restore(self, state: State) -> None:
        """Go on from a finished epoch; the log of an epoch that was cut off is dropped."""
        try:
            self.learner.restore(state, state.epoch * self.batches.steps)
        except ModelError as fault:
            raise ModelError(f"{self.run.state_file}: {fault}") from fault
        self.epoch = state.epoch
        self.rows = self.run.log()[: state.epoch]

    def train(self) -> Path:
        """Train to the end; returns the run folder."""
        while not is_over(self.recipe, self.epoch, self.column("val_loss"), self.pace):
            self.one_epoch()
        most = 60 * (self.pace.minutes or 0)
        ran_out = self.kept < most <= self.pace.seconds  # while the last epoch was saved
        if self.rows and (ran_out or self.rows[-1]["val_loss"] is None):
            self.close()
        self.say(f"finished {self.epoch} epochs in {self.pace.seconds / 60:.1f} minutes")
        return self.run.folder

    def close(self) -> None:
        """The last epoch is looked at and saved as the last, or the run would seem unfinished."""
        row = self.rows[-1]
        if row["val_loss"] is None:
            row |= look(self.learner.averaged(), self.recipe, self.validation)
            self.say(self.line(row))
        self.save(row)

    def column(self, name: str) -> list[float]:
        """A column of the log, without the epochs that have no such figure."""
        return [value for row in self.rows if (value := row.get(name)) is not None]

    def one_epoch(self) -> None:
        """One pass over the faces, its look at PublicTest, and everything saved."""
        begun, recipe = time.monotonic(), self.recipe
        start = self.pace.fraction(self.epoch, 0)
        stage = max(stage_at(recipe, start), self.learner.stage)  # a stage lasts whole epochs
        if stage > self.learner.stage:
            self.learner.begin(stage)
        self.learner.reseed(self.epoch)
        size, factor = size_at(recipe, start), falls(recipe, self.column("val_loss"))
        sums: Counter[str] = Counter()  # Keras gives a step's figures; the log holds their mean
        rate = shown = 0.0
        steps = 0
        for step, batch in enumerate(self.batches.epoch(self.epoch, size)):
            done = self.pace.fraction(self.epoch, step)
            if done >= 1 and step:
                break
            steps = step + 1
            fade = 1 + recipe.fade * (self.epoch * self.batches.steps + step)
            rate = rate_at(recipe, done) * factor / fade
            logs = self.learner.step(batch, rate)
            sums.update(logs)
            if not math.isfinite(logs["loss"]):
                raise ModelError(f"the loss is no number in epoch {self.epoch + 1}: lower the rate")
            if sys.stderr.isatty() and time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.progress(step + 1, size, logs["loss"])
        self.epoch += 1
        row: Row = {"epoch": self.epoch, "size": size, "rate": rate}
        row |= {name: total / steps for name, total in sums.items()}
        looks = self.epoch % recipe.validate_every == 0 or start >= 0.9
        looks |= self.pace.fraction(self.epoch, 0) >= 1  # the last epoch, however early it began
        network = self.learner.averaged()
        row |= look(network, recipe, self.validation) if looks else unseen(recipe)
        row["seconds"] = round(time.monotonic() - begun, 1)
        self.rows.append(row)
        self.save(row)
        self.say(self.line(row))

    def save(self, row: Row) -> None:
        """Everything of a finished epoch; the state comes last, so it names nothing missing."""
        network = self.learner.plain
        self.run.save_epoch(self.epoch, self.learner.average.values)
        self.run.save_model("last", network.save)
        if row["val_loss"] is not None and self.score(row) >= max(map(self.score, self.rows)):
            self.run.save_model("best", network.save)
        self.run.write_log(self.rows)
        self.run.write_text("curves.svg", curves(self.rows))
        self.kept = self.pace.seconds
        self.run.save_state(self.learner.state(self.epoch, self.kept))

    def score(self, row: Row) -> float:
        """What the best epoch has most of: accuracy on PublicTest, averaged over the heads."""
        found = [row.get(f"val_{head}_accuracy") for head in heads_of(self.recipe)]
        return sum(value or 0.0 for value in found) / len(found)

    def progress(self, step: int, size: int, loss: float) -> None:
        left = self.pace.left(self.epoch, step) / 60
        print(
            f"\repoch {self.epoch + 1}, step {step} of {self.batches.steps} at {size} px, "
            f"loss {loss:.3f}, {left:.0f} min left ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def line(self, row: Row) -> str:
        """A finished epoch in one line."""
        seen = ", ".join(
            f"{name.removeprefix('val_').replace('_', ' ')} {value:.3f}"
            for name in unseen(self.recipe)
            if (value := row[name]) is not None
        )
        left = self.pace.left(self.epoch, 0) / 60
        return (
            f"epoch {self.epoch}: loss {row['loss']:.3f}; PublicTest: {seen or 'not looked at'}; "
            f"{row['seconds']:.0f} s, {left:.0f} min left"
        )


def faces_for(
    recipe: Recipe,
    folder: Path,
    clean: Path | None,
    fold: tuple[int, int] | None,
    say: Callable[[str], None],
) -> tuple[Dataset, Dataset, Dataset]:
    """The faces to learn from, those kept aside for calibration, and PublicTest."""
    training = load(folder, "training", clean=clean)
    validation = load(folder, "public_test", clean=clean)
    for data in (training, validation):
        tell_skipped(data, say)
    if fold is not None:
        training, _ = datasets.fold(training, *fold)
    training, held = datasets.hold_out(training, recipe.hold_out)
    if not len(training) or not len(validation):
        raise DataError(f"{folder}: training needs faces in both training and public_test")
    return training, held, validation


def unseen(recipe: Recipe) -> Row:
    """The log's columns that come from PublicTest, empty: an epoch that did not look."""
    heads = heads_of(recipe)
    names = ["val_loss", *(f"val_{h}_loss" for h in heads), *(f"val_{h}_accuracy" for h in heads)]
    return dict.fromkeys(names)


def look(model: keras.Model, recipe: Recipe, data: Dataset) -> Row:
    """Loss and accuracy, each head against its own truth: the labels, or the crowd's majority."""
    size = recipe.sizes[-1][1]
    batch = batch_for(size)
    parts = []
    for at in range(0, len(data), batch):
        crops = sized(data.faces[at : at + batch], size)
        faces = inputs(crops, size, recipe.channels).astype(np.float32)
        parts.append(model.predict_on_batch(faces))
    row = unseen(recipe)
    total = 0.0
    for head in heads_of(recipe):
        truth = true_answers(truth_of(head, recipe.targets), data)
        known = np.flatnonzero(truth >= 0)
        said = softmax(np.concatenate([part[head] for part in parts]))[known]
        truth = truth[known]
        loss = float(-np.log(said[np.arange(len(truth)), truth] + 1e-12).mean())
        row[f"val_{head}_loss"] = loss
        row[f"val_{head}_accuracy"] = float((said.argmax(axis=1) == truth).mean())
        total += loss
    row["val_loss"] = total
    return row
