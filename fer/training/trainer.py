"""Train a network on any Keras backend into a run folder, from which a killed run can go on."""

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
from fer.faces import Floats
from fer.training.data import dataset as datasets
from fer.training.data.batches import Batches
from fer.training.data.dataset import Dataset, sized, true_answers, truth_of
from fer.training.data.load import load, log_skipped
from fer.training.evaluate import read_faces
from fer.training.learner import Learner, device_name
from fer.training.recipe import Recipe, heads_of
from fer.training.reports.curves import curves
from fer.training.run_folder import LogRow, Run, RunOptions, RunState
from fer.training.schedule import Pace, is_over, plateau_factor, rate_at, size_at, stage_at
from fer.vision.classifier import (
    KerasClassifier,
    batch_for,
    inputs,
    load_classifier,
    softmax,
)

MOST_WORKERS = 8  # processes that augment for a GPU; more than eight are never waited for


class Trainer:
    """One run, from its first epoch or from the last one that was saved."""

    def __init__(
        self,
        recipe: Recipe,
        folder: str | Path,
        out: str | Path,
        options: RunOptions | None = None,
        *,
        resume: bool = False,
        log: Callable[[str], None] = print,
    ) -> None:
        self.recipe, self.run, self.log = recipe, Run(out), log
        self.options = options = options or RunOptions()
        keras.utils.set_random_seed(recipe.seed)
        training, held, self.validation = faces_for(recipe, Path(folder), options, log)
        state = self.run.load_state()
        if state is not None and not resume:
            raise UsageError(
                f"{self.run.folder} holds a run of {state.epoch} epochs: go on with --resume, "
                "or choose another folder"
            )
        self.learner = Learner(recipe, pretrained=state is None, precision=options.precision)
        trained_on = len(training)
        if recipe.balance:
            training = datasets.balanced(training, recipe.balance, recipe.seed)
        device = device_name()
        workers = 0 if device == "CPU" else min(MOST_WORKERS, (os.cpu_count() or 2) - 1)
        answers = self.begin_from(options.start, training, fresh=state is None)
        self.batches = Batches(recipe, training, workers, answers)
        self.rows: list[LogRow] = []
        self.epoch, spent = 0, 0.0
        if state is not None:
            self.restore(state)
            spent = state.seconds
            log(f"going on after epoch {state.epoch}")
        self.pace = Pace(recipe.epochs, self.batches.steps, options.minutes, spent)
        self.saved_epoch, self.saved_seconds = self.epoch, spent
        self.run.write_config(
            {
                "recipe": asdict(recipe),
                **options.as_config(),
                "faces": {"trained_on": trained_on, "held_out": len(held)},
                "parameters": self.learner.plain.count_params(),
                "python": platform.python_version(),
                "keras": f"{keras.__version__} on {keras.backend.backend()}",
                "machine": f"{platform.machine()}, {os.cpu_count()} processors, {device}",
            }
        )

    def begin_from(
        self, start: Path | None, training: Dataset, *, fresh: bool
    ) -> dict[str, Floats] | None:
        """Take the weights of the network in `start`; return its answers if it also teaches."""
        if start is None:
            if self.recipe.teach:
                raise UsageError(f"recipe {self.recipe.name} learns from a network: give --start")
            return None
        if fresh:
            self.learner.start_from(KerasClassifier(start).model)
        if not self.recipe.teach:
            return None
        self.log(f"asking {start} about {len(training):,} faces")
        network = load_classifier(start)  # the runtime form is some ten times quicker
        mirrored = np.ascontiguousarray(training.faces[:, :, ::-1])
        views = [read_faces(network, faces, log=self.log) for faces in (training.faces, mirrored)]
        return {
            head: np.mean([view[head] for view in views], axis=0, dtype=np.float32)
            for head in self.recipe.teach
        }

    def restore(self, state: RunState) -> None:
        """Go on from a saved epoch; drop the log of the epochs after it."""
        try:
            self.learner.restore(state, state.epoch * self.batches.steps)
        except ModelError as fault:
            raise ModelError(f"{self.run.state_file}: {fault}") from fault
        self.epoch = state.epoch
        self.rows = self.run.log()[: state.epoch]

    def train(self) -> Path:
        """Train to the end; return the run folder."""
        while not is_over(self.recipe, self.epoch, self.column("val_loss"), self.pace):
            self.one_epoch()
        end = 60 * (self.pace.minutes or 0)
        ran_out = self.saved_seconds < end <= self.pace.seconds  # while the last epoch was saved
        unsaved = self.saved_epoch < self.epoch
        if self.rows and (ran_out or unsaved or self.rows[-1]["val_loss"] is None):
            self.close()
        self.batches.close()
        self.log(f"finished {self.epoch} epochs in {self.pace.seconds / 60:.1f} minutes")
        return self.run.folder

    def close(self) -> None:
        """Validate and save the last epoch as such; else the run would count as unfinished."""
        row = self.rows[-1]
        if row["val_loss"] is None:
            row |= validate(self.learner.averaged(), self.recipe, self.validation)
            self.log(self.line(row))
        self.save(row)

    def column(self, name: str) -> list[float]:
        """Return a column of the log, without the epochs that have no such figure."""
        return [value for row in self.rows if (value := row.get(name)) is not None]

    def one_epoch(self) -> None:
        """Train on all faces once, validate and save."""
        begun, recipe = time.monotonic(), self.recipe
        start = self.pace.fraction(self.epoch, 0)
        stage = max(stage_at(recipe, start), self.learner.stage)  # a stage lasts whole epochs
        if stage > self.learner.stage:
            self.learner.begin(stage)
        self.learner.reseed(self.epoch)
        row = self.learn(size_at(recipe, start))
        self.epoch += 1
        due = self.epoch % recipe.validate_every == 0 or start >= 0.9
        due |= self.pace.fraction(self.epoch, 0) >= 1  # the last epoch, however early it began
        network = self.learner.averaged()
        row |= validate(network, recipe, self.validation) if due else not_validated(recipe)
        row["seconds"] = round(time.monotonic() - begun, 1)
        self.rows.append(row)
        if self.pace.seconds - self.saved_seconds >= 60 * self.options.save_every:
            self.save(row)
        elif self.is_best(row):
            self.run.save_model("best", network.save)
        self.log(self.line(row))

    def learn(self, size: int) -> LogRow:
        """Take the epoch's steps; return its line of the log, without validation."""
        factor = plateau_factor(self.recipe, self.column("val_loss"))
        sums: Counter[str] = Counter()  # Keras gives a step's figures; the log holds their mean
        rate = shown = 0.0
        steps = 0
        for step, batch in enumerate(self.batches.epoch(self.epoch, size)):
            done = self.pace.fraction(self.epoch, step)
            if done >= 1 and step:
                break
            steps = step + 1
            fade = 1 + self.recipe.fade * (self.epoch * self.batches.steps + step)
            rate = rate_at(self.recipe, done) * factor / fade
            logs = self.learner.step(batch, rate)
            sums.update(logs)
            if not math.isfinite(logs["loss"]):
                raise ModelError(
                    f"the loss is not a number in epoch {self.epoch + 1}: choose a lower rate"
                )
            if sys.stderr.isatty() and time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.progress(steps, size, logs["loss"])
        row: LogRow = {"epoch": self.epoch + 1, "size": size, "rate": rate}
        return row | {name: total / steps for name, total in sums.items()}

    def save(self, row: LogRow) -> None:
        """Save a finished epoch; the state comes last, so it names nothing that is missing."""
        network = self.learner.averaged()
        self.run.save_epoch(self.epoch, self.learner.average.values)
        self.run.save_model("last", network.save)
        if self.is_best(row):
            self.run.save_model("best", network.save)
        self.run.write_log(self.rows)
        self.run.write_text("curves.svg", curves(self.rows))
        self.saved_epoch, self.saved_seconds = self.epoch, self.pace.seconds
        self.run.save_state(self.learner.state(self.epoch, self.saved_seconds))

    def is_best(self, row: LogRow) -> bool:
        """Return True if the epoch was validated, and no other one is better."""
        return row["val_loss"] is not None and self.score(row) >= max(map(self.score, self.rows))

    def score(self, row: LogRow) -> float:
        """Return the accuracy on PublicTest, averaged over the heads."""
        found = [row.get(f"val_{head}_accuracy") for head in heads_of(self.recipe)]
        return sum(value or 0.0 for value in found) / len(found)

    def progress(self, step: int, size: int, loss: float) -> None:
        """Redraw the line of progress on the terminal."""
        left = self.pace.left(self.epoch, step) / 60
        print(
            f"\repoch {self.epoch + 1}, step {step} of {self.batches.steps} at {size} px, "
            f"loss {loss:.3f}, {left:.0f} min left ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def line(self, row: LogRow) -> str:
        """Return a finished epoch in one line."""
        found = ", ".join(
            f"{name.removeprefix('val_').replace('_', ' ')} {value:.3f}"
            for name in not_validated(self.recipe)
            if (value := row[name]) is not None
        )
        left = self.pace.left(self.epoch, 0) / 60
        return (
            f"epoch {self.epoch}: loss {row['loss']:.3f}; PublicTest: {found or 'not read'}; "
            f"{row['seconds']:.0f} s, {left:.0f} min left"
        )


def faces_for(
    recipe: Recipe, folder: Path, options: RunOptions, log: Callable[[str], None]
) -> tuple[Dataset, Dataset, Dataset]:
    """Return the faces to learn from, those held out for calibration, and PublicTest."""
    training = load(folder, "training", clean=options.clean)
    validation = load(folder, "public_test", clean=options.clean)
    for data in (training, validation):
        log_skipped(data, log)
    if options.fold is not None:
        training, _ = datasets.fold(training, *options.fold)
    training, held = datasets.hold_out(training, recipe.hold_out)
    if not len(training) or not len(validation):
        raise DataError(f"{folder}: training needs faces in both training and public_test")
    return training, held, validation


def not_validated(recipe: Recipe) -> LogRow:
    """Return the log's validation columns, empty."""
    heads = heads_of(recipe)
    names = ["val_loss", *(f"val_{h}_loss" for h in heads), *(f"val_{h}_accuracy" for h in heads)]
    return dict.fromkeys(names)


def validate(model: keras.Model, recipe: Recipe, data: Dataset) -> LogRow:
    """Return loss and accuracy, each head against its own truth: the labels, or FER+'s majority."""
    size = recipe.sizes[-1][1]
    batch = batch_for(size)
    parts = []
    for at in range(0, len(data), batch):
        crops = sized(data.faces[at : at + batch], size)
        faces = inputs(crops, size, recipe.channels).astype(np.float32)
        parts.append(model.predict_on_batch(faces))
    row = not_validated(recipe)
    total = 0.0
    for head in heads_of(recipe):
        truth = true_answers(truth_of(head, recipe.targets), data)
        known = np.flatnonzero(truth >= 0)
        answers = softmax(np.concatenate([part[head] for part in parts]))[known]
        truth = truth[known]
        loss = float(-np.log(answers[np.arange(len(truth)), truth] + 1e-12).mean())
        row[f"val_{head}_loss"] = loss
        row[f"val_{head}_accuracy"] = float((answers.argmax(axis=1) == truth).mean())
        total += loss
    row["val_loss"] = total
    return row
