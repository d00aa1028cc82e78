"""Lines in a picture, as SVG text: a run's log, a search for the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 260, 56, 34, 36


def chart(title: str, lines: Mapping[str, Points], *, log_x: bool = False) -> str:
    """One chart with a line for each name, without the svg element around it."""
    points = [point for line in lines.values() for point in line if math.isfinite(point[1])]
    if not points:
        return ""
    place = math.log10 if log_x else float
    low_x, high_x = min(place(x) for x, _ in points), max(place(x) for x, _ in points)
    low_y, high_y = min(y for _, y in points), max(y for _, y in points)
    span_x, span_y = (high_x - low_x) or 1.0, (high_y - low_y) or 1.0
    right, bottom = WIDTH - 16, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return LEFT + (place(x) - low_x) / span_x * (right - LEFT)

    def up(y: float) -> float:
        return bottom - (y - low_y) / span_y * (bottom - TOP)

    out = [f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = low_y + share * span_y
        out.append(
            f'<path d="M{LEFT} {up(y):.1f}H{right}" stroke="#8884"/>'
            f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        )
        value = low_x + share * span_x
        x = LEFT + share * (right - LEFT)
        out.append(
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{10**value if log_x else value:.3g}</text>"
        )
    after = right
    for (name, line), colour in reversed(list(zip(lines.items(), COLOURS * 2, strict=False))):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line if math.isfinite(y))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(
            f'<text x="{after}" y="18" text-anchor="end" fill="{colour}">{escape(name)}</text>'
        )
        after -= 12 + 7 * len(name)
    return "".join(out)


def svg(charts: Sequence[str]) -> str:
    """Charts below each other, as one picture."""
    shown = [one for one in charts if one]
    body = "".join(
        f'<g transform="translate(0 {index * HEIGHT})">{one}</g>' for index, one in enumerate(shown)
    )
    height = HEIGHT * max(1, len(shown))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" '
        f'fill="#777">{body}</svg>\n'
    )


def curves(rows: Sequence[Mapping[str, float | None]]) -> str:
    """A run's log: losses, accuracies and the learning rate over the epochs."""

    def column(name: str) -> Points:
        return [
            (row["epoch"] or 0.0, value) for row in rows if (value := row.get(name)) is not None
        ]

    names = list(rows[0]) if rows else []
    accuracies = [name for name in names if name.endswith("accuracy")]
    losses = [name for name in names if name.endswith("loss") and name != "val_loss"]

    def label(name: str) -> str:
        return name.replace("categorical_", "").replace("val_", "PublicTest ").replace("_", " ")

    return svg(
        [
            chart("Accuracy", {label(name): column(name) for name in accuracies}),
            chart("Loss", {label(name): column(name) for name in losses}),
            chart("Learning rate", {"": column("rate")}),
        ]
    )
