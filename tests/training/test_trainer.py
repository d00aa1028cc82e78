import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.errors import UsageError
from fer.training.data.dataset import fold
from fer.training.data.load import load
from fer.training.explore.pool import out_of_fold, predict_with_keras
from fer.training.find_rate import find_rate, suggest
from fer.training.learner import Learner
from fer.training.recipe import Recipe, recipe_from
from fer.training.recipes import RECIPES
from fer.training.run_folder import Run, RunOptions
from fer.training.schedule import Pace
from fer.training.trainer import Trainer
from fer.vision.classifier import KerasClassifier

TINY = Recipe(
    "tiny",
    "a test",
    "vgg",
    options={"stages": [[4], [8]], "dropout": 0.0},
    targets="both",
    epochs=3,
    batch=16,
    sizes=((0.0, 32), (0.5, 48)),
    rate=0.02,
    ema=0.9,
)


def quiet(_: str) -> None:
    """Log nothing."""


def test_a_run_learns_and_leaves_everything_behind(small_set: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "run"
    recipe = replace(TINY, epochs=8, batch=4)
    Trainer(recipe, small_set, out, log=said.append).train()
    rows = Run(out).log()
    assert [row["epoch"] for row in rows] == [*range(1, 9)]
    assert {row["size"] for row in rows} == {32, 48}
    accuracy = rows[-1]["val_fer2013_accuracy"]
    assert accuracy is not None
    assert accuracy > 2 / 7  # drawings are easy; guessing gives 1/7
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "config.json",
        "log.csv",
        "curves.svg",
        "state.npz",
        "best.keras",
        "last.keras",
    }
    assert len([*(out / "epochs").iterdir()]) == 8
    assert recipe_from(json.loads((out / "config.json").read_text())) == recipe
    assert sum("PublicTest" in line for line in said) == 8
    reading = KerasClassifier(out).read(np.zeros((2, 48, 48), np.uint8))
    assert set(reading.heads) == {"crowd", "fer2013"}
    assert np.allclose(reading.probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_run_in_two_sittings_is_the_run_in_one(small_set: Path, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    recipe = replace(TINY, options=TINY.options | {"dropout": 0.25})
    Trainer(recipe, small_set, whole, log=quiet).train()
    first = Trainer(recipe, small_set, halves, log=quiet)
    first.one_epoch()
    Trainer(recipe, small_set, halves, resume=True, log=quiet).train()
    one, other = Run(whole).load_state(), Run(halves).load_state()
    assert one is not None
    assert other is not None
    assert one.epoch == other.epoch == 3
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert np.allclose(mine, theirs, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="the test itself runs on torch")
def test_a_run_in_two_sittings_is_the_run_in_one_on_torch_too() -> None:
    name = test_a_run_in_two_sittings_is_the_run_in_one.__name__
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", f"{Path(__file__)}::{name}"]
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_an_epoch_has_dropout_of_its_own_and_always_the_same() -> None:
    learner = Learner(replace(TINY, options=TINY.options | {"dropout": 0.25}), pretrained=False)

    def seeds(epoch: int) -> list[list[int]]:
        learner.reseed(epoch)
        return [[*map(int, seed.numpy())] for seed in learner.seeds]

    assert len(seeds(1)) == 1  # a dropout, a seed
    assert seeds(1) == seeds(1)
    assert seeds(1) != seeds(2)


def test_the_last_epoch_is_validated(small_set: Path, tmp_path: Path) -> None:
    rare = replace(TINY, epochs=5, validate_every=3)
    Trainer(rare, small_set, tmp_path, log=quiet).train()
    looked = [row["epoch"] for row in Run(tmp_path).log() if row["val_loss"] is not None]
    assert looked == [3, 5]


class Sudden(Pace):
    """Return a pace with half of the time left until two steps are done, then none."""

    def fraction(self, epoch: int, step: int) -> float:
        return 1.0 if epoch or step >= 2 else 0.5


def test_an_epoch_cut_off_by_time_is_validated(small_set: Path, tmp_path: Path) -> None:
    trainer = Trainer(
        replace(TINY, validate_every=3), small_set, tmp_path, RunOptions(minutes=1), log=quiet
    )
    trainer.pace = Sudden(TINY.epochs, trainer.batches.steps, 1)
    trainer.train()
    (row,) = Run(tmp_path).log()
    assert row["val_loss"] is not None
    assert (tmp_path / "best.keras").exists()


def test_an_epoch_after_which_time_ran_out_is_validated(small_set: Path, tmp_path: Path) -> None:
    rare = replace(TINY, validate_every=3)
    Trainer(rare, small_set, tmp_path, RunOptions(minutes=60), log=quiet).one_epoch()
    (row,) = Run(tmp_path).log()
    assert row["val_loss"] is None
    Trainer(rare, small_set, tmp_path, RunOptions(minutes=1e-6), resume=True, log=quiet).train()
    (row,) = Run(tmp_path).log()
    assert row["val_loss"] is not None
    assert (tmp_path / "best.keras").exists()


def test_a_finished_run_is_not_trained_over(small_set: Path, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1)
    Trainer(short, small_set, tmp_path, log=quiet).train()
    with pytest.raises(UsageError, match="go on with --resume"):
        Trainer(short, small_set, tmp_path, log=quiet)
    Trainer(short, small_set, tmp_path, resume=True, log=quiet).train()
    assert len(Run(tmp_path).log()) == 1


def test_minutes_end_a_run_by_the_clock(small_set: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    endless = replace(TINY, epochs=10_000)
    Trainer(endless, small_set, tmp_path, RunOptions(minutes=0.02), log=quiet).train()
    assert time.monotonic() - begun < 30
    rate = Run(tmp_path).log()[-1]["rate"]
    assert rate is not None
    assert rate < TINY.rate / 2


def test_a_fold_is_left_out(small_set: Path, tmp_path: Path) -> None:
    sizes = []
    for number in (1, 2):
        trainer = Trainer(
            TINY, small_set, tmp_path / str(number), RunOptions(fold=(number, 2)), log=quiet
        )
        sizes.append(len(trainer.batches.data))
        assert Run(tmp_path / str(number)).config()["fold"] == [number, 2]
    everything = Trainer(TINY, small_set, tmp_path / "all", log=quiet)
    assert sum(sizes) == len(everything.batches.data)


def test_the_rate_finder_draws_and_suggests(small_set: Path, tmp_path: Path) -> None:
    trainer = Trainer(TINY, small_set, tmp_path, log=quiet)
    rate = find_rate(trainer, steps=40)
    assert 1e-7 < rate < 1
    assert "<polyline" in (tmp_path / "rate.svg").read_text()
    assert Run(tmp_path).load_state() is None


def test_the_suggested_rate_is_a_tenth_of_the_best_and_ignores_blown_up_losses() -> None:
    assert suggest([1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.5, 1.2, float("nan")]) == pytest.approx(0.01)


def test_recipes_survive_their_way_through_a_run_folder() -> None:
    from dataclasses import asdict

    for recipe in RECIPES.values():
        kept = recipe_from(json.loads(json.dumps({"recipe": asdict(recipe)})))
        assert json.dumps(asdict(kept)) == json.dumps(asdict(recipe))


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(small_set: Path, tmp_path: Path) -> None:
    out, epochs = tmp_path / "run", 6
    words = ["--data", str(small_set), "--out", str(out), "--epochs", str(epochs), "--resume"]
    command = [sys.executable, "-m", "fer", "train", *words, "--batch", "16"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    rng = random.Random(0)
    kills, done = 0, 0
    for _ in range(12):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            # Killed at some moment between an epoch's end and the middle of the next but one.
            until, target = time.monotonic() + 120, done + 1
            while process.poll() is None and time.monotonic() < until:
                state = out / "state.npz"
                if kills < 4 and state.exists() and len([*(out / "epochs").glob("0*")]) >= target:
                    time.sleep(rng.uniform(0, 1.0))
                    process.send_signal(signal.SIGKILL)
                    kills += 1
                    break
                time.sleep(0.02)
        finally:
            process.kill()
            code = process.wait(30)
        kept = Run(out).load_state()  # never a broken file
        assert kept is not None
        assert kept.epoch >= done
        done = kept.epoch
        KerasClassifier(out / "last.keras")
        if code == 0:
            break
    assert kills >= 2
    assert done == epochs
    assert [row["epoch"] for row in Run(out).log()] == [*range(1, epochs + 1)]


@pytest.mark.slow
def test_explore_gets_predictions_of_networks_not_trained_on_the_face(
    small_set: Path, tmp_path: Path
) -> None:
    """With two real runs, each trained without one half, every training face gets an answer."""
    runs = [tmp_path / "1", tmp_path / "2"]
    for number, out in enumerate(runs, 1):
        short = replace(TINY, epochs=1)
        Trainer(short, small_set, out, RunOptions(fold=(number, 2)), log=quiet).train()
    training = load(small_set, "training")
    answers = out_of_fold(training, runs, predict_with_keras, quiet)
    assert answers.shape == (len(training), 7)
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)
    alone = out_of_fold(training, runs[:1], predict_with_keras, quiet)
    left_out = ~np.isnan(alone[:, 0])
    assert set(training.take(left_out).digests) == set(fold(training, 1, 2)[1].digests)


def test_saving_is_put_off_until_its_time_but_the_end_is_always_saved(
    small_set: Path, tmp_path: Path
) -> None:
    trainer = Trainer(TINY, small_set, tmp_path, RunOptions(save_every=60), log=quiet)
    trainer.one_epoch()
    assert Run(tmp_path).load_state() is None
    assert (tmp_path / "best.keras").exists()
    trainer.train()
    progress = Run(tmp_path).progress()
    assert progress is not None
    assert progress.epochs == len(Run(tmp_path).log()) == TINY.epochs


def test_a_run_goes_on_with_the_options_it_began_with(small_set: Path, tmp_path: Path) -> None:
    options = RunOptions(minutes=60, fold=(1, 2), precision="float32", save_every=0)
    Trainer(TINY, small_set, tmp_path, options, log=quiet).one_epoch()
    begun = Run(tmp_path).begun_with()
    assert begun == (TINY, options)
    assert Run(tmp_path / "nothing").begun_with() is None


def test_a_run_begins_from_another_ones_weights(small_set: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    Trainer(TINY, small_set, first, log=quiet).train()
    wider = replace(TINY, options={"stages": [[4], [12]], "dropout": 0.0})
    grown = Trainer(wider, small_set, second, RunOptions(start=first), log=quiet)
    faces = load(small_set, "public_test").faces
    before = KerasClassifier(first).logits(faces)
    after = grown.learner.averaged().predict_on_batch(faces[..., None].astype(np.float32))
    for head, answers in before.items():
        assert np.allclose(after[head], answers, atol=1e-4)
    assert Run(second).config()["start"] == str(first)


def test_a_resumed_run_goes_on_from_its_own_weights(small_set: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    Trainer(TINY, small_set, first, log=quiet).one_epoch()
    options = RunOptions(start=first)
    Trainer(TINY, small_set, second, options, log=quiet).one_epoch()
    begun = Run(second).begun_with()
    assert begun is not None
    assert begun[1].start == first
    again = Trainer(TINY, small_set, second, begun[1], resume=True, log=quiet)
    state = Run(second).load_state()
    assert state is not None
    for mine, kept in zip(again.learner.model.get_weights(), state.weights, strict=True):
        assert np.array_equal(mine, kept)


def test_a_recipe_that_learns_from_a_network_needs_one(small_set: Path, tmp_path: Path) -> None:
    taught = replace(TINY, teach={"crowd": 0.5})
    with pytest.raises(UsageError, match="give --start"):
        Trainer(taught, small_set, tmp_path / "alone", log=quiet)
    Trainer(TINY, small_set, tmp_path / "first", log=quiet).one_epoch()
    options = RunOptions(start=tmp_path / "first")
    pupil = Trainer(taught, small_set, tmp_path / "pupil", options, log=quiet)
    alone = Trainer(TINY, small_set, tmp_path / "other", log=quiet)
    apart = np.abs(pupil.batches.targets["crowd"] - alone.batches.targets["crowd"])
    assert apart.max() > 0.05
    assert np.allclose(pupil.batches.targets["crowd"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch can")
def test_bfloat16_on_a_cpu_needs_torch(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs KERAS_BACKEND=torch"):
        Trainer(TINY, small_set, tmp_path, RunOptions(precision="bfloat16"), log=quiet)
