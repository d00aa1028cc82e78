"""Train a network step by step: its weights, their average, its optimizer, and the stage."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fer.errors import ModelError, UsageError
from fer.training import networks
from fer.training.data.batches import Batch
from fer.training.networks.grow import grow
from fer.training.recipe import Recipe, heads_of
from fer.training.run_folder import Precision, RunState
from fer.training.schedule import begin_stage, by_group

OPTIMIZERS: Final[dict[str, Any]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
}


def build(recipe: Recipe, *, fast: bool = False, pretrained: bool = False) -> keras.Model:
    """Build the recipe's network.

    `fast` asks for the form that trains quicker on torch. `pretrained` asks for the weights of
    another task, where the recipe begins with some; they may have to be fetched.
    """
    make = getattr(networks, recipe.network)
    known = inspect.signature(make).parameters
    given = {"fast": fast, "size": recipe.sizes[-1][1], "channels": recipe.channels}
    options = recipe.options | {name: value for name, value in given.items() if name in known}
    if "weights" in options and not pretrained:
        options["weights"] = None
    model: keras.Model = make(**options, heads=heads_of(recipe))
    return model


def make_optimizer(
    recipe: Recipe, shares: Mapping[str, float] | None = None
) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer, which never decays normalisation and biases.

    `shares` gives each variable's share of the rate, by its path; without it all have the same.
    """
    decay, first, second = recipe.decay, *recipe.betas
    kind = by_group(OPTIMIZERS[recipe.optimizer]) if shares else OPTIMIZERS[recipe.optimizer]
    if recipe.optimizer == "sgd":
        memory = {"momentum": first, "nesterov": True}
    else:
        memory = {"beta_1": first, "beta_2": second}
    optimizer = kind(
        recipe.rate,
        **memory,
        # AdamW wants a number; the others take None for no decay.
        weight_decay=decay if recipe.optimizer == "adamw" else decay or None,
    )
    if shares:
        optimizer.shares = dict(shares)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


class Average:
    """A moving average of all weights, normalisation statistics included; momentum 0 is a copy."""

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self.model, self.momentum, self.count = model, momentum, 0
        self._values = self._weights()

    @property
    def values(self) -> list[npt.NDArray[np.float32]]:
        """The average as arrays."""
        return [np.array(keras.ops.convert_to_numpy(value)) for value in self._values]

    def restore(self, values: list[npt.NDArray[Any]], count: int) -> None:
        """Go on from values that `count` updates led to."""
        self._values = [
            _like(weight, value) for weight, value in zip(self._weights(), values, strict=True)
        ]
        self.count = count

    def update(self) -> None:
        """Take the model's weights into the average."""
        self.count += 1
        if not self.momentum:
            return  # a copy is only needed when an epoch ends
        # A low momentum at first, so that the random start is soon forgotten.
        keep = min(self.momentum, (1 + self.count) / (10 + self.count))
        for value, weight in zip(self._values, self._weights(copy=False), strict=True):
            value += (1 - keep) * (weight - value)

    def settle(self) -> list[npt.NDArray[np.float32]]:
        """Return the average as arrays; with momentum 0, the model's weights."""
        if not self.momentum:
            self._values = self._weights()
        return self.values

    def _weights(self, *, copy: bool = True) -> list[Any]:
        """Return the weights where the average is computed: on a GPU they stay there."""
        if _on_gpu():
            tensors = [weight.value.detach() for weight in self.model.weights]
            return [tensor.clone() for tensor in tensors] if copy else tensors
        arrays = [keras.ops.convert_to_numpy(weight) for weight in self.model.weights]
        return [np.array(array) for array in arrays] if copy else arrays


