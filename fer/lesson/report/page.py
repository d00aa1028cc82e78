"""The report: one HTML file that works offline, reads well and prints well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import numpy as np

from fer.emotions import COLOURS, EMOTIONS
from fer.lesson import INDICATORS, Fired, Lesson, Note
from fer.lesson.indicators import FLAT, HALF, NEGATIVE, UNSURE
from fer.lesson.report.chart import POINTS, timeline
from fer.lesson.report.html import Html, join, table, tag, text
from fer.lesson.report.text import Words, sentences
from fer.lesson.report.trust import FEW, Trust

# Whatever a name or note may hold, nothing runs and nothing is fetched.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE: Final = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5b6675; --line: #d8dde4; --panel: #f5f7f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink);
  background: #fff; font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 0; }
.tiles div { background: var(--panel); border-radius: .6rem; padding: .8rem 1rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .85rem; line-height: 1.3; display: block; }
.columns { display: grid; grid-template-columns: 3fr 2fr; gap: 0 3rem; align-items: start; }
@media (max-width: 44rem) { .columns { grid-template-columns: 1fr; } }
figure { margin: .75rem 0; }
svg { display: block; width: 100%; height: auto; }
svg text { font-family: system-ui, "DejaVu Sans", sans-serif; }
.wide { overflow-x: auto; } .wide svg { min-width: 40rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: .8rem; overflow-wrap: normal; }
.numbers td:not(:first-child), .numbers th:not(:first-child) { text-align: right; }
.numbers th:last-child, .numbers td:last-child { padding-right: 0; }
.events td:not(:last-child) { white-space: nowrap; }
.disc { display: inline-block; min-width: 1.35rem; padding: 0 .3rem; border-radius: 1rem;
  background: var(--ink); color: #fff; font-size: .75rem; text-align: center; }
.sign { display: inline-block; width: .75rem; height: .75rem; margin-right: .5rem;
  border-radius: 2px; }
.law { border-left: 4px solid #d55e00; padding: .1rem 0 .1rem 1rem; }
@page { margin: 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; }
  .wide { overflow: visible; } .wide svg { min-width: 0; }
  .columns { grid-template-columns: 3fr 2fr; }
  h2 { break-after: avoid; } figure, tr, .tiles, .law { break-inside: avoid; } }
"""


