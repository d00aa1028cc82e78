"""The class at one time, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fer.lesson.alerts import Fired
from fer.lesson.indicators import INDICATORS, Mood, mood
from fer.lesson.seconds import Array, Rows, Series, pool

LATELY: Final = 3  # seconds that "now" means
LINE_STEP: Final = 5  # seconds a point of the mood line
LINE_POINTS: Final = 120


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The class at this time, cheap enough to be asked for at every redraw."""

    time: float
    faces: float  # in a picture, lately; 0 where none came
    shares: Array  # (7,): mean probabilities; NaN where nobody was read
    looks: dict[str, float]  # each look's share of the faces
    mood: Mood
    line: Series  # the last ten minutes, always LINE_POINTS long, the running stretch last
    alerts: tuple[Fired, ...]  # those that last
    paused: bool
    silent: float  # seconds since the last picture

    @classmethod
    def of(cls, time: float, lately: Rows, **known: Any) -> Snapshot:
        """From the rows of the last seconds, and what else is known."""
        means = pool(lately, len(lately))
        return cls(
            time=time,
            faces=float(np.nan_to_num(means.faces[0])),
            shares=means.shares[0],
            looks=dict(zip(INDICATORS, map(float, means.looks[0]), strict=True)),
            mood=mood(means.shares[0]),
            **known,
        )
