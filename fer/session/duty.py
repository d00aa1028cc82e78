"""All of a lesson's alerts: shown every second once, and what they told is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from fer.session.alerts import Alert, Fired, Watch
from fer.session.looks import LOOKS
from fer.session.seconds import Rows


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
    share = row["looks"][LOOKS.index(watch.alert.what)] / max(row["read"], 1)
    return watch.step(second, float(share), row["seen"] / row["frames"])
