"""Alerts that a teacher sets: "over 40 % of the faces look negative for 20 seconds".

An alert is told once. It ends when the share has fallen clearly below its line, and then rests, so
that a share that trembles about the line can't ring again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fer.errors import UsageError
from fer.lesson.indicators import INDICATORS
from fer.lesson.seconds import HOLE, Rows


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
        if self.what not in INDICATORS:
            raise UsageError(f"an alert is about {', '.join(INDICATORS)}, not {self.what!r}")
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


class Duty:
    """The alerts that are set, and those that were told. Its owner sees to threads."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        self.over: list[Fired] = []
        self._watches = [Watch(alert) for alert in alerts]
        self._judged = 0  # seconds that were shown

    @property
    def alerts(self) -> list[Alert]:
        """Those that are set."""
        return [watch.alert for watch in self._watches]

    @property
    def lasting(self) -> list[Fired]:
        """Those that were told and are not over."""
        return [watch.fired for watch in self._watches if watch.fired is not None]

    def restore(self, fired: Iterable[Fired], seconds: int) -> None:
        """Goes on after so many seconds; what lasted then is over."""
        ended = float(seconds)
        self.over = [one if one.end is not None else replace(one, end=ended) for one in fired]
        self._judged = seconds

    def change(self, alerts: Iterable[Alert]) -> None:
        """Other alerts from here on; those that are no longer set are over."""
        known = {watch.alert: watch for watch in self._watches}
        self._watches = [known.get(alert) or Watch(alert) for alert in dict.fromkeys(alerts)]
        for watch in known.values():
            if watch not in self._watches:
                self._keep(watch.end(self._judged))

    def judge(self, rows: Rows, end: int) -> None:
        """Shows the alerts the seconds before `end` that they haven't seen."""
        for second in range(self._judged, end):
            for watch in self._watches:
                self._keep(_show(watch, second, rows[second]))
        self._judged = max(self._judged, end)

    def end(self, time: float) -> None:
        """The lesson is over."""
        for watch in self._watches:
            self._keep(watch.end(time))

    def _keep(self, told: Fired | None) -> None:
        if told is not None and told.end is not None:
            self.over.append(told)


def _show(watch: Watch, second: int, row: np.void) -> Fired | None:
    if not row["frames"]:
        return watch.skip(second)
    share = row["looks"][INDICATORS.index(watch.alert.what)] / max(row["read"], 1)
    return watch.step(second, float(share), row["seen"] / row["frames"])
