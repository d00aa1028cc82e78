"""The report: one HTML file that works offline, reads well and prints well.

The page's structure is report.html.jinja; this module computes what it shows.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from fer.emotions import COLOURS, EMOTIONS
from fer.lesson import INDICATORS, Fired, Lesson
from fer.lesson.indicators import FLAT, HALF, NEGATIVE, UNSURE
from fer.lesson.report.chart import POINTS, timeline
from fer.lesson.report.text import ReportText, sentences
from fer.lesson.report.trust import FEW, Trust
from fer.lesson.seconds import series, whole

TEMPLATE: Final = "report.html.jinja"


def to_html(lesson: Lesson, trust: Trust | None = None, words: ReportText | None = None) -> str:
    """Return the report as HTML; `trust` holds how often the network was right in tests."""
    words, info = words or ReportText(), lesson.info
    begun, ended = info.started, lesson.ended
    until = words("running") if ended is None else f"{begun + timedelta(seconds=ended):%H:%M}"
    return _template().render(
        words=words,
        colours=COLOURS,
        name=info.name or words("unnamed"),
        date=f"{begun:%Y-%m-%d}",
        clock=words("range", start=f"{begun:%H:%M}", end=until),
        zone=f"{begun:%Z}",
        sentences=sentences(lesson, words),
        drawing=Markup(timeline(lesson, words).to_svg()) if lesson.duration else None,
        step=words.many("seconds", series(lesson.rows(), POINTS).step),
        **_means(lesson, words),
        notes=[(words.time(note.time), words(note.kind), note.text) for note in lesson.notes],
        alerts=[_alert(one, words) for one in sorted(lesson.fired, key=lambda one: one.start)],
        trust=trust,
        trust_rows=[] if trust is None else [_trust(trust, name, words) for name in EMOTIONS],
        law=_law(lesson, words),
        rules=_rules(words),
        origin=[
            words("how.kept"),
            words("how.model", model=info.model, version=info.version) if info.model else "",
        ],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("fer.lesson", "report"),
        # Escapes everything that is not marked as safe. The .css file takes no values.
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(TEMPLATE)


def _means(lesson: Lesson, words: ReportText) -> dict[str, Any]:
    """Return the values of the tiles at the top and of the tables of means."""
    means = whole(lesson.rows())
    shares = {name: words.share(float(means.indicator(name)[0])) for name in INDICATORS}
    faces = means.faces[0]
    return {
        "tiles": {
            "duration": words.time(lesson.duration),
            "faces": words("unknown") if np.isnan(faces) else f"{faces:.0f}",
            "negative": shares["negative"],
            "confused": shares["confused"],
        },
        "expressions": [
            (name, words.share(mean), words.share(first))
            for name, mean, first in zip(EMOTIONS, means.shares[0], means.words[0], strict=True)
        ],
        "indicators": [(words(name), share) for name, share in shares.items()],
    }


def _alert(fired: Fired, words: ReportText) -> tuple[str, str, str]:
    """Return a row: from when to when, the largest share, and the alert's rule."""
    alert = fired.alert
    end = words("running") if fired.end is None else words.time(fired.end)
    seconds = words.many("seconds", alert.seconds)
    rule = words("alerts.rule", share=words.share(alert.over), seconds=seconds)
    span = words("range", start=words.time(fired.start), end=end)
    return span, words.share(fired.peak), f"{words(f'{alert.what}.short')}: {rule}"


def _trust(trust: Trust, name: str, words: ReportText) -> tuple[str, str, str]:
    """Return a row: the emotion, how many of ten named so are right, how many of ten are found."""
    called, found = (
        words(f"tenths.{int(10 * shares[name] + 0.5)}") for shares in (trust.called, trust.found)
    )
    few = f" {words('limits.few')}" if trust.faces[name] < FEW else ""
    return name, called, found + few


def _law(lesson: Lesson, words: ReportText) -> list[str]:
    info = lesson.info
    consent = words("law.not")
    if when := info.acknowledged:
        consent = words("law.acknowledged", date=f"{when:%Y-%m-%d}", time=f"{when:%H:%M}")
    region = [words("law.region", region=info.region)] if info.region else []
    return [consent, *region, words("law.act")]


def _rules(words: ReportText) -> list[str]:
    """Return the sentences that explain the indicators."""
    half = words.share(HALF)
    return [
        words("how.negative", words=words.listed(NEGATIVE), half=half),
        words("how.confused", words=words.listed(UNSURE), half=half),
        words("how.flat", word=words("neutral"), flat=words.share(FLAT)),
        words("how.positive", word=words("happy"), half=half),
        words("how.overlap"),
    ]
