"""Print messages and the progress of long work on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

PATIENCE: Final = 2.0  # seconds before progress is shown first
REDRAW: Final = 0.2  # seconds between two updates on a terminal
REPEAT: Final = 15.0  # seconds between two lines in a log


def message(line: str) -> None:
    """Print a line on standard error; standard output is for results."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Shows progress: a line that is updated on a terminal, a line every 15 seconds in a log."""

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
        self._shown = 0  # length of the line that is on the terminal

    def at(self, share: float | None, done: str) -> None:
        """Show progress: the share that is done, 0 to 1 (None if unknown), and a text."""
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
        """Erase the progress line before printing something else."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


def minutes(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    >>> minutes(75), minutes(3675)
    ('1:15', '1:01:15')
    """
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    clock = f"{rest // 60}:{rest % 60:02}"
    return f"{hours}:{clock.zfill(5)}" if hours else clock
