import time
from dataclasses import replace

import pytest

from fer.training.recipe import Recipe
from fer.training.schedule import Pace, falls, rate_at, size_at, stands_still

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
    assert stands_still(recipe, losses) is stops
    assert not stands_still(PLAIN, losses)


def test_the_rate_falls_each_time_it_stands_still() -> None:
    recipe = replace(PLAIN, plateau=2, plateau_factor=0.5)
    assert falls(recipe, [3, 2, 1]) == 1
    assert falls(recipe, [1, 2, 2]) == 0.5
    assert falls(recipe, [1, 2, 2, 2, 2]) == 0.25
    assert falls(PLAIN, [1, 2, 2, 2, 2]) == 1
