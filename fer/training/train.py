"""Training, the same on every Keras backend: a run folder out, resumable after any kill."""

from __future__ import annotations

import inspect
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
from fer.training import data as datasets
from fer.training import networks
from fer.training.batches import Batches
from fer.training.curves import curves
from fer.training.readers import load, tell_skipped
from fer.training.recipes import Recipe, heads_of
from fer.training.runs import Row, Run, State
from fer.training.schedule import Pace, falls, rate_at, size_at, stands_still
from fer.training.validation import look, unseen
from fer.training.weights import Average, make_optimizer


def build(recipe: Recipe, *, fast: bool = False) -> keras.Model:
    """The recipe's network; `fast` asks for the form that trains quicker on torch."""
    make = getattr(networks, recipe.network)
    form = {"fast": True} if fast and "fast" in inspect.signature(make).parameters else {}
    model: keras.Model = make(**recipe.options, heads=heads_of(recipe), **form)
    return model


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
        training = load(folder, "training", clean=clean)
        self.validation = load(folder, "public_test", clean=clean)
        for data in (training, self.validation):
            tell_skipped(data, say)
        if fold is not None:
            training, _ = datasets.fold(training, *fold)
        training, held = datasets.hold_out(training, recipe.hold_out)
        if not len(training) or not len(self.validation):
            raise DataError(f"{folder}: training needs faces in both training and public_test")

        self.model = build(recipe, fast=keras.backend.backend() == "torch")
        self.plain = build(recipe)  # the same weights, in the form that is saved and validated
        self.optimizer = make_optimizer(recipe)
        heads = heads_of(recipe)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        self.model.compile(
            self.optimizer,
            loss=dict.fromkeys(heads, loss),
            weighted_metrics={head: ["categorical_accuracy"] for head in heads},
            jit_compile=False,  # measured on a CPU: XLA and torch.compile cost more than they bring
        )
        self.optimizer.build(self.model.trainable_variables)
        self.batches = Batches(recipe, training)
        self.average = Average(self.model, recipe.ema)
        self.rows: list[Row] = []
        self.epoch, spent = 0, 0.0

        state = self.run.load_state()
        if state is not None and not resume:
            raise UsageError(
                f"{self.run.folder} holds a run of {state.epoch} epochs: go on with --resume, "
                "or choose another folder"
            )
        if state is not None:
            self.restore(state)
            spent = state.seconds
            say(f"going on after epoch {state.epoch}")
        self.pace = Pace(recipe.epochs, self.batches.steps, minutes, spent)
        self.run.write_config(
            {
                "recipe": asdict(recipe),
                "minutes": minutes,
                "clean": None if clean is None else str(clean),
                "fold": fold,
                "faces": {"trained_on": len(training), "held_out": len(held)},
                "parameters": self.plain.count_params(),
                "python": platform.python_version(),
                "keras": f"{keras.__version__} on {keras.backend.backend()}",
                "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            }
        )

    def restore(self, state: State) -> None:
        """Go on from a finished epoch; the log of an epoch that was cut off is dropped."""
        if len(state.optimizer) != len(self.optimizer.variables):
            raise ModelError(f"{self.run.state_file}: made by another recipe")
        self.model.set_weights(state.weights)
        for variable, value in zip(self.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
        self.average.values = [np.array(value) for value in state.average]
        self.average.count = state.epoch * self.batches.steps
        self.epoch = state.epoch
        self.rows = self.run.log()[: state.epoch]

    def train(self) -> Path:
        """Train to the end; returns the run folder."""
        while not self.finished():
            self.one_epoch()
        self.say(f"finished {self.epoch} epochs in {self.pace.seconds / 60:.1f} minutes")
        return self.run.folder

    def finished(self) -> bool:
        """Whether the epochs or the minutes are used up, or it stands still for too long."""
        if self.pace.minutes is None and self.epoch >= self.recipe.epochs:
            return True
        stopped = stands_still(self.recipe, self.column("val_loss"))
        return stopped or self.pace.fraction(self.epoch, 0) >= 1

    def column(self, name: str) -> list[float]:
        """A column of the log, without the epochs that have no such figure."""
        return [value for row in self.rows if (value := row.get(name)) is not None]

    def one_epoch(self) -> None:
        """One pass over the faces, its look at PublicTest, and everything saved."""
        begun, recipe = time.monotonic(), self.recipe
        start = self.pace.fraction(self.epoch, 0)
        size, factor = size_at(recipe, start), falls(recipe, self.column("val_loss"))
        sums: Counter[str] = Counter()  # Keras gives a step's figures; the log holds their mean
        rate = shown = 0.0
        steps = 0
        for step, (faces, goals, counts) in enumerate(self.batches.epoch(self.epoch, size)):
            done = self.pace.fraction(self.epoch, step)
            if done >= 1 and step:
                break
            steps = step + 1
            rate = rate_at(recipe, done) * factor
            self.optimizer.learning_rate = rate
            logs = self.model.train_on_batch(faces, goals, sample_weight=counts, return_dict=True)
            self.average.update()
            sums.update({name: float(value) for name, value in logs.items()})
            if not math.isfinite(logs["loss"]):
                raise ModelError(f"the loss is no number in epoch {self.epoch + 1}: lower the rate")
            if sys.stderr.isatty() and time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.progress(step + 1, size, logs["loss"])
        self.epoch += 1
        row: Row = {"epoch": self.epoch, "size": size, "rate": rate}
        row |= {name: total / steps for name, total in sums.items()}
        looks = self.epoch % recipe.validate_every == 0 or start >= 0.9
        self.plain.set_weights(self.average.values)
        row |= look(self.plain, recipe, self.validation) if looks else unseen(recipe)
        row["seconds"] = round(time.monotonic() - begun, 1)
        self.rows.append(row)
        self.save(row)
        self.say(self.line(row))

    def save(self, row: Row) -> None:
        """Everything of a finished epoch; the state comes last, so it names nothing missing."""
        self.run.save_epoch(self.epoch, self.average.values)
        self.run.save_model("last", self.plain.save)
        if row["val_loss"] is not None and self.score(row) >= max(map(self.score, self.rows)):
            self.run.save_model("best", self.plain.save)
        self.run.write_log(self.rows)
        self.run.write_text("curves.svg", curves(self.rows))
        self.run.save_state(
            State(
                self.epoch,
                self.pace.seconds,
                self.model.get_weights(),
                [keras.ops.convert_to_numpy(v) for v in self.optimizer.variables],
                self.average.values,
            )
        )

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
