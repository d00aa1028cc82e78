from io import StringIO

import pytest

from fer.cli.terminal import PATIENCE, REPEAT, Progress, minutes


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_shows_nothing() -> None:
    clock, log = Clock(), StringIO()
    progress = Progress("Reading", log, clock)
    clock.now += PATIENCE * 0.9
    progress.at(0.9, "9 of 10")
    progress.clear()
    assert log.getvalue() == ""


def test_a_log_gets_a_line_every_15_seconds() -> None:
    clock, log = Clock(), StringIO()
    progress = Progress("Reading", log, clock)
    for second in range(41):
        clock.now = 100.0 + second
        progress.at(second / 40, f"{second} of 40")
    lines = log.getvalue().splitlines()
    assert len(lines) == 1 + (40 - PATIENCE) // REPEAT
    assert lines[0] == "Reading: 2 of 40, 5%, 0:38 left"


def test_a_terminal_has_one_line_that_is_erased() -> None:
    clock, screen = Clock(), Terminal()
    progress = Progress("Reading", screen, clock)
    for second in (3, 4):
        clock.now = 100.0 + second
        progress.at(None, "x" * (10 - second))
    progress.clear()
    _, first, second_line, blank, end = screen.getvalue().split("\r")
    assert first == "Reading: xxxxxxx"
    assert second_line == "Reading: xxxxxx "  # covers the longer one
    assert blank.strip() == end == ""
    assert "\n" not in screen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3675, "1:01:15")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert minutes(seconds) == shown
