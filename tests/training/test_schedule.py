import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.errors import UsageError
from fer.training.learner import Learner, make_optimizer
from fer.training.recipe import Recipe
from fer.training.run_folder import Run
from fer.training.schedule import (
    Pace,
    begin_stage,
    group_of,
    plateau_factor,
    rate_at,
    size_at,
    stage_at,
    stops_early,
    within_stage,
)
from fer.training.trainer import Trainer

PLAIN = Recipe("plain", "a test", "vgg", rate=1.0, warmup=0.2)


def test_pace_by_epochs_counts_steps() -> None:
    pace = Pace(epochs=4, steps=10)
    assert [pace.fraction(0, 0), pace.fraction(1, 5), pace.fraction(4, 0)] == [0, 1.5 / 4, 1]


def test_pace_by_minutes_follows_the_clock_and_what_was_spent_before() -> None:
    pace = Pace(epochs=4, steps=10, minutes=2, spent=60, started=time.monotonic())
    assert pace.fraction(0, 0) == pytest.approx(0.5, abs=0.05)
    assert pace.left(0, 0) == pytest.approx(60, abs=5)
    assert Pace(4, 10, minutes=2, spent=500).fraction(0, 0) == 1


def test_cosine_rises_to_its_rate_and_ends_at_zero() -> None:
    rates = [rate_at(PLAIN, step / 100) for step in range(101)]
    assert rates[0] == 0
    assert max(rates) == rates[20] == 1
    assert rates[-1] == pytest.approx(0)
    assert rates == sorted(rates[:21]) + sorted(rates[21:], reverse=True)


def test_one_cycle_starts_at_a_25th() -> None:
    assert rate_at(replace(PLAIN, schedule="one-cycle"), 0) == pytest.approx(1 / 25)


def test_constant_is_constant() -> None:
    assert {rate_at(replace(PLAIN, schedule="constant"), f / 10) for f in range(11)} == {1.0}


def test_sizes_change_at_their_share() -> None:
    growing = replace(PLAIN, sizes=((0.0, 32), (0.5, 40), (0.75, 48)))
    assert [size_at(growing, f) for f in (0, 0.49, 0.5, 0.75, 1)] == [32, 32, 40, 48, 48]


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([], False),
        ([3, 2, 1], False),
        ([1, 2, 3, 4], True),  # three looks without a better one
        ([2, 3, 3, 1], False),
        ([2.0, 1.96, 1.95, 1.94], True),  # better, but by less than counts
    ],
)
def test_early_stopping(losses: list[float], stops: bool) -> None:
    recipe = replace(PLAIN, early_stopping=3, min_delta=0.1)
    assert stops_early(recipe, losses) is stops
    assert not stops_early(PLAIN, losses)


def test_the_rate_falls_each_time_it_stops_early() -> None:
    recipe = replace(PLAIN, plateau=2, plateau_factor=0.5)
    assert plateau_factor(recipe, [3, 2, 1]) == 1
    assert plateau_factor(recipe, [1, 2, 2]) == 0.5
    assert plateau_factor(recipe, [1, 2, 2, 2, 2]) == 0.25
    assert plateau_factor(PLAIN, [1, 2, 2, 2, 2]) == 1


STAGED = Recipe(
    "staged",
    "a test",
    "vgg",
    options={"stages": [[4], [8]], "dropout": 0.0},
    epochs=4,
    batch=28,
    rate=0.01,
    schedule="one-cycle",
    warmup=0.5,
    groups=(("conv1", "norm1"), ("conv2", "norm2"), ("emotion",)),
    stages=((0.0, 1), (0.5, 3)),
    slower=0.5,
)


def quiet(_: str) -> None:
    """Log nothing."""


