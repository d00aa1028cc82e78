"""Two lessons on one chart: the mood and the seven shares over the minutes since each began."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any, Final

import altair as alt
import numpy as np
import streamlit as st

from fer.emotions import EMOTIONS
from fer.lesson import INDICATORS, Lesson, Series
from fer.lesson.report import ReportText
from fer.lesson.seconds import pool, whole
from fer.ui.charts import GREY, Drawing
from fer.ui.text import emotion, report_words, say

POINTS: Final = 240  # of the longer lesson
MOOD: Final = "mood"
# A letter and a dash tell the lessons apart where colours can't. Both colours have a contrast of
# about 4 on the page, be it light or dark.
STYLE: Final[dict[str, tuple[str, list[int]]]] = {
    "A": ("#2386C8", [1, 0]),
    "B": ("#D55E00", [7, 3]),
}
MARGIN: Final = 48  # for an axis's words: the same everywhere, so that minutes stand below minutes
AXIS: Final = 55  # the height of the minutes and their title

Row = dict[str, Any]


def show(first: Lesson, second: Lesson, titles: tuple[str, str]) -> None:
    """The chart with its legend, and the whole lessons' figures side by side."""
    words = report_words()
    st.header(say("history.compared"), anchor=False)
    st.html("".join(map(_legend, STYLE, titles)))
    # A drawing a line, close together: one of several would be wider than a phone.
    with st.container(gap="xxsmall"):
        for name, drawing in charts(first, second).items():
            title = _title(name)
            st.markdown(f"**{title}**")
            st.altair_chart(
                drawing,
                width="stretch",
                alt=say("history.compare_alt", what=title),
                key=f"history_chart_{name}",
            )
    st.caption(say("history.compare_rule", step=words.span(step_for(first, second))))
    st.markdown(table(first, second, words))


