"""Compute the times and delays of frames from clients' clocks, which may be wrong."""

from __future__ import annotations

from typing import Final

SMALLEST_STEP: Final = 0.001  # seconds between two frames at least
LARGEST_LEAD: Final = 2.0  # seconds by which a client's step may exceed ours


class FrameClock:
    """Gives each frame of a stream a time that always grows, whatever the client's clock does.

    A reloaded page begins at 0 again, and a hostile one sends any number. If the step between two
    frames is impossible, the time that passed on this server replaces it.
    """

    def __init__(self) -> None:
        self._client_time: float | None = None
        self._arrived = 0.0
        self._time = 0.0

    def time(self, client_time: float, arrived: float) -> float:
        """Return a frame's time in seconds; `arrived` is when it came, by this server's clock."""
        if self._client_time is None:
            self._time = client_time if 0 <= client_time < 1e9 else 0.0
        else:
            step, passed = client_time - self._client_time, arrived - self._arrived
            if not 0 < step < passed + LARGEST_LEAD:
                step = passed
            self._time += max(step, SMALLEST_STEP)
        self._client_time, self._arrived = client_time, arrived
        return self._time


class DelayGauge:
    """Estimates how long ago a frame was taken, without a clock in common with the client.

    The quickest frame of the last minute or two gives the offset between the clocks. The time that
    a frame takes beyond it is its delay. The quickest frame's own time on the network is unknown
    and not counted: a few hundredths of a second on a school's line.
    """

    MEMORY: Final = 60.0  # seconds; clocks drift apart, so old offsets are dropped

    def __init__(self) -> None:
        self._since = 0.0
        self._least = self._least_before = float("inf")

    def arrived(self, client_time: float, now: float) -> None:
        """Note a frame's time by the client's clock and its arrival by ours."""
        if now - self._since > self.MEMORY:
            self._since, self._least_before = now, self._least
            self._least = float("inf")
        self._least = min(self._least, now - client_time)

    def delay(self, client_time: float, now: float) -> float:
        """Return the estimated seconds since a frame was taken, 0 to MEMORY."""
        delay = now - client_time - min(self._least, self._least_before)
        return min(max(delay, 0.0), self.MEMORY)  # the client's clock may have jumped
