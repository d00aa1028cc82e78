"""The pages' charts. Axes and letters take the colours of the page's theme, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

# Altair imports it too late: two visits' first charts at once would get a half loaded module.
import pandas  # type: ignore[import-untyped]  # noqa: F401

from fer.emotions import COLOURS, EMOTIONS, MOST_PERCENT, percent
from fer.ui.text import emotion, text, word
from fer.vision.metrics import Bin, Figures

Drawing = alt.LayerChart | alt.FacetChart
Row = dict[str, Any]

GREY: Final = "#8A8A8A"  # readable on white and on black
BLUE: Final = "#0072B2"
PERCENT: Final = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])


def share_text(share: float) -> str:
    """Return the share of one face as text; "> 99 %" above that."""
    return f"> {MOST_PERCENT} %" if share > MOST_PERCENT / 100 else f"{percent(share)} %"


def share_bars(shares: Mapping[str, float]) -> Drawing:
    """Return a bar for each emotion, in the usual order and colours."""
    rows: list[Row] = [
        {
            "emotion": emotion(name),
            "share": shares[name],
            "label": share_text(shares[name]),
        }
        for name in EMOTIONS
    ]
    order = [*map(emotion, EMOTIONS)]
    base = alt.Chart(_data(rows), height=250).encode(
        y=alt.Y("emotion:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X("share:Q", title=None, axis=PERCENT, scale=alt.Scale(domain=[0, 1.22])),
        tooltip=[
            alt.Tooltip("emotion:N", title=text("model.bars.emotion")),
            alt.Tooltip("share:Q", title=text("model.bars.share"), format=".1%"),
        ],
    )
    colour = alt.Color(
        "emotion:N",
        scale=alt.Scale(domain=order, range=[COLOURS[name] for name in EMOTIONS]),
        legend=None,
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(color=colour)
    numbers = base.mark_text(align="left", dx=4, color=GREY).encode(text="label:N")
    return alt.layer(bars, numbers)


def confusion_map(figures: Figures) -> Drawing:
    """Return the confusion matrix: each row's faces by the emotion that the network answered."""
    rows: list[Row] = [
        {"label": word(label), "answer": word(answer), "share": share, "text": f"{100 * share:.0f}"}
        for label, shares in zip(EMOTIONS, figures.rows(), strict=True)
        for answer, share in zip(EMOTIONS, shares, strict=True)
    ]
    order = [*map(word, EMOTIONS)]
    network, people = text("model.confusion.network"), text("model.confusion.people")
    base = alt.Chart(_data(rows), height=380).encode(
        x=alt.X(
            "answer:N",
            sort=order,
            title=network,
            axis=alt.Axis(orient="top", labelAngle=-40, labelOverlap=False),
        ),
        y=alt.Y("label:N", sort=order, title=people),
        tooltip=[
            alt.Tooltip("label:N", title=people),
            alt.Tooltip("answer:N", title=network),
            alt.Tooltip("share:Q", title=text("model.confusion.share"), format=".1%"),
        ],
    )
    # The squares have fixed colours, so their numbers must not take the theme's colour.
    squares = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=["#E8F1F8", "#064A7A"])
        )
    )
    numbers = base.mark_text().encode(
        text="text:N",
        color=alt.condition("datum.share > 0.45", alt.value("#FFFFFF"), alt.value("#1B2733")),
    )
    # Padding for the last slanted word, which would be cut on a phone.
    return alt.layer(squares, numbers).properties(padding={"right": 24, "bottom": 20})


def reliability_diagram(bins: Sequence[Bin]) -> Drawing:
    """Return the reliability diagram: accuracy against confidence; on the line they are equal."""
    rows: list[Row] = [
        {"sure": one.confidence, "right": one.accuracy, "faces": one.n} for one in bins
    ]
    whole = alt.Scale(domain=[0, 1])
    how_sure, how_right = text("model.reliability.sure"), text("model.reliability.right")
    sure = alt.X("sure:Q", title=how_sure, axis=PERCENT, scale=whole)
    right = alt.Y("right:Q", title=how_right, axis=PERCENT, scale=whole)
    ideal = (
        alt.Chart(_data([{"sure": 0, "right": 0}, {"sure": 1, "right": 1}]), height=380)
        .mark_line(color=GREY, strokeDash=[5, 5])
        .encode(x=sure, y=right)
    )
    base = alt.Chart(_data(rows)).encode(x=sure, y=right)
    points = base.mark_circle(color=BLUE, opacity=1).encode(
        size=alt.Size("faces:Q", legend=None, scale=alt.Scale(range=[40, 500])),
        tooltip=[
            alt.Tooltip("sure:Q", title=how_sure, format=".1%"),
            alt.Tooltip("right:Q", title=how_right, format=".1%"),
            alt.Tooltip("faces:Q", title=text("model.reliability.faces")),
        ],
    )
    return alt.layer(ideal, base.mark_line(color=BLUE), points)


def _data(rows: Sequence[Row]) -> alt.InlineData:
    return alt.InlineData(values=[*rows])