def step_for(first: Lesson, second: Lesson) -> int:
    """Seconds a point: the same for both, or one line would be calmer than the other."""
    return max(-(-max(len(first.rows()), len(second.rows())) // POINTS), 1)


def charts(first: Lesson, second: Lesson) -> dict[str, Drawing]:
    """The mood, and each emotion's share on a scale that all seven have, over the same minutes."""
    step = step_for(first, second)
    lines = {
        sign: line(pool(lesson.rows(), step), lesson.duration)
        for sign, lesson in zip(STYLE, (first, second), strict=True)
    }
    longest = max(first.duration, second.duration, 1.0) / 60

    def most(*names: str) -> float:
        """The greatest of these figures, up to the next tenth, which an axis can end on."""
        known = [abs(row[name]) for rows in lines.values() for row in rows for name in names]
        return max(float(np.ceil(round(10 * max(known, default=0.0), 6))) / 10, 0.1)

    wide, tall = most(MOOD), most(*EMOTIONS)
    drawn = {MOOD: _panel(lines, MOOD, (-wide, wide), longest)}
    return drawn | {name: _panel(lines, name, (0.0, tall), longest) for name in EMOTIONS}


def table(first: Lesson, second: Lesson, words: ReportText) -> str:
    """The two whole lessons as a table of figures."""
    columns = [_figures(first, words), _figures(second, words)]
    lines = [f"| {say('history.figure')} | A | B |", "| :-- | --: | --: |"]
    lines += [f"| {name} | {value} | {columns[1][name]} |" for name, value in columns[0].items()]
    return "\n".join(lines)


def _figures(lesson: Lesson, words: ReportText) -> dict[str, str]:
    means = whole(lesson.rows())
    faces, mood = float(means.faces[0]), float(means.balance[0])
    looked = {
        "negative": say("history.look.negative"),
        "confused": say("history.look.confused"),
        "flat": say("history.look.flat"),
        "positive": say("history.look.positive"),
    }
    return {
        say("history.length"): words.time(lesson.duration),
        say("history.faces_mean"): "–" if faces != faces else f"{faces:.0f}",
        say("history.mood"): "–" if mood != mood else f"{mood:+.2f}",
        **{looked[name]: words.share(float(means.indicator(name)[0])) for name in INDICATORS},
        **{
            emotion(name): words.share(float(share))
            for name, share in zip(EMOTIONS, means.shares[0], strict=True)
        },
    }


def line(series: Series, duration: float) -> list[Row]:
    """A row a point that is known: its place, its minute and its figures.

    `piece` numbers the stretches between which nothing was seen.
    """
    known = np.flatnonzero(~np.isnan(series.balance))
    pieces = np.cumsum(np.diff(known, prepend=known[:1]) > 1)
    # A point tells of the stretch after its time, the last one of what there was of it.
    ends = np.minimum(series.times + series.step, duration)
    minutes = (series.times + ends) / 120
    return [
        {"at": int(at), "minute": round(float(minutes[at]), 3), "piece": int(piece)}
        | {MOOD: round(float(series.balance[at]), 4)}
        | {name: round(float(series.shares[at, i]), 4) for i, name in enumerate(EMOTIONS)}
        for at, piece in zip(known, pieces, strict=True)
    ]


def _panel(
    lines: dict[str, list[Row]], name: str, domain: tuple[float, float], longest: float
) -> Drawing:
    """Both lessons' lines of one figure."""
    told = name in (MOOD, EMOTIONS[-1])  # the minutes stand below the first and the last
    minutes = alt.X(
        "minute:Q",
        title=say("history.minutes") if told else None,
        # Room for the letter at the line's end.
        scale=alt.Scale(domain=[0, longest * 1.04], nice=False),
        axis=alt.Axis(grid=False, labels=told, ticks=told, tickMinStep=1, format="d"),
    )
    axis = alt.Axis(
        values=[domain[0], sum(domain) / 2, domain[1]],
        format="+.1f" if name == MOOD else ".0%",
        minExtent=MARGIN,
        maxExtent=MARGIN,
    )
    room = 0.15 * (domain[1] - domain[0])  # for letters at the edges
    means = alt.Scale(domain=[domain[0] - room, domain[1] + room], nice=False)
    value = alt.Y("value:Q", title=None, scale=means, axis=axis)
    layers: list[alt.Chart] = []
    if name == MOOD:
        ground = alt.Chart(alt.InlineData(values=[{"value": 0}]))
        layers.append(ground.mark_rule(color=GREY).encode(y=value))
    for sign, (colour, dash) in STYLE.items():
        rows = [
            {"minute": row["minute"], "piece": row["piece"], "value": row[name]}
            for row in lines[sign]
        ]
        mine = alt.Chart(alt.InlineData(values=rows)).encode(x=minutes, y=value)
        layers.append(mine.mark_line(color=colour, strokeDash=dash).encode(detail="piece:N"))
        sizes = Counter(row["piece"] for row in rows)
        lone = [row for row in rows if sizes[row["piece"]] == 1]  # a line that nobody would see
        if lone:
            dots = alt.Chart(alt.InlineData(values=lone)).encode(x=minutes, y=value)
            layers.append(dots.mark_circle(color=colour, opacity=1))
        if rows:
            end = alt.Chart(alt.InlineData(values=rows[-1:])).encode(x=minutes, y=value)
            away = -8 if _above(lines, sign, name) else 9
            layers.append(
                end.mark_text(
                    text=sign, color=colour, align="left", dx=4, dy=away, fontWeight="bold"
                )
            )
    # The page fits the axis into the height as well.
    return alt.layer(*layers, height=(190 if name == MOOD else 85) + (AXIS if told else 0))


def _above(lines: dict[str, list[Row]], sign: str, name: str) -> bool:
    """Whether a lesson's letter stands above its line: away from the other's at that minute."""
    last = lines[sign][-1]
    (other,) = (rows for one, rows in lines.items() if one != sign)
    there = next((row[name] for row in other if row["at"] == last["at"]), None)
    return there is None or last[name] > there or (last[name] == there and sign == "A")


def _title(name: str) -> str:
    return say("history.mood") if name == MOOD else emotion(name)


def _legend(sign: str, title: str) -> str:
    colour, dash = STYLE[sign]
    stroke = "solid" if dash[1] == 0 else "dashed"
    return (
        f'<div style="margin:.2rem 0"><b>{sign}</b> <span style="display:inline-block;width:2.2rem;'
        f'margin:0 .4rem;vertical-align:middle;border-top:3px {stroke} {colour}"></span>'
        f"{escape(title)}</div>"
    )