class Learner:
    """A recipe's network in training."""

    def __init__(
        self, recipe: Recipe, *, pretrained: bool, precision: Precision = "float32"
    ) -> None:
        self.recipe = recipe
        self.model = build(recipe, fast=keras.backend.backend() == "torch", pretrained=pretrained)
        self.plain = build(recipe)  # the same weights, in the form that is saved and validated
        self.seeds = [v for v in self.model.variables if v.name == "seed_generator_state"]
        self._computing = autocast(precision)
        self.begin(0)
        self.average = Average(self.model, recipe.ema)

    def start_from(self, source: keras.Model) -> None:
        """Begin with another network's weights, before the first step."""
        grow(self.plain, source)
        self.model.set_weights(self.plain.get_weights())
        self.average = Average(self.model, self.recipe.ema)

    def begin(self, stage: int) -> None:
        """Begin a stage, with a new optimizer for the layers that learn in it."""
        self.stage = stage
        self.optimizer = make_optimizer(self.recipe, begin_stage(self.model, self.recipe, stage))
        heads = heads_of(self.recipe)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        self.model.compile(
            self.optimizer,
            loss=dict.fromkeys(heads, loss),
            weighted_metrics={head: ["categorical_accuracy"] for head in heads},
            jit_compile=False,  # measured on a CPU: XLA and torch.compile cost more than they save
        )
        self.optimizer.build(self.model.trainable_variables)

    def reseed(self, epoch: int) -> None:
        """Make an epoch's dropout depend on seed and epoch alone: a resumed run has the same.

        TensorFlow draws it from a state in each layer, torch from one for all.
        """
        rng = np.random.default_rng((self.recipe.seed, epoch))
        keras.utils.set_random_seed(int(rng.integers(2**32)))
        for seed in self.seeds:
            seed.assign([int(rng.integers(2**31)), 0])  # 31 bits: torch's are signed

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """Learn from a batch; return its losses and accuracies."""
        faces, goals, counts = batch
        self.optimizer.learning_rate = rate
        with self._computing():
            logs = self.model.train_on_batch(faces, goals, sample_weight=counts, return_dict=True)
        self.average.update()
        return {name: float(value) for name, value in logs.items()}

    def averaged(self) -> keras.Model:
        """Return the network with the average of its weights so far."""
        self.plain.set_weights(self.average.settle())
        return self.plain

    def state(self, epoch: int, seconds: float) -> RunState:
        """Return everything that is needed to go on from here."""
        values: list[Any] = [keras.ops.convert_to_numpy(v) for v in self.optimizer.variables]
        weights = self.model.get_weights()
        return RunState(epoch, seconds, weights, values, self.average.values, self.stage)

    def restore(self, state: RunState, steps: int) -> None:
        """Go on from a state that `steps` steps led to."""
        if not 0 <= state.stage < max(1, len(self.recipe.stages)):
            raise ModelError("made by another recipe")
        self.begin(state.stage)
        same = [tuple(v.shape) for v in self.optimizer.variables] == [
            value.shape for value in state.optimizer
        ]
        if not same or len(state.weights) != len(self.model.weights):
            raise ModelError("made by another recipe")
        self.model.set_weights(state.weights)
        for variable, value in zip(self.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
        self.average.restore(state.average, steps)


def autocast(precision: Precision) -> Callable[[], AbstractContextManager[Any]]:
    """Return what a step is computed in: bfloat16 on a GPU that has it, else plain float32.

    "bfloat16" asks for it on a CPU as well, which gains where the processor has AVX512_BF16.

    Weights, averages and saved states stay float32, so a run that began on a GPU goes on anywhere.
    float16 is left out: it needs a loss scale, whose state a machine without a GPU could not use.
    """
    if precision == "bfloat16" and not _on_gpu():
        return _bfloat16_on_cpu()
    if precision == "float32" or not _on_gpu():
        return nullcontext
    import torch

    if torch.cuda.get_device_capability() < (8, 0):  # older cards only emulate bfloat16
        return nullcontext
    return lambda: torch.autocast("cuda", torch.bfloat16)


def _bfloat16_on_cpu() -> Callable[[], AbstractContextManager[Any]]:
    if keras.backend.backend() != "torch":
        raise UsageError("--precision bfloat16 needs KERAS_BACKEND=torch")
    import torch

    return lambda: torch.autocast("cpu", torch.bfloat16)


def device_name() -> str:
    """Return the name of the processor that trains, for config.json."""
    if not _on_gpu():
        return "CPU"
    import torch

    return str(torch.cuda.get_device_name())


def _on_gpu() -> bool:
    """Return True if Keras computes with torch on a CUDA device."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return bool(torch.cuda.is_available())


def _like(there: Any, value: npt.NDArray[Any]) -> Any:
    """Return a copy of the array where `there` lies."""
    if isinstance(there, np.ndarray):
        return np.array(value)
    import torch

    return torch.as_tensor(value, dtype=there.dtype, device=there.device).clone()