@pytest.mark.parametrize(
    ("fraction", "stage", "within"), [(0, 0, 0), (0.25, 0, 0.5), (0.5, 1, 0), (0.75, 1, 0.5)]
)
def test_each_stage_has_its_share_of_the_run(fraction: float, stage: int, within: float) -> None:
    assert stage_at(STAGED, fraction) == stage
    assert within_stage(STAGED, fraction) == pytest.approx(within)
    plain = replace(STAGED, stages=())
    assert (stage_at(plain, fraction), within_stage(plain, fraction)) == (0, fraction)


def test_each_stage_has_a_cycle_of_its_own() -> None:
    peak, low = STAGED.rate, STAGED.rate / 25
    rates = [rate_at(STAGED, fraction) for fraction in (0, 0.25, 0.5, 0.75)]
    assert rates == pytest.approx([low, peak, low, peak])


def kernels(learner: Learner) -> Iterator[tuple[str, np.ndarray]]:
    for layer in learner.model.layers:
        if layer.name in ("conv1a", "conv2a", "emotion"):
            yield layer.name, layer.get_weights()[0]


def kernel_steps(learner: Learner, seed: int) -> dict[str, float]:
    """Return how far each kernel moves in one step."""
    rng = np.random.default_rng(seed)
    before = dict(kernels(learner))
    faces = rng.uniform(0, 255, (14, 48, 48, 1)).astype(np.float32)
    goals = {"emotion": np.eye(7, dtype=np.float32)[np.arange(14) % 7]}
    learner.step((faces, goals, {"emotion": np.ones(14, np.float32)}), 0.01)
    return {name: float(np.abs(now - before[name]).max()) for name, now in kernels(learner)}


def test_the_head_learns_first_and_earlier_layers_slower() -> None:
    keras.utils.set_random_seed(0)
    learner = Learner(replace(STAGED, optimizer="adam"), pretrained=False)
    first = kernel_steps(learner, 1)
    assert first["conv1a"] == first["conv2a"] == 0
    assert first["emotion"] > 0
    learner.begin(1)
    # Adam's first step is as long as the rate, whatever the gradient.
    steps = kernel_steps(learner, 2)
    assert steps["emotion"] == pytest.approx(0.01, rel=0.01)
    assert steps["conv2a"] == pytest.approx(0.005, rel=0.01)
    assert steps["conv1a"] == pytest.approx(0.0025, rel=0.01)


def test_weights_keep_their_order_from_stage_to_stage() -> None:
    learner = Learner(STAGED, pretrained=False)
    before = [weight.path for weight in learner.model.weights]
    learner.begin(1)
    assert [weight.path for weight in learner.model.weights] == before


def test_normalisation_learns_in_every_stage() -> None:
    learner = Learner(STAGED, pretrained=False)
    learning = {weight.path.split("/")[-2] for weight in learner.model.trainable_weights}
    assert learning == {"emotion", "norm1a", "norm2a"}


def test_a_layer_without_a_group_is_named() -> None:
    forgetful = replace(STAGED, groups=(("conv1", "norm1"), ("emotion",)), stages=((0.0, 2),))
    with pytest.raises(UsageError, match="no group names the layer conv2a"):
        Learner(forgetful, pretrained=False)
    assert group_of(forgetful, "conv1a") == 0


def test_without_stages_the_optimizer_is_keras_own() -> None:
    assert not hasattr(make_optimizer(replace(STAGED, optimizer="sgd")), "shares")
    assert hasattr(make_optimizer(STAGED, {"kernel": 1.0}), "shares")
    model = keras.Sequential([keras.layers.Dense(1)])
    assert begin_stage(model, replace(STAGED, stages=()), 0) == {}


@pytest.mark.slow
def test_a_kill_between_stages_is_resumed_in_the_right_one(small_set: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(STAGED, small_set, whole, log=quiet).train()
    for _ in range(4):  # a sitting an epoch: as if it were killed after each
        Trainer(STAGED, small_set, parts, resume=True, log=quiet).one_epoch()
    one, other = Run(whole).load_state(), Run(parts).load_state()
    assert one is not None
    assert other is not None
    assert one.stage == other.stage == 1
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert np.allclose(mine, theirs, atol=1e-4)
