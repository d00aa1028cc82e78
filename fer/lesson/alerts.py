"""Alerts that a teacher sets, such as "over 40 % of the faces look negative for 20 seconds".

An alert fires once. It ends when the share has fallen clearly below its line, and then rests, so
that a share that moves around the line does not fire it again and again.
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
    """A setting: when to alert the teacher. Shares are 0 to 1, times are seconds."""

    what: str  # one of INDICATORS
    over: float  # the share of faces that must be exceeded: the alert's line
    seconds: int  # for how long
    faces: int = 5  # fewer faces fire no alert: a share of so few says too little
    margin: float = 0.1  # how far below the line the share must fall to end it
    rest: int = 180  # from its end until it may fire again

    def __post_init__(self) -> None:
        if self.what not in INDICATORS:
            raise UsageError(
                f"unknown indicator {self.what!r} in an alert; use one of {', '.join(INDICATORS)}"
            )
        if not 0 <= self.margin < self.over < 1:
            raise UsageError(
                "an alert's `over` must lie between 0 and 1, and its margin between 0 and `over`"
            )
        if not (self.seconds >= 1 and self.faces >= 1 and self.rest >= 0):
            raise UsageError(
                "an alert needs at least one second and one face, and a rest of 0 or more seconds"
            )


CALM: Final = (Alert("negative", 0.4, 30), Alert("confused", 0.4, 30))  # the default alerts


@dataclass(frozen=True)
class Fired:
    """An occurrence of an alert."""

    alert: Alert
    start: float  # when the share went over the line
    end: float | None  # None while it lasts
    peak: float  # the largest share so far


class Monitor:
    """Monitors one alert. Call `step` or `skip` once per second, in order."""

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self.fired: Fired | None = None  # the occurrence that lasts
        self._since: int | None = None  # the second in which the share went over the line
        self._peak = 0.0
        self._empty = 0  # seconds without a picture, in a row
        self._rested = 0  # the second from which it may fire again

    def step(self, second: int, share: float, faces: float) -> Fired | None:
        """Process a second with pictures; return the occurrence that began or ended with it."""
        self._empty = 0
        line = self.alert.over - (self.alert.margin if self._since is not None else 0)
        # An occurrence begins above the line, and ends more than the margin below it.
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
        """Process a second without pictures: HOLE such seconds in a row end the occurrence."""
        self._empty += 1
        return self.end(second + 1 - HOLE) if self._empty == HOLE else None

    def end(self, second: float) -> Fired | None:
        """End the occurrence that lasts and return it; return None if none lasts."""
        ended, self.fired, self._since = self.fired, None, None
        if ended is None:
            return None
        self._rested = int(second) + self.alert.rest
        return replace(ended, end=float(second))


class Monitors:
    """Monitors all alerts that are set, and holds their occurrences. The caller must lock."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        self.ended: list[Fired] = []
        self._monitors = [Monitor(alert) for alert in alerts]
        self._next = 0  # the first second that was not processed

    @property
    def alerts(self) -> list[Alert]:
        """Return the alerts that are set."""
        return [monitor.alert for monitor in self._monitors]

    @property
    def lasting(self) -> list[Fired]:
        """Return the occurrences that last."""
        return [monitor.fired for monitor in self._monitors if monitor.fired is not None]

    def restore(self, fired: Iterable[Fired], seconds: int) -> None:
        """Restore a stored lesson's occurrences and go on at `seconds`; end those that lasted."""
        end = float(seconds)
        self.ended = [one if one.end is not None else replace(one, end=end) for one in fired]
        self._next = seconds

    def set(self, alerts: Iterable[Alert]) -> None:
        """Set these alerts from now on; end the occurrences of alerts that are no longer set."""
        known = {monitor.alert: monitor for monitor in self._monitors}
        self._monitors = [known.get(alert) or Monitor(alert) for alert in dict.fromkeys(alerts)]
        for monitor in known.values():
            if monitor not in self._monitors:
                self._keep(monitor.end(self._next))

    def process(self, rows: Rows, end: int) -> None:
        """Process the seconds before `end` that are new."""
        for second in range(self._next, end):
            for monitor in self._monitors:
                self._keep(_step(monitor, second, rows[second]))
        self._next = max(self._next, end)

    def end(self, time: float) -> None:
        """End every occurrence; call at the end of the lesson."""
        for monitor in self._monitors:
            self._keep(monitor.end(time))

    def _keep(self, fired: Fired | None) -> None:
        if fired is not None and fired.end is not None:
            self.ended.append(fired)


def _step(monitor: Monitor, second: int, row: np.void) -> Fired | None:
    if not row["frames"]:
        return monitor.skip(second)
    share = row["looks"][INDICATORS.index(monitor.alert.what)] / max(row["read"], 1)
    return monitor.step(second, float(share), row["seen"] / row["frames"])
