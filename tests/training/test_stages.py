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
from fer.training.schedule import begin_stage, group_of, rate_at, stage_at, within_stage
from fer.training.trainer import Trainer

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
    """Says nothing."""


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


def moved(learner: Learner, seed: int) -> dict[str, float]:
    """How far each kernel goes in one step."""
    rng = np.random.default_rng(seed)
    before = dict(kernels(learner))
    faces = rng.uniform(0, 255, (14, 48, 48, 1)).astype(np.float32)
    goals = {"emotion": np.eye(7, dtype=np.float32)[np.arange(14) % 7]}
    learner.step((faces, goals, {"emotion": np.ones(14, np.float32)}), 0.01)
    return {name: float(np.abs(now - before[name]).max()) for name, now in kernels(learner)}


def test_the_head_learns_first_and_earlier_layers_slower() -> None:
    keras.utils.set_random_seed(0)
    learner = Learner(replace(STAGED, optimizer="adam"), pretrained=False)
    first = moved(learner, 1)
    assert first["conv1a"] == first["conv2a"] == 0
    assert first["emotion"] > 0
    learner.begin(1)
    # Adam's first step is as long as the rate, whatever the gradient.
    steps = moved(learner, 2)
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
    Trainer(STAGED, small_set, whole, say=quiet).train()
    for _ in range(4):  # a sitting an epoch: as if it were killed after each
        Trainer(STAGED, small_set, parts, resume=True, say=quiet).one_epoch()
    one, other = Run(whole).load_state(), Run(parts).load_state()
    assert one is not None
    assert other is not None
    assert one.stage == other.stage == 1
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert np.allclose(mine, theirs, atol=1e-4)
