"""The state of the class as plain HTML. A chart would be rebuilt every second and flicker."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

from fer.emotions import COLOURS, EMOTIONS
from fer.lesson import Fired, Note, Person, Snapshot
from fer.ui.text import emotion, plural, text

SHOWN: Final = (
    "negative",
    "confused",
    "flat",
)  # indicators; the positive one is already among the bars
WIDTH, HEIGHT = 300, 70  # of the mood line, in its own units
GREY: Final = "#8A8A8A"  # readable on white and on black
SHORTEST: Final = 60.0  # seconds that the mood line's width stands for at least
STRIP: Final = 60  # seconds of a single face

STYLE: Final = """<style>
.fer-class { font-variant-numeric: tabular-nums; display: grid; gap: .9rem; }
.fer-class p { margin: 0; }
.fer-class .faces { font-size: 1.5rem; font-weight: 600; line-height: 1.2; }
.fer-class .small { font-size: .85rem; opacity: .75; }
.fer-class .rule { text-decoration: underline dotted; cursor: help; margin-bottom: .3rem; }
.fer-class .alert { padding: .5rem .7rem; border-left: 4px solid #E69F00; border-radius: 4px;
  background: color-mix(in srgb, #E69F00 14%, transparent); }
.fer-bars > div { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr 3rem;
  align-items: center; gap: .5rem; padding: .15rem 0; }
.fer-bars i { height: .8rem; border-radius: 3px; overflow: hidden;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.fer-bars b { display: block; height: 100%; transition: width .6s ease; }
.fer-bars span:last-child { text-align: right; }
.fer-indicators { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem;
  text-align: center; }
.fer-indicators div { padding: .4rem .2rem; border-radius: 6px;
  background: color-mix(in srgb, currentColor 7%, transparent); }
.fer-indicators b { display: block; font-size: 1.15rem; }
.fer-line img { display: block; width: 100%; height: 5rem; }
.fer-line div { display: flex; justify-content: space-between; font-size: .75rem; opacity: .75; }
.fer-people { display: grid; gap: .35rem; }
.fer-people > div { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .5rem;
  align-items: center; font-size: .85rem; }
.fer-people .strip { display: flex; height: .7rem; border-radius: 3px; overflow: hidden;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.fer-people .strip i { flex: 1; }
</style>"""


def panel(snapshot: Snapshot, notes: Iterable[Note] = (), alerts: Iterable[Fired] = ()) -> str:
    """Return the class's snapshot as HTML: faces, alerts, shares, indicators, mood line."""
    n = round(snapshot.faces)
    shares = dict(zip(EMOTIONS, map(float, np.nan_to_num(snapshot.shares)), strict=True))
    parts = [f'<p class="faces">{plural("live.faces", n)}</p>']
    parts += [_notice(fired, snapshot) for fired in snapshot.alerts]
    parts += [
        bars(shares),
        indicators(snapshot.indicators),
        mood_line(snapshot, [*notes], [*alerts]),
    ]
    return f'{STYLE}<div class="fer-class">{"".join(parts)}</div>'


def bars(shares: Mapping[str, float]) -> str:
    """Return the seven shares as an HTML list with bars."""
    rows = (
        f'<div role="listitem"><span>{emotion(name)}</span>'
        f'<i aria-hidden="true"><b style="width:{share:.0%};background:{COLOURS[name]}"></b></i>'
        f"<span>{100 * share:.0f} %</span></div>"
        for name, share in shares.items()
    )
    return f'<div class="fer-bars" role="list">{"".join(rows)}</div>'


def indicators(shares: Mapping[str, float]) -> str:
    """Return the shares of faces with each indicator as HTML."""
    cells = (
        f"<div><b>{_percent(shares[name])}</b>{text(f'live.indicator.{name}')}</div>"
        for name in SHOWN
    )
    return (
        f'<div><p class="small rule" title="{escape(text("live.rule"))}">'
        f'{text("live.indicators")}</p><div class="fer-indicators">{"".join(cells)}</div></div>'
    )


def mood_line(snapshot: Snapshot, notes: Sequence[Note], alerts: Sequence[Fired]) -> str:
    """Return the mood over the last ten minutes as HTML, with notes and fired alerts."""
    series, values = snapshot.line, snapshot.line.balance
    # A lesson of less than ten minutes takes the whole width too.
    first = int((series.times >= 0).argmax())
    values, start = values[first:], float(series.times[first])
    span = max(snapshot.time - start, SHORTEST)

    def x(time: float) -> float:
        return WIDTH * min(max((time - start) / span, 0.0), 1.0)

    spans = "".join(
        f'<rect fill="#E69F00" opacity=".3" x="{x(one.start):.1f}" y="0" height="{HEIGHT}" '
        f'width="{max(x(snapshot.time if one.end is None else one.end) - x(one.start), 1.5):.1f}"/>'
        for one in alerts
        if one.end is None or one.end > start
    )
    ticks = "".join(
        f'<path d="M{x(one.time):.1f} 0V{HEIGHT}" stroke="#0072B2" stroke-width="2"/>'
        for one in notes
        if one.time >= start
    )
    known = values[~np.isnan(values)]
    alt = text(
        "live.line_alt",
        now="–" if not len(known) else f"{known[-1]:+.1f}",
        low="–" if not len(known) else f"{known.min():+.1f}",
        high="–" if not len(known) else f"{known.max():+.1f}",
        marks=sum(one.time >= start for one in notes),
    )
    # As an image's data, because Streamlit removes SVG elements from HTML.
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" preserveAspectRatio="none">{spans}'
        f'<path d="M0 {HEIGHT / 2}H{WIDTH}" stroke="{GREY}" stroke-dasharray="3 3" opacity=".6" />'
        f'{ticks}<path fill="none" stroke="{GREY}" stroke-width="2" '
        f'd="{_path(values, series.step * WIDTH / span)}"/></svg>'
    )
    source = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    return (
        f'<div class="fer-line"><p class="small">{text("live.line")}</p>'
        f"<div><span>{text('live.line_top')}</span></div>"
        f'<img src="{source}" alt="{escape(alt)}">'
        f"<div><span>{text('live.line_bottom')}</span></div></div>"
    )


def people(persons: Sequence[Person]) -> str:
    """Return single faces as HTML: number, emotion, and the last minute as a coloured strip."""
    if not persons:
        return f'{STYLE}<p class="small">{text("live.nobody")}</p>'
    rows = []
    for one in persons:
        word = emotion(one.word) if one.word else "–"
        hint = f" · {text('live.attention')}" if one.may_need_attention else ""
        strip = "".join(
            f'<i style="background:{COLOURS[EMOTIONS[at]] if at >= 0 else "transparent"}"></i>'
            for at in one.words[-STRIP:]
        )
        rows.append(
            f"<div><span>{text('live.person', id=one.id, word=word)}{hint}</span>"
            f'<span class="strip" aria-hidden="true">{strip}</span></div>'
        )
    return f'{STYLE}<div class="fer-people">{"".join(rows)}</div>'


def _notice(fired: Fired, snapshot: Snapshot) -> str:
    share = _percent(snapshot.indicators[fired.alert.what])
    return (
        f'<p class="alert" role="status">🔔 '
        f"{text(f'live.alert.{fired.alert.what}', share=share)}</p>"
    )


def _path(values: np.ndarray, step: float) -> str:
    """Return the mood line as an SVG path, with gaps where the mood is unknown."""
    drawn, pen = [], "M"
    for at, value in enumerate(values):
        if np.isnan(value):
            pen = "M"
            continue
        x = min((at + 0.5) * step, WIDTH)  # the middle of the point's interval
        drawn.append(f"{pen}{x:.1f} {HEIGHT * (1 - value) / 2:.1f}")
        # Give a single point a length, or it would be invisible.
        drawn += ["h1"] if pen == "M" else []
        pen = "L"
    return "".join(drawn)


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f} %"
