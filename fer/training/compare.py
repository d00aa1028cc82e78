"""Every recipe for the same time on the same data, measured alike: one page and one JSON file.

    python -m fer compare --data DIR --recipes all --minutes 10

Runs that are finished are taken as they are; one that was cut off goes on where it was. All are
measured on PublicTest in their runtime form; PrivateTest is never read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fer.errors import DataError, FerError, ModelError, UsageError
from fer.machine import write_text
from fer.training.evaluate import evaluate
from fer.training.export import export
from fer.training.recipe import Recipe, recipe_from
from fer.training.recipes import PUBLISHED, RECIPES, listed, recipe_named
from fer.training.reports.comparison import write_page
from fer.training.run_folder import Run
from fer.training.schedule import Pace, is_over, stands_still
from fer.training.trainer import Trainer
from fer.vision.classifier import EXPORT, Classifier, OnnxClassifier, describe

SPLIT: Final = "public_test"
KEPT: Final = "compared.json"  # in a run folder: what was measured of it, so that it is done once
FOR_A_GPU: Final = "ours-long"  # taken only by its name

# A network's CPU-milliseconds for a face alone, and for one of fifty.
Measure = Callable[[Classifier], tuple[float, float]]
Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What is compared on what, and where it is kept."""

    data: Path
    runs: Path
    out: Path
    minutes: float  # that a run that has yet to begin is given
    measure: Measure
    say: Callable[[str], None]
    clean: Path | None = None  # findings to apply to what new runs learn from
    weights: bool = True  # whether networks may begin with weights that have to be fetched

    def make(self, recipes: Sequence[Recipe]) -> dict[str, Any]:
        """Train what is not trained, measure all; the page is written anew after each."""
        rows: dict[str, Row] = {}
        faults: list[FerError] = []
        for recipe in recipes:
            self.write(recipes, rows)
            self.say(f"{recipe.name}: {len(rows) + 1} of {len(recipes)}")
            try:
                rows[recipe.name] = self.row(recipe)
            except (DataError, ModelError) as fault:  # the others can still be compared
                self.say(f"{recipe.name}: {fault}")
                rows[recipe.name] = listed(recipe) | {"fault": str(fault)}
                faults.append(fault)
        result = self.write(recipes, rows)
        if faults and len(faults) == len(recipes):
            raise faults[-1]
        return result

    def write(self, recipes: Sequence[Recipe], rows: dict[str, Row]) -> dict[str, Any]:
        """The page and its figures as they are so far."""
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
        """One recipe's figures, from a run that is finished now."""
        folder = self.runs / recipe.name
        run = Run(folder)
        if not is_finished(run):
            self.train(recipe, run)
        known = kept(folder)
        of = [*stands(run), str(self.data.resolve())]
        if known is not None and known["of"] == of:
            self.say(f"{recipe.name}: taken as it was measured")
            figures: Row = known["figures"]
        else:
            described = export(folder, self.data, folder / EXPORT, say=self.say)
            figures = self.figures(folder / EXPORT, described)
            told = {"of": of, "figures": figures}
            write_text(folder / KEPT, json.dumps(told, indent=1) + "\n")
        return listed(recipe) | figures | story(recipe, run)

    def train(self, recipe: Recipe, run: Run) -> None:
        """Begin the run, or go on with it as it was begun."""
        minutes: float | None = self.minutes
        clean, fold = self.clean, None
        if run.state_file.exists():
            config = run.config()
            recipe, minutes = recipe_of(run, recipe.name), config.get("minutes")
            clean = Path(config["clean"]) if config.get("clean") else None
            fold = tuple(config["fold"]) if config.get("fold") else None
        elif "weights" in recipe.options and not self.weights:
            recipe = replace(recipe, options=recipe.options | {"weights": None})
        Trainer(
            recipe,
            self.data,
            run.folder,
            minutes=minutes,
            resume=True,
            clean=clean,
            fold=fold,
            say=self.say,
        ).train()

    def figures(self, model: Path, described: dict[str, Any]) -> Row:
        """What is measured of an exported network."""
        metrics = evaluate(model, self.data, SPLIT, say=self.say)
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


def chosen(names: str) -> list[Recipe]:
    """The recipes that are meant by "all", or by names with commas between."""
    if names == "all":
        return [RECIPES[name] for name in PUBLISHED if name != FOR_A_GPU]
    return [recipe_named(name.strip()) for name in names.split(",")]


def recipe_of(run: Run, name: str) -> Recipe:
    """The recipe that a run was trained by, which must be the one of that name."""
    recipe = recipe_from(run.config())
    if recipe.name != name:
        raise UsageError(f"{run.folder}: holds a run of {recipe.name}, not of {name}")
    return recipe


def stands(run: Run) -> list[float]:
    """How far a run is: epochs and seconds."""
    return [*(run.stands() or (0, 0.0))]


def is_finished(run: Run) -> bool:
    """Whether there is nothing left to train in a run folder."""
    done = run.stands()
    if done is None:
        return False
    config = run.config()
    recipe = recipe_of(run, run.folder.name)
    pace = Pace(recipe.epochs, 1, config.get("minutes"), done[1])
    return is_over(recipe, done[0], losses_of(run), pace)


def losses_of(run: Run) -> list[float]:
    """What PublicTest's loss was, look by look."""
    return [loss for row in run.log() if (loss := row.get("val_loss")) is not None]


def story(recipe: Recipe, run: Run) -> Row:
    """How a run came to be, and whether it was cut short."""
    config, (epochs, seconds) = run.config(), stands(run)
    began = recipe_from(config).options.get("weights") or "none"
    stopped = stands_still(recipe, losses_of(run))  # by its own rule, which is no cut
    return {
        "epochs": int(epochs),
        "epochs_of_the_recipe": recipe.epochs,
        "cut_short": epochs < recipe.epochs and not stopped,
        "minutes": round(seconds / 60, 2),
        "cleaned_by": config.get("clean"),
        "began_with": began,
        "weights_left_out": "weights" in recipe.options and began == "none",
    }


def kept(folder: Path) -> dict[str, Any] | None:
    """What was measured of a run before, unless its export is gone."""
    try:
        describe(folder / EXPORT)
        known: dict[str, Any] = json.loads((folder / KEPT).read_text())
    except (ModelError, OSError, ValueError):
        return None
    return known if {"of", "figures"} <= known.keys() else None
