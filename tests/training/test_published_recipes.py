"""Every recipe of the literature from end to end: trained, resumed, measured, exported, served."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer import Analyzer
from fer.training.evaluate import evaluate
from fer.training.export import APART, export
from fer.training.recipe import Recipe
from fer.training.recipes import LITERATURE, PUBLISHED, RECIPES
from fer.training.run_folder import Run
from fer.training.trainer import Trainer
from fer.vision.classifier import OnnxClassifier, describe, load_classifier
from tests.training.faces import drawings, write_set
from tests.vision.fakes import Squares, picture

QUICK = "sequential-48"


def quiet(_: str) -> None:
    """Log nothing."""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("few"), 56, 21)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(r, id=r.name, marks=() if r.name == QUICK else pytest.mark.long)
        for r in LITERATURE
    ],
)
def test_a_recipe_goes_the_whole_way(recipe: Recipe, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = {name: value for name, value in recipe.options.items() if name != "weights"}
    short = replace(recipe, options=options, epochs=2, batch=14)
    first = Trainer(short, few, out, log=quiet)
    first.one_epoch()
    Trainer(short, few, out, resume=True, log=quiet).train()
    rows = Run(out).log()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["loss"] or np.nan) for row in rows)

    metrics = evaluate(out, few, "public_test", log=quiet)
    assert metrics["n"] == 21

    described = export(out, few, out / "export", log=quiet)
    assert described["parameters"] == PUBLISHED[recipe.name].parameters
    assert described["size"] == recipe.sizes[-1][1]
    assert described["channels"] == recipe.channels
    assert described["runtime_form"]["emotion"]["mean_difference"] < APART

    served = load_classifier(out)  # as FER_MODEL=RUN_DIR does
    assert isinstance(served, OnnxClassifier)
    assert served.size == recipe.sizes[-1][1]
    faces = Analyzer(model=out, detector=Squares()).photo(picture((20, 20, 60), (120, 80, 90)))
    assert len(faces) == 2
    assert np.allclose(faces.probabilities.sum(axis=1), 1, atol=1e-4)


def test_recipes_hold_what_was_published() -> None:
    named = {recipe.name: recipe for recipe in LITERATURE}
    assert set(named) | {"ours", "ours-2", "ours-long"} == set(RECIPES) == set(PUBLISHED)
    early = named["sequential-48"]
    assert (early.batch, early.epochs, early.early_stopping, early.min_delta) == (32, 20, 4, 0.1)
    assert (early.plateau, early.plateau_factor) == (3, 0.2)
    long = named["sequential-75"]
    assert (long.batch, long.epochs, long.rate) == (64, 75, 1e-3)
    best_known = named["emotion-detection-48"]
    assert (best_known.batch, best_known.epochs, best_known.rate) == (64, 50, 1e-4)
    assert best_known.fade == 1e-6
    wide = named["wide-100"]
    assert (wide.balance, wide.hold_out, wide.epochs) == (3704, 0.2, 30)
    assert "training figure" in PUBLISHED["emotion-detection-48"].differs


def test_weights_file_of_emotion_detection_has_the_published_size() -> None:
    megabytes = 4 * PUBLISHED["emotion-detection-48"].parameters / 1e6
    assert round(megabytes, 1) == 9.4


def test_a_run_folder_without_an_export_is_served_in_its_keras_form(
    few: Path, tmp_path: Path
) -> None:
    short = replace(RECIPES["sequential-48"], epochs=1, batch=28)
    Trainer(short, few, tmp_path, log=quiet).train()
    faces = drawings(3).faces
    assert describe(tmp_path)["size"] == 48
    assert describe(tmp_path)["heads"] == ["emotion"]
    answers = load_classifier(tmp_path).read(faces).probabilities
    assert np.allclose(answers, load_classifier(tmp_path, "keras").read(faces).probabilities)


@pytest.mark.slow
def test_a_network_in_colours_reads_the_grey_face_three_times(few: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPES["sequential-48"], channels=3, epochs=1, batch=28)
    Trainer(recipe, few, tmp_path / "run", log=quiet).train()
    export(tmp_path / "run", few, tmp_path / "model", log=quiet)
    assert describe(tmp_path / "model")["channels"] == 3
    faces = drawings(14, seed=5).faces
    exact = load_classifier(tmp_path / "model", "keras").read(faces).probabilities
    quick = load_classifier(tmp_path / "model").read(faces).probabilities
    assert np.abs(exact - quick).mean() < APART
