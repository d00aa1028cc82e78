"""Find a learning rate: try rates from far too low to far too high, and record the loss."""

from __future__ import annotations

import itertools
import math

from fer.training.reports.charts import Axes, lines
from fer.training.reports.curves import picture
from fer.training.trainer import Trainer

LOW, HIGH = 1e-6, 1.0


def find_rate(trainer: Trainer, steps: int = 200) -> float:
    """Train some steps at rising rates, write rate.svg to the run folder, return a good peak rate.

    Nothing else of these steps is saved, so the run itself starts from the beginning.
    """
    size = trainer.recipe.sizes[0][1]
    epochs = (trainer.batches.epoch(number, size) for number in itertools.count())
    rates: list[float] = []
    losses: list[float] = []  # smoothed, as one batch's loss is noisy
    average = 0.0
    for step, batch in enumerate(itertools.chain.from_iterable(epochs)):
        rates.append(LOW * (HIGH / LOW) ** (step / max(1, steps - 1)))
        average = 0.9 * average + 0.1 * trainer.learner.step(batch, rates[-1])["loss"]
        losses.append(average / (1 - 0.9 ** (step + 1)))
        if step + 1 >= steps or not losses[-1] < 4 * min(losses):
            break
    points = [(math.log10(rate), loss) for rate, loss in zip(rates, losses, strict=True)]
    chart = lines({"": points}, Axes(across="learning rate, powers of ten", up="loss"))
    trainer.run.write_text("rate.svg", picture([chart]))
    trainer.log(f"tried {len(rates)} rates up to {rates[-1]:.2g}: {trainer.run.folder}/rate.svg")
    return suggest(rates, losses)


def suggest(rates: list[float], losses: list[float]) -> float:
    """Return a tenth of the rate where the loss was lowest, which is the usual safe peak."""
    known = [at for at, loss in enumerate(losses) if math.isfinite(loss)]
    lowest = min(known, key=lambda at: losses[at])
    return float(f"{rates[lowest] / 10:.2g}")
