"""Train every recipe for the same time on the same data, and measure all alike.

    python -m fer compare --data DIR --recipes all --minutes 10 --seeds 3

Writes a page and a JSON file. Finished runs are used as they are; an interrupted one goes on. All
are measured on PublicTest in their runtime form; PrivateTest is never read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from fer.errors import DataError, FerError, ModelError, UsageError
from fer.machine import write_text
from fer.training.evaluate import evaluate
from fer.training.export import export
from fer.training.recipe import Recipe, positive, recipe_from, without_weights
from fer.training.recipes import PUBLISHED, RECIPES, recipe_entry, recipe_named
from fer.training.reports.comparison import write_page
from fer.training.run_folder import Run, RunOptions, RunProgress
from fer.training.schedule import Pace, is_over, stops_early
from fer.training.trainer import Trainer
from fer.vision.classifier import EXPORT, Classifier, OnnxClassifier, describe

SPLIT: Final = "public_test"
MEASURED: Final = "compared.json"  # in a run folder: its figures, so that it is measured once
NOT_ALL: Final = ("ours-2", "ours-long")  # begins from another network; is for a GPU

# Returns a network's CPU-milliseconds for a face alone, and for one of fifty.
Measure = Callable[[Classifier], tuple[float, float]]
Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """The data, folders and options of a comparison; `make` carries it out."""

    data: Path
    runs: Path
    out: Path
    minutes: float  # for each recipe that has no run yet
    measure: Measure
    log: Callable[[str], None]
    clean: Path | None = None  # findings that new runs apply to their faces
    weights: bool = True  # new runs may begin with weights that have to be fetched
    seeds: int = 1  # runs of each recipe: more than one tell how far chance moves a figure

    def __post_init__(self) -> None:
        positive("minutes", self.minutes)
        positive("seeds", self.seeds)

    def make(self, recipes: Sequence[Recipe]) -> dict[str, Any]:
        """Train what is not trained and measure all; write the page again after each recipe."""
        rows: dict[str, Row] = {}
        faults: list[FerError] = []
        for recipe in recipes:
            self.write(recipes, rows)
            self.log(f"{recipe.name}: {len(rows) + 1} of {len(recipes)}")
            try:
                rows[recipe.name] = self.row(recipe)
            except (DataError, ModelError) as fault:  # the other recipes can still be compared
                self.log(f"{recipe.name}: {fault}")
                rows[recipe.name] = recipe_entry(recipe) | {"fault": str(fault)}
                faults.append(fault)
        result = self.write(recipes, rows)
        if faults and len(faults) == len(recipes):
            raise faults[-1]
        return result

    def write(self, recipes: Sequence[Recipe], rows: dict[str, Row]) -> dict[str, Any]:
        """Write the page and compare.json with the recipes so far; return the latter's content."""
        result = {
            "split": SPLIT,
            "minutes": self.minutes,
            "processors": os.cpu_count(),
            "rows": [*rows.values()],
            "missing": [recipe.name for recipe in recipes if recipe.name not in rows],
        }
        write_text(self.out / "compare.json", json.dumps(result, indent=1) + "\n")
        write_page(self.out / "index.html", result)
        return result

    def row(self, recipe: Recipe) -> Row:
        """Return one recipe's figures, over all its seeds."""
        rows = [self.one_run(recipe, n) for n in range(self.seeds)]
        return rows[0] | spread(rows)

    def one_run(self, recipe: Recipe, number: int) -> Row:
        """Return the figures of one seed, after training it to the end if necessary."""
        recipe = replace(recipe, seed=recipe.seed + number)
        folder = self.runs / (f"{recipe.name}-seed-{recipe.seed}" if number else recipe.name)
        run = Run(folder)
        if not is_finished(run, recipe.name):
            self.train(recipe, run)
        known = measured_before(folder)
        of = [*progress_of(run), str(self.data.resolve())]
        if known is not None and known["of"] == of:
            self.log(f"{recipe.name}: measured before")
            figures: Row = known["figures"]
        else:
            described = export(folder, self.data, folder / EXPORT, log=self.log)
            figures = self.figures(folder / EXPORT, described)
            entry = {"of": of, "figures": figures}
            write_text(folder / MEASURED, json.dumps(entry, indent=1) + "\n")
        return recipe_entry(recipe) | figures | history(recipe, run)

    def train(self, recipe: Recipe, run: Run) -> None:
        """Begin the run, or go on with it as it was begun."""
        options = RunOptions(minutes=self.minutes, clean=self.clean)
        if (begun := run.begun_with()) is not None:
            check_name(run, begun[0], recipe.name)
            recipe, options = begun
        elif not self.weights:
            recipe = without_weights(recipe)
        Trainer(recipe, self.data, run.folder, options, resume=True, log=self.log).train()

    def figures(self, model: Path, described: dict[str, Any]) -> Row:
        """Measure an exported network."""
        metrics = evaluate(model, self.data, SPLIT, log=self.log)
        alone, of_fifty = self.measure(OnnxClassifier(model))
        return {
            "faces": metrics["n"],
            "accuracy": metrics["accuracy"],
            "macro_f1": metrics["macro_f1"],
            "parameters": described["parameters"],
            "mflops": described["mflops"],
            "precision": described["precision"],
            "megabytes": round((model / "emotion.onnx").stat().st_size / 1e6, 2),
            "cpu_ms_1": round(alone, 3),
            "cpu_ms_50": round(of_fifty, 3),
        }


