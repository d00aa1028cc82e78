"""Alerts that a teacher sets: "over 40 % of the faces look negative for 20 seconds".

An alert is told once. It ends when the share has fallen clearly below its line, and then rests, so
that a share that trembles about the line can't ring again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fer.errors import UsageError
from fer.session.looks import LOOKS
from fer.session.seconds import HOLE


@dataclass(frozen=True)
class Alert:
    """When to tell the teacher. Shares are 0 to 1, times are seconds."""

    what: str  # one of LOOKS
    over: float
    seconds: int
    faces: int = 5  # of fewer faces a share says too little
    margin: float = 0.1  # how far below the line the share must fall to end it
    rest: int = 180  # from its end until it may be told again

    def __post_init__(self) -> None:
        if self.what not in LOOKS:
            raise UsageError(f"an alert is about {', '.join(LOOKS)}, not {self.what!r}")
        if not (0 < self.over < 1 and 0 <= self.margin < self.over):
            raise UsageError("an alert's line lies between 0 and 1, and its margin below the line")
        if not (self.seconds >= 1 and self.faces >= 1 and self.rest >= 0):
            raise UsageError("an alert needs at least one second and one face, and rests 0 or more")


CALM: Final = (Alert("negative", 0.4, 30), Alert("confused", 0.4, 30))


@dataclass(frozen=True)
class Fired:
    """An alert that was told."""

    alert: Alert
    start: float  # when the share went over the line
    end: float | None  # None while it lasts
    peak: float  # the largest share meanwhile


class Watch:
    """One alert on duty: give it every second once, in their order."""

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self.fired: Fired | None = None  # the one that lasts
        self._since: int | None = None  # the share has been over the line from this second on
        self._peak = 0.0
        self._holes = 0
        self._rested = 0  # from this second on it may be told again

    def step(self, second: int, share: float, faces: float) -> Fired | None:
        """A second with a picture. Gives what began or ended with it."""
        self._holes = 0
        line = self.alert.over - (self.alert.margin if self._since is not None else 0)
        # Into the state above the line, out of it below the line's margin.
        over = share >= line if self._since is not None else share > line
        if faces < self.alert.faces or not over:
            return self.end(second)
        if self._since is None:
            self._since, self._peak = second, 0.0
        self._peak = max(self._peak, share)
        if self.fired is not None:
            self.fired = replace(self.fired, peak=self._peak)
        elif second + 1 - self._since >= self.alert.seconds and second >= self._rested:
            self.fired = Fired(self.alert, self._since, None, self._peak)
            return self.fired
        return None

    def skip(self, second: int) -> Fired | None:
        """A second without a picture; a few are overlooked, a gap ends the alert."""
        self._holes += 1
        return self.end(second + 1 - HOLE) if self._holes == HOLE else None

    def end(self, second: float) -> Fired | None:
        """It is over, or the lesson is; gives the alert that ended with it."""
        ended, self.fired, self._since = self.fired, None, None
        if ended is None:
            return None
        self._rested = int(second) + self.alert.rest
        return replace(ended, end=float(second))
