"""What the person at the terminal is told: lines, and how far a long piece of work has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

PATIENCE: Final = 2.0  # seconds before anything is shown
REDRAW: Final = 0.2  # seconds between redrawings on a terminal
REPEAT: Final = 15.0  # seconds between lines in a log


def say(line: str) -> None:
    """A line for the person at the terminal; standard output is kept for results."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """One line that is redrawn on a terminal, and a line every so often in a log."""

    def __init__(
        self,
        what: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._stream, self._clock = what, stream or sys.stderr, clock
        self._begun = clock()
        self._live = self._stream.isatty()
        self._due = self._begun + PATIENCE
        self._shown = 0  # letters of the line that stands there now

    def at(self, share: float | None, done: str) -> None:
        """So much of the work is done, from 0 to 1; None where nobody knows."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + (REDRAW if self._live else REPEAT)
        line = f"{self._what}: {done}"
        if share:
            left = (now - self._begun) * (1 / min(share, 1) - 1)
            line += f", {share:.0%}, {minutes(left)} left"
        if self._live:
            self._stream.write("\r" + line.ljust(self._shown))
            self._shown = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away, so that another can be printed in its place."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


def minutes(seconds: float) -> str:
    """A stretch of time as a clock shows it.

    >>> minutes(75), minutes(3675)
    ('1:15', '1:01:15')
    """
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    clock = f"{rest // 60}:{rest % 60:02}"
    return f"{hours}:{clock.zfill(5)}" if hours else clock