def spread(rows: Sequence[Row]) -> Row:
    """Return the mean over the seeds' rows, and the accuracies' standard deviation.

    One run has no deviation: None, rather than a zero that would promise certainty.
    """
    accuracies = [row["accuracy"] for row in rows]
    return {
        "seeds": len(rows),
        "accuracy": mean(accuracies),
        "macro_f1": mean(row["macro_f1"] for row in rows),
        "accuracies": accuracies,
        "accuracy_deviation": stdev(accuracies) if len(rows) > 1 else None,
    }


def chosen(names: str) -> list[Recipe]:
    """Return the recipes for "all", or for names separated by commas."""
    if names == "all":
        return [RECIPES[name] for name in PUBLISHED if name not in NOT_ALL]
    return [recipe_named(name.strip()) for name in names.split(",")]


def check_name(run: Run, recipe: Recipe, name: str) -> None:
    """Raise a UsageError unless the run was trained by the recipe called `name`."""
    if recipe.name != name:
        raise UsageError(f"{run.folder}: holds a run of {recipe.name}, not of {name}")


def progress_of(run: Run) -> RunProgress:
    """Return how far a run has come, also of one that was not begun."""
    return run.progress() or RunProgress(0, 0.0)


def is_finished(run: Run, name: str) -> bool:
    """Return True if there is nothing left to train in a run folder of the recipe `name`."""
    begun = run.begun_with()
    if begun is None:
        return False
    recipe, options = begun
    check_name(run, recipe, name)
    done = progress_of(run)
    pace = Pace(recipe.epochs, 1, options.minutes, done.seconds)
    return is_over(recipe, done.epochs, run.validation_losses(), pace)


def history(recipe: Recipe, run: Run) -> Row:
    """Return how a run was trained, and whether it was cut short."""
    config, (epochs, seconds) = run.config(), progress_of(run)
    began = recipe_from(config).options.get("weights") or "none"
    stopped = stops_early(recipe, run.validation_losses())  # the recipe's own rule: not cut short
    return {
        "epochs": epochs,
        "epochs_of_the_recipe": recipe.epochs,
        "cut_short": epochs < recipe.epochs and not stopped,
        "minutes": round(seconds / 60, 2),
        "cleaned_by": config.get("clean"),
        "began_with": began,
        "weights_left_out": "weights" in recipe.options and began == "none",
    }


def measured_before(folder: Path) -> dict[str, Any] | None:
    """Return what was measured of a run before; None if that or its export is missing."""
    try:
        describe(folder / EXPORT)
        known: dict[str, Any] = json.loads((folder / MEASURED).read_text())
    except (ModelError, OSError, ValueError):
        return None
    return known if {"of", "figures"} <= known.keys() else None
