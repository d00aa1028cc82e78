"""The class at one time, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fer.lesson.alerts import Fired
from fer.lesson.indicators import INDICATORS, Mood, mood
from fer.lesson.seconds import Array, Rows, Series, pool

LATELY: Final = 3  # newest seconds, over which a snapshot's means are taken
LINE_STEP: Final = 5  # seconds between points of the mood line
LINE_POINTS: Final = 120


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The class at one time. Making one is cheap enough for every redraw."""

    time: float
    faces: float  # mean number in a picture; 0 without pictures
    shares: Array  # (7,): mean probabilities; NaN if no face was read
    indicators: dict[str, float]  # the share of the faces that have each
    mood: Mood
    line: Series  # the last ten minutes, always LINE_POINTS long, the current stretch last
    alerts: tuple[Fired, ...]  # those that last
    paused: bool
    silent: float  # seconds since the last picture
    version: int = 0  # of a live lesson: grows with each snapshot that is made

    @classmethod
    def of(cls, time: float, lately: Rows, **known: Any) -> Snapshot:
        """Return a snapshot computed from the rows of the last seconds and the other fields."""
        means = pool(lately, len(lately))
        return cls(
            time=time,
            faces=float(np.nan_to_num(means.faces[0])),
            shares=means.shares[0],
            indicators=dict(zip(INDICATORS, map(float, means.indicators[0]), strict=True)),
            mood=mood(means.shares[0]),
            **known,
        )
