"""The report's texts: none is missing, none is unused, each value has a name."""

import re
import string
from pathlib import Path

import pytest

import fer.lesson.report
from fer.emotions import EMOTIONS
from fer.lesson import INDICATORS, KINDS
from fer.lesson.report import ENGLISH, ReportText

SOURCES = "\n".join(
    path.read_text()
    for path in Path(fer.lesson.report.__file__).parent.iterdir()
    if path.suffix in (".py", ".jinja")
)
# Keys that the code puts together from parts.
FAMILIES = {
    *EMOTIONS,
    *KINDS,
    *INDICATORS,
    *(f"{name}.short" for name in INDICATORS),
    *("pause", "lost", "percent", "unknown", "and"),
    *(f"tenths.{tenth}" for tenth in range(11)),
    *(f"{many}.{n}" for many in ("faces", "minutes", "seconds", "alerts") for n in ("one", "many")),
    *(f"tile.{tile}" for tile in ("duration", "faces", "negative", "confused")),
    *(f"timeline.{panel}" for panel in ("expressions", "indicators", "faces")),
    *("mostly", "mostly.some", "mixed", "brighter", "darker", "steady"),
}


def test_every_text_is_used_and_every_used_text_exists() -> None:
    used = set(re.findall(r"words\(\s*[\"']([a-z.]+)[\"'][,)]", SOURCES)) | FAMILIES
    assert used == set(ENGLISH)


def test_another_language_needs_only_another_mapping() -> None:
    shouted = {key: f"¡{words}!" for key, words in ENGLISH.items()}
    assert ReportText(shouted)("notes") == "¡Notes!"
    assert ReportText(shouted).share(0.5) == "¡50 %!"


def test_every_value_in_a_text_has_a_name() -> None:
    for words in ENGLISH.values():
        names = [name for _, name, _, _ in string.Formatter().parse(words) if name is not None]
        assert all(names)


@pytest.mark.parametrize(
    ("seconds", "clock", "span"),
    [
        (0, "0:00", "0 seconds"),
        (1, "0:01", "1 second"),
        (119.4, "1:59", "119 seconds"),
        (120, "2:00", "2 minutes"),
        (3725.9, "1:02:05", "62 minutes"),
    ],
)
def test_times(seconds: float, clock: str, span: str) -> None:
    assert (ReportText().time(seconds), ReportText().span(seconds)) == (clock, span)


def test_shares_and_lists() -> None:
    words = ReportText()
    assert (words.share(0.125), words.share(float("nan"))) == ("12 %", "–")
    assert words.listed(("angry", "fear", "sad")) == "angry, fear and sad"
