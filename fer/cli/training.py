"""The commands for training: explore, train, evaluate, calibrate, export, recipes, compare."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from fer.cli.commands import Commands
from fer.cli.terminal import Progress, message
from fer.settings import Settings
from fer.vision.classifier import MODEL_FOLDER, Classifier


def add_commands(commands: Commands, settings: Settings) -> None:
    """Add all commands for training."""
    _add_explore(commands)
    _add_train(commands)
    _add_evaluate(commands, settings)
    _add_export(commands)
    _add_compare(commands)


def _add_explore(commands: Commands) -> None:
    one = commands.add("explore", explore, "describe a data set and list its problems")
    _data_option(one)
    _clean_option(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument(
        "--folds",
        type=Path,
        nargs="*",
        default=(),
        metavar="RUN_DIR",
        help="runs trained with --fold: also list labels that their predictions contradict",
    )


def _add_train(commands: Commands) -> None:
    one = commands.add("train", train, "train a network by a recipe")
    _data_option(one)
    _clean_option(one)
    one.add_argument(
        "--recipe", default="ours", metavar="NAME", help="a name that `fer recipes` lists (ours)"
    )
    one.add_argument("--out", type=Path, required=True, metavar="RUN_DIR")
    one.add_argument(
        "--minutes", type=float, metavar="M", help="fit the number of epochs to this time"
    )
    _override_options(one)
    one.add_argument(
        "--fold", type=fold, metavar="K/N", help="train without part K of N of the training faces"
    )
    one.add_argument(
        "--resume", action="store_true", help="continue after the last saved epoch of RUN_DIR"
    )
    one.add_argument(
        "--save-every",
        type=float,
        metavar="MINUTES",
        help="save after an epoch only if this much time has passed (default: after each)",
    )
    one.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="auto computes in bfloat16 on a GPU that has it, bfloat16 on a CPU too (auto)",
    )
    one.add_argument(
        "--start",
        type=Path,
        metavar="MODEL",
        help="begin from the weights of this model or run; a wider or deeper network is filled up",
    )
    _weights_option(one)
    one.add_argument("--find-rate", action="store_true", help="only find a good learning rate")


def _add_evaluate(commands: Commands, settings: Settings) -> None:
    one = commands.add("evaluate", evaluate, "measure a model on one split")
    _data_option(one)
    one.add_argument(
        "--model", type=Path, default=settings.model, help="model folder, run folder or .keras file"
    )
    one.add_argument("--split", default="public_test", help="public_test, private_test …")
    one.add_argument("--runtime", choices=("onnx", "keras"), help="default: the form in the folder")
    one.add_argument("--tta", action="store_true", help="average over ten crops and flips")
    one.add_argument(
        "--shifts",
        action="store_true",
        help="also measure on changed faces: small, blurred, dark, turned and others",
    )
    one.add_argument("--report", type=Path, metavar="DIR", help="also write an HTML report")
    one.add_argument("--write", type=Path, metavar="FILE", help="also write the JSON to a file")
    one.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        help="also write the model card, for example model/MODEL_CARD.md",
    )
    one.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_export(commands: Commands) -> None:
    one = commands.add("calibrate", calibrate, "fit the temperature of each head on held-out faces")
    _data_option(one)
    one.add_argument("--model", type=Path, required=True, metavar="RUN_DIR")

    one = commands.add(
        "export", export, "write a run's network as Keras model and as int8 ONNX model"
    )
    _data_option(one)
    one.add_argument("--model", type=Path, required=True, metavar="RUN_DIR")
    one.add_argument("--out", type=Path, default=MODEL_FOLDER, metavar="DIR")


def _add_compare(commands: Commands) -> None:
    one = commands.add("recipes", recipes, "list the training recipes")
    one.add_argument("--json", action="store_true", help="print the list as JSON")

    one = commands.add("compare", compare, "train recipes for the same time and compare them")
    _data_option(one)
    _clean_option(one)
    _weights_option(one)
    one.add_argument(
        "--recipes", default="all", metavar="NAMES", help="all, or names separated by commas"
    )
    one.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="training time of each recipe without a run (10)",
    )
    one.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="folder of the run folders (runs)",
    )
    one.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="runs of each recipe, for error bars (1)"
    )
    one.add_argument("--out", type=Path, metavar="DIR", help="folder for the page (RUNS/compare)")
    one.add_argument("--json", action="store_true")


def _override_options(one: argparse.ArgumentParser) -> None:
    """Add the options that replace values of the recipe."""
    # The names are repeated here: fer.training is imported only when a command runs.
    for name in ("epochs", "batch", "seed"):
        one.add_argument(f"--{name}", type=int, metavar="N", help="instead of the recipe's")


def _weights_option(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--weights", choices=("none",), help="begin with random weights instead of fetched ones"
    )


def _data_option(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder or zip with the sheets, fer2013.csv, icml_face_data.csv or class-named "
        "folders; or its address in a bucket, s3://… or gs://…",
    )


def _clean_option(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--clean",
        type=Path,
        metavar="CSV",
        help="findings file: leave out or relabel these faces when loading",
    )


def _folder(options: argparse.Namespace) -> Path:
    """Return the folder of --data, after fetching it if necessary."""
    from fer.training.data.fetch import local

    progress = Progress("Data")
    try:
        return local(options.data, log=message, progress=progress.at)
    finally:
        progress.clear()


def explore(options: argparse.Namespace) -> None:
    """Write the page about a data set and its findings file; print the page's path."""
    from fer.training.explore import explore

    print(
        explore(
            _folder(options), options.out, clean=options.clean, folds=options.folds, log=message
        )
    )


