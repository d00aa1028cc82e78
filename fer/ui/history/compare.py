"""Compare two lessons: the mood and the seven shares over the minutes since each began."""

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
from fer.ui.text import emotion, report_text, text

POINTS: Final = 240  # of the longer lesson
MOOD: Final = "mood"
# A letter and a dashed line distinguish the lessons for people who can't tell the colours apart.
# Both colours have a contrast of about 4 on a light and a dark page.
STYLE: Final[dict[str, tuple[str, list[int]]]] = {
    "A": ("#2386C8", [1, 0]),
    "B": ("#D55E00", [7, 3]),
}
MARGIN: Final = 48  # for the labels of every y axis, so that the charts' minutes are aligned
AXIS: Final = 55  # the height of the minutes and their title

Row = dict[str, Any]


def show(first: Lesson, second: Lesson, titles: tuple[str, str]) -> None:
    """Show the charts with their legend, and a table of both lessons' figures."""
    words = report_text()
    st.header(text("history.compared"), anchor=False)
    st.html("".join(map(_legend, STYLE, titles)))
    # Separate charts close together: one chart of all would be wider than a phone.
    with st.container(gap="xxsmall"):
        for name, drawing in charts(first, second).items():
            title = _title(name)
            st.markdown(f"**{title}**")
            st.altair_chart(
                drawing,
                width="stretch",
                alt=text("history.compare_alt", what=title),
                key=f"history_chart_{name}",
            )
    st.caption(text("history.compare_rule", step=words.span(step_for(first, second))))
    st.markdown(table(first, second, words))


def step_for(first: Lesson, second: Lesson) -> int:
    """Return the seconds per point: the same for both, so that both lines are equally smooth."""
    return max(-(-max(len(first.rows()), len(second.rows())) // POINTS), 1)


def charts(first: Lesson, second: Lesson) -> dict[str, Drawing]:
    """Return the charts of the mood and of each emotion's share, all with the same minutes."""
    step = step_for(first, second)
    lines = {
        sign: chart_rows(pool(lesson.rows(), step), lesson.duration)
        for sign, lesson in zip(STYLE, (first, second), strict=True)
    }
    longest = max(first.duration, second.duration, 1.0) / 60

    def most(*names: str) -> float:
        """Return the largest of these figures, rounded up to a tenth, for the end of an axis."""
        known = [abs(row[name]) for rows in lines.values() for row in rows for name in names]
        return max(float(np.ceil(round(10 * max(known, default=0.0), 6))) / 10, 0.1)

    wide, tall = most(MOOD), most(*EMOTIONS)
    drawn = {MOOD: _panel(lines, MOOD, (-wide, wide), longest)}
    return drawn | {name: _panel(lines, name, (0.0, tall), longest) for name in EMOTIONS}


def table(first: Lesson, second: Lesson, words: ReportText) -> str:
    """Return a Markdown table of both lessons' figures."""
    columns = [_figures(first, words), _figures(second, words)]
    lines = [f"| {text('history.figure')} | A | B |", "| :-- | --: | --: |"]
    lines += [f"| {name} | {value} | {columns[1][name]} |" for name, value in columns[0].items()]
    return "\n".join(lines)


def _figures(lesson: Lesson, words: ReportText) -> dict[str, str]:
    means = whole(lesson.rows())
    faces, mood = float(means.faces[0]), float(means.balance[0])
    names = {
        "negative": text("history.indicator.negative"),
        "confused": text("history.indicator.confused"),
        "flat": text("history.indicator.flat"),
        "positive": text("history.indicator.positive"),
    }
    return {
        text("history.length"): words.time(lesson.duration),
        text("history.faces_mean"): "–" if faces != faces else f"{faces:.0f}",
        text("history.mood"): "–" if mood != mood else f"{mood:+.2f}",
        **{names[name]: words.share(float(means.indicator(name)[0])) for name in INDICATORS},
        **{
            emotion(name): words.share(float(share))
            for name, share in zip(EMOTIONS, means.shares[0], strict=True)
        },
    }


def chart_rows(series: Series, duration: float) -> list[Row]:
    """Return a row for each point with a known mood: its index, its minute and its figures.

    `piece` numbers the parts of the line between gaps without faces.
    """
    known = np.flatnonzero(~np.isnan(series.balance))
    pieces = np.cumsum(np.diff(known, prepend=known[:1]) > 1)
    # Place each point in the middle of its interval; the last interval may be shorter.
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
    """Return the chart of one figure with both lessons' lines."""
    with_minutes = name in (MOOD, EMOTIONS[-1])  # only the first and the last chart
    minutes = alt.X(
        "minute:Q",
        title=text("history.minutes") if with_minutes else None,
        # Room for the letter at the line's end.
        scale=alt.Scale(domain=[0, longest * 1.04], nice=False),
        axis=alt.Axis(
            grid=False, labels=with_minutes, ticks=with_minutes, tickMinStep=1, format="d"
        ),
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
        lone = [row for row in rows if sizes[row["piece"]] == 1]  # a line of one point is invisible
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
    # Streamlit includes the axis in the height.
    return alt.layer(*layers, height=(190 if name == MOOD else 85) + (AXIS if with_minutes else 0))


def _above(lines: dict[str, list[Row]], sign: str, name: str) -> bool:
    """Return whether a lesson's letter is above its line, away from the other lesson's line."""
    last = lines[sign][-1]
    (other,) = (rows for one, rows in lines.items() if one != sign)
    there = next((row[name] for row in other if row["at"] == last["at"]), None)
    return there is None or last[name] > there or (last[name] == there and sign == "A")


def _title(name: str) -> str:
    return text("history.mood") if name == MOOD else emotion(name)


def _legend(sign: str, title: str) -> str:
    colour, dash = STYLE[sign]
    stroke = "solid" if dash[1] == 0 else "dashed"
    return (
        f'<div style="margin:.2rem 0"><b>{sign}</b> <span style="display:inline-block;width:2.2rem;'
        f'margin:0 .4rem;vertical-align:middle;border-top:3px {stroke} {colour}"></span>'
        f"{escape(title)}</div>"
    )
