"""The commands that make a network and measure it: explore, train, evaluate and their kin."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fer.cli.commands import Commands
from fer.cli.terminal import Progress
from fer.cli.terminal import message as say
from fer.errors import UsageError
from fer.settings import Settings
from fer.vision.classifier import MODEL_FOLDER


def add_commands(commands: Commands, settings: Settings) -> None:
    """Their words and options."""
    one = commands.add("explore", explore, "what is in a data set, and what is wrong with it")
    _data(one)
    _clean(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument(
        "--folds",
        type=Path,
        nargs="*",
        default=(),
        metavar="RUN_DIR",
        help="runs trained with --fold: also list labels that their predictions contradict",
    )

    one = commands.add("train", train, "train a network by a recipe")
    _data(one)
    _clean(one)
    one.add_argument("--recipe", default="ours", metavar="NAME", help="see: python -m fer recipes")
    one.add_argument("--out", type=Path, required=True, metavar="RUN_DIR")
    one.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's")
    one.add_argument("--minutes", type=float, metavar="M", help="fit the schedule to this time")
    one.add_argument("--batch", type=int, metavar="N", help="instead of the recipe's")
    one.add_argument("--seed", type=int, metavar="N", help="instead of the recipe's")
    one.add_argument("--fold", type=fold, metavar="K/N", help="leave this part of Training out")
    one.add_argument("--resume", action="store_true", help="go on after the last finished epoch")
    _weights(one)
    one.add_argument("--find-rate", action="store_true", help="only find a good learning rate")

    one = commands.add("evaluate", evaluate, "measure a model on one split")
    _data(one)
    one.add_argument(
        "--model", type=Path, default=settings.model, help="model, run folder or .keras"
    )
    one.add_argument("--split", default="public_test", help="public_test, private_test …")
    one.add_argument("--runtime", choices=("onnx", "keras"), help="default: the form that is there")
    one.add_argument("--tta", action="store_true", help="average over ten crops and flips")
    one.add_argument("--report", type=Path, metavar="DIR", help="also write an HTML report")
    one.add_argument("--write", type=Path, metavar="FILE", help="also write the JSON to a file")
    one.add_argument("--json", action="store_true")

    one = commands.add("calibrate", calibrate, "fit a temperature a head on the faces kept aside")
    _data(one)
    one.add_argument("--model", type=Path, required=True, metavar="RUN_DIR")

    one = commands.add("export", export, "write the Keras form and the int8 runtime form")
    _data(one)
    one.add_argument("--model", type=Path, required=True, metavar="RUN_DIR")
    one.add_argument("--out", type=Path, default=MODEL_FOLDER, metavar="DIR")

    one = commands.add("recipes", recipes, "list the recipes")
    one.add_argument("--json", action="store_true")

    one = commands.add("compare", compare, "train recipes for the same time and compare them")
    _data(one)
    _clean(one)
    _weights(one)
    one.add_argument(
        "--recipes", default="all", metavar="NAMES", help="all, or names with commas between"
    )
    one.add_argument(
        "--minutes", type=float, default=10.0, metavar="M", help="for each that has no run yet (10)"
    )
    one.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="a folder a recipe (runs)"
    )
    one.add_argument("--out", type=Path, metavar="DIR", help="for the page (RUNS/compare)")
    one.add_argument("--json", action="store_true")


def _weights(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--weights", choices=("none",), help="begin without weights that have to be fetched"
    )


def _data(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder or zip with the sheets, fer2013.csv, icml_face_data.csv or class-named "
        "folders; or its address in a bucket, s3://… or gs://…",
    )


def _folder(options: argparse.Namespace) -> Path:
    """The folder that --data means, fetched where it is elsewhere."""
    from fer.training.data.fetch import local

    progress = Progress("Data")
    try:
        return local(options.data, say=say, progress=progress.at)
    finally:
        progress.clear()


def _clean(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--clean", type=Path, metavar="CSV", help="findings to apply on load: drop or relabel"
    )


def explore(options: argparse.Namespace) -> None:
    from fer.training.explore import explore

    print(explore(_folder(options), options.out, clean=options.clean, folds=options.folds, say=say))


def train(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from fer.training.recipe import recipe_from
    from fer.training.recipes import recipe_named
    from fer.training.run_folder import Run
    from fer.training.trainer import Trainer

    kept = Run(options.out)
    resumes = options.resume and kept.state_file.exists()
    config = kept.config() if resumes else {}
    recipe = recipe_from(config) if resumes else recipe_named(options.recipe)
    asked = {name: getattr(options, name) for name in ("epochs", "batch", "seed")}
    recipe = replace(recipe, **{name: value for name, value in asked.items() if value is not None})
    if options.weights:
        if "weights" not in recipe.options:
            raise UsageError(f"recipe {recipe.name} begins without weights anyway: drop --weights")
        recipe = replace(recipe, options=recipe.options | {"weights": None})
    trainer = Trainer(
        recipe,
        _folder(options),
        options.out,
        minutes=options.minutes or config.get("minutes"),
        resume=options.resume,
        clean=options.clean or (Path(config["clean"]) if config.get("clean") else None),
        fold=options.fold or (tuple(config["fold"]) if config.get("fold") else None),
        say=say,
    )
    if options.find_rate:
        from fer.training.find_rate import find_rate

        print(find_rate(trainer))
    else:
        print(trainer.train())


def fold(text: str) -> tuple[int, int]:
    """A fold as people write it: 2/5 is (2, 5)."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of) > 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no fold: write for example 2/5")
    return int(number), int(of)


def evaluate(options: argparse.Namespace) -> None:
    from fer.training.evaluate import evaluate, summary

    metrics = evaluate(
        options.model,
        _folder(options),
        options.split,
        runtime=options.runtime,
        tta=options.tta,
        report=options.report,
        say=say,
    )
    if options.write is not None:
        options.write.write_text(json.dumps(metrics, indent=1) + "\n")
    print(json.dumps(metrics, indent=1) if options.json else summary(metrics))


def calibrate(options: argparse.Namespace) -> None:
    from fer.training.calibrate import calibrate

    temperatures = calibrate(options.model, _folder(options), say=say)
    print(json.dumps(temperatures, indent=1))


def export(options: argparse.Namespace) -> None:
    from fer.training.export import export

    report = export(options.model, _folder(options), options.out, say=say)
    print(json.dumps(report, indent=1))


def recipes(options: argparse.Namespace) -> None:
    from fer.training.recipes import all_listed

    rows = all_listed()
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        size = "x".join(map(str, row["input"]))
        told = row["published"]
        figure = f"{told['accuracy']:.1%} on {told['on']}" if told else "-"
        print(f"{row['name']:21} {row['parameters']:>11,} {size:>10}  {row['about']}")
        print(f"{'':21} {'published:':>22}  {figure}")


def compare(options: argparse.Namespace) -> None:
    from fer.bench.network import measure
    from fer.training.compare import Comparison, chosen
    from fer.vision.classifier import Classifier

    def face(classifier: Classifier) -> tuple[float, float]:
        alone, fifty = measure({"onnx": classifier}, rounds=5, batches=(1, 50))["onnx"]
        return alone, fifty / 50

    out = options.out or options.runs / "compare"
    comparison = Comparison(
        _folder(options),
        options.runs,
        out,
        options.minutes,
        face,
        say,
        clean=options.clean,
        weights=options.weights is None,
    )
    result = comparison.make(chosen(options.recipes))
    print(json.dumps(result, indent=1) if options.json else out / "index.html")