def to_html(lesson: Lesson, trust: Trust | None = None, words: Words | None = None) -> str:
    """The whole page. `trust`: what was measured of the network, for how far to believe it."""
    words = words or Words()
    name = lesson.info.name or words("unnamed")
    body = join(
        [
            *_head(lesson, name, words),
            tag("h2", words("summary")),
            *(tag("p", sentence) for sentence in sentences(lesson, words)),
            *(_timeline(lesson, words) if lesson.duration else ()),
            *(_means(lesson, words) if lesson.duration else ()),
            *_moments(lesson.moments, words),
            *_alerts(lesson.fired, words),
            *_limits(trust, words),
            *_law(lesson, words),
            *_how(lesson, words),
        ]
    )
    return (
        f'<!doctype html>\n<html lang="{words("language")}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _head(lesson: Lesson, name: str, words: Words) -> Iterator[Html]:
    begun, whole = lesson.info.started, lesson.whole()
    ended = words("running")
    if lesson.ended is not None:
        ended = f"{begun + timedelta(seconds=lesson.ended):%H:%M}"
    clock = words("range", start=f"{begun:%H:%M}", end=ended)
    yield tag("h1", name)
    yield tag("p", f"{begun:%Y-%m-%d} · {clock} · {begun:%Z}", class_="soft")
    faces = words("unknown") if np.isnan(whole.faces[0]) else f"{whole.faces[0]:.0f}"
    tiles = {
        "duration": words.time(lesson.duration),
        "faces": faces,
        "negative": words.share(float(whole.look("negative")[0])),
        "confused": words.share(float(whole.look("confused")[0])),
    }
    yield tag(
        "div",
        *(tag("div", tag("b", v), tag("span", words(f"tile.{k}"))) for k, v in tiles.items()),
        class_="tiles",
    )


def _timeline(lesson: Lesson, words: Words) -> Iterator[Html]:
    step = words.many("seconds", lesson.series(POINTS).step)
    yield tag("h2", words("timeline"))
    yield tag(
        "figure",
        tag("div", timeline(lesson, words).to_svg(), class_="wide"),
        tag("figcaption", words("timeline.caption", step=step)),
    )


def _means(lesson: Lesson, words: Words) -> Iterator[Html]:
    whole = lesson.whole()
    expressions = table(
        [words("means.expression"), words("means.share"), words("means.first")],
        [
            (_sign(name, words), words.share(mean), words.share(first))
            for name, mean, first in zip(EMOTIONS, whole.shares[0], whole.words[0], strict=True)
        ],
        "numbers",
    )
    looks = table(
        [words("looks.look"), words("looks.share")],
        [(words(name), words.share(float(whole.look(name)[0]))) for name in INDICATORS],
        "numbers",
    )
    yield tag("h2", words("means"))
    yield tag("div", expressions, looks, class_="columns")


def _sign(name: str, words: Words) -> Html:
    return join([tag("span", class_="sign", style=f"background:{COLOURS[name]}"), words(name)], "")


def _moments(moments: list[Note], words: Words) -> Iterator[Html]:
    if moments:
        rows = [
            (tag("span", n, class_="disc"), words.time(one.time), words(one.kind), one.text)
            for n, one in enumerate(moments, start=1)
        ]
        yield tag("h2", words("moments"))
        head = ["", words("moments.time"), words("moments.kind"), words("moments.text")]
        yield table(head, rows, "events")


def _alerts(fired: list[Fired], words: Words) -> Iterator[Html]:
    if not fired:
        return
    rows = []
    for one in sorted(fired, key=lambda one: one.start):
        end = words("running") if one.end is None else words.time(one.end)
        seconds = words.many("seconds", one.alert.seconds)
        rule = words("alerts.rule", share=words.share(one.alert.over), seconds=seconds)
        span = words("range", start=words.time(one.start), end=end)
        what = f"{words(f'{one.alert.what}.short')}: {rule}"
        rows.append((span, words.share(one.peak), what))
    yield tag("h2", words("alerts"))
    head = [words("alerts.time"), words("alerts.peak"), words("alerts.what")]
    yield table(head, rows, "events")


def _limits(trust: Trust | None, words: Words) -> Iterator[Html]:
    yield tag("h2", words("limits"))
    yield tag("p", words("limits.feeling"))
    if trust is None:
        yield tag("p", words("limits.unmeasured"))
        return
    yield tag("p", words("limits.measured", n=trust.n))
    rows = []
    for name in EMOTIONS:
        called, found = (
            words(f"tenths.{int(10 * shares[name] + 0.5)}")
            for shares in (trust.called, trust.found)
        )
        few = f" {words('limits.few')}" if trust.faces[name] < FEW else ""
        rows.append((_sign(name, words), called, found + few))
    head = [words("means.expression"), words("limits.called"), words("limits.found")]
    yield table(head, rows)


def _law(lesson: Lesson, words: Words) -> Iterator[Html]:
    info = lesson.info
    said = words("law.not")
    if when := info.acknowledged:
        said = words("law.acknowledged", date=f"{when:%Y-%m-%d}", time=f"{when:%H:%M}")
    region = words("law.region", region=info.region) if info.region else ""
    yield tag("h2", words("law"))
    yield tag(
        "div", *(tag("p", one) for one in (said, region, words("law.act")) if one), class_="law"
    )


def _how(lesson: Lesson, words: Words) -> Iterator[Html]:
    half, info = words.share(HALF), lesson.info
    yield tag("h2", words("how"))
    yield tag("p", words("how.mean"))
    rules = (
        words("how.negative", words=words.listed(NEGATIVE), half=half),
        words("how.confused", words=words.listed(UNSURE), half=half),
        words("how.flat", word=words("neutral"), flat=words.share(FLAT)),
        words("how.positive", word=words("happy"), half=half),
        words("how.overlap"),
    )
    yield tag("p", join(rules, " "))
    model = words("how.model", model=info.model, version=info.version) if info.model else ""
    yield tag("p", join((words("how.kept"), model), " "), class_="soft")
