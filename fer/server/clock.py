"""Frame times that may be trusted, from clocks that may not."""

from __future__ import annotations

from typing import Final

SMALLEST_STEP: Final = 0.001  # seconds; two frames never have the same time
LARGEST_LEAD: Final = 2.0  # seconds that frames' times may run faster than ours between two frames


class FrameClock:
    """Makes one stream's times grow steadily, whatever its senders' clocks do.

    A page that was loaded again counts from nought, and a hostile one says anything. Such a step
    is replaced by the time that passed here.
    """

    def __init__(self) -> None:
        self._said: float | None = None
        self._arrived = 0.0
        self._time = 0.0

    def time(self, said: float, arrived: float) -> float:
        """The frame's time in seconds, above the last one's; `arrived` is our own clock's."""
        if self._said is None:
            self._time = said if 0 <= said < 1e9 else 0.0
        else:
            step, passed = said - self._said, arrived - self._arrived
            if not 0 < step < passed + LARGEST_LEAD:
                step = passed
            self._time += max(step, SMALLEST_STEP)
        self._said, self._arrived = said, arrived
        return self._time


class DelayGauge:
    """How long ago a frame was taken, where the sender's clock has an unknown offset to ours.

    The quickest frame of the last minute or two shows the offset; what a frame takes beyond it is
    its delay. The way's own shortest time can't be seen so, on a school's line a few hundredths.
    """

    MEMORY: Final = 60.0  # seconds; clocks drift apart, so old offsets must go

    def __init__(self) -> None:
        self._since = 0.0
        self._least = self._least_before = float("inf")

    def arrived(self, said: float, now: float) -> None:
        """A frame came whose sender's clock said so."""
        if now - self._since > self.MEMORY:
            self._since, self._least_before = now, self._least
            self._least = float("inf")
        self._least = min(self._least, now - said)

    def delay(self, said: float, now: float) -> float:
        """Seconds since that frame was taken, as far as can be told."""
        taken = now - said - min(self._least, self._least_before)
        return min(max(taken, 0.0), self.MEMORY)  # a clock that jumps must not spoil the figures