def train(options: argparse.Namespace) -> None:
    """Train a network, or continue a run; print the run folder."""
    from fer.training.recipe import Overrides
    from fer.training.recipes import recipe_named
    from fer.training.run_folder import Run, RunOptions
    from fer.training.trainer import Trainer

    begun = Run(options.out).begun_with() if options.resume else None
    recipe, chosen = begun or (recipe_named(options.recipe), RunOptions())
    given = {
        name: value
        for name in ("minutes", "clean", "fold", "save_every", "precision", "start")
        if (value := getattr(options, name)) is not None
    }
    trainer = Trainer(
        Overrides.of(options, pretrained=options.weights is None).apply(recipe),
        _folder(options),
        options.out,
        replace(chosen, **given),
        resume=options.resume,
        log=message,
    )
    if options.find_rate:
        from fer.training.find_rate import find_rate

        print(find_rate(trainer))
    else:
        print(trainer.train())


def fold(text: str) -> tuple[int, int]:
    """Return the fold in an option's text: "2/5" gives (2, 5)."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of) > 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a fold: write for example 2/5")
    return int(number), int(of)


def evaluate(options: argparse.Namespace) -> None:
    """Measure a model; print the result and write the files that the options name."""
    from fer.training.card import write_card
    from fer.training.evaluate import EvaluationOptions, evaluate, summary

    metrics = evaluate(
        options.model,
        _folder(options),
        options.split,
        EvaluationOptions(
            runtime=options.runtime, tta=options.tta, shifts=options.shifts, report=options.report
        ),
        log=message,
    )
    if options.write is not None:
        options.write.write_text(json.dumps(metrics, indent=1) + "\n")
    if options.card is not None:
        write_card(options.card, options.model, metrics)
    print(json.dumps(metrics, indent=1) if options.json else summary(metrics))


def calibrate(options: argparse.Namespace) -> None:
    """Fit the temperatures of a run's heads and print them."""
    from fer.training.calibrate import calibrate

    temperatures = calibrate(options.model, _folder(options), log=message)
    print(json.dumps(temperatures, indent=1))


def export(options: argparse.Namespace) -> None:
    """Write a run's network in both forms and print the report."""
    from fer.training.export import export

    report = export(options.model, _folder(options), options.out, log=message)
    print(json.dumps(report, indent=1))


def recipes(options: argparse.Namespace) -> None:
    """Print the recipes."""
    from fer.training.recipes import recipe_entries

    rows = recipe_entries()
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        size = "x".join(map(str, row["input"]))
        published = row["published"]
        figure = f"{published['accuracy']:.1%} on {published['on']}" if published else "-"
        print(f"{row['name']:21} {row['parameters']:>11,} {size:>10}  {row['about']}")
        print(f"{'':21} {'published:':>22}  {figure}")


def compare(options: argparse.Namespace) -> None:
    """Train recipes and print how they compare."""
    from fer.bench.network import measure
    from fer.training.compare import Comparison, chosen

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
        message,
        clean=options.clean,
        weights=options.weights is None,
        seeds=options.seeds,
    )
    result = comparison.make(chosen(options.recipes))
    print(json.dumps(result, indent=1) if options.json else out / "index.html")
