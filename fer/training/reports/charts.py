"""Draw charts as inline SVG: bars, lines and a heat map, in the page's light or dark theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from fer.training.reports.page import mapped_colours

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """The two axes of a line chart: their names and ranges, and the chart's size."""

    across: str = ""
    up: str = ""
    x_range: tuple[float, float] | None = None  # None: of the points
    y_range: tuple[float, float] | None = None
    diagonal: bool = False  # draw where y is x
    width: float = 720
    height: float = 320


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _words(
    x: float, y: float, words: object, *, anchor: str = "start", kind: str = "", more: str = ""
) -> str:
    names = f' class="{kind}"' if kind else ""
    return (
        f'<text{names} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'
    )


def _upright(x: float, y: float, words: object) -> str:
    turn = f' transform="rotate(-90 {x:g} {y:g})"'
    return _words(x, y, words, anchor="middle", kind="soft", more=turn)


def _legend(colours: Mapping[str, str], left: float, top: float) -> list[str]:
    parts: list[str] = []
    for name, colour in colours.items():
        parts.append(f'<rect x="{left:g}" y="{top - 9:g}" width="10" height="10" fill="{colour}"/>')
        parts.append(_words(left + 15, top, name))
        left += 15 + 7.2 * len(name) + 18
    return parts


def bars(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    form: str = "{:,.0f}",
    colours: Mapping[str, str] | None = None,
    top: float | None = None,
    label: str = "bar chart",
    errors: Sequence[float | None] = (),
) -> Markup:
    """Draw horizontal bars with their figures, a group for each name.

    `colours` are by series; with one series, they may be by name. `top` is the value of a full bar;
    without it, that is the largest value. `errors` are by name: half the length of an error bar.
    """
    single = len(series) == 1
    shades = mapped_colours(list(names if single and colours else series), colours)
    most = top or max((v for values in series.values() for v in values), default=0) or 1
    left = 20 + 7.2 * max((len(name) for name in names), default=0)
    width, thick, gap = 720, 20 if single else 14, 10 if single else 14
    room, y, parts = width - left - 80, 6.0, []
    if not single:
        parts += _legend(shades, left, 14)
        y = 28
    for at, name in enumerate(names):
        parts.append(_words(left - 10, y + thick * len(series) / 2 + 4, name, anchor="end"))
        for kind, values in series.items():
            fill = shades[name] if single and colours else shades[kind]
            long = max(0.0, min(1.0, values[at] / most)) * room
            parts.append(
                f'<rect x="{left:g}" y="{y:g}" width="{long:.1f}" height="{thick - 2}" rx="2" '
                f'fill="{fill}"/>'
            )
            figure, error = form.format(values[at]), errors[at] if errors else None
            half = 0.0 if error is None else error / most * room
            if half:
                parts.append(_error_bar(left + long, y + (thick - 2) / 2, half))
                figure += f" ± {form.format(error)}"
            parts.append(_words(left + long + half + 6, y + thick / 2 + 3, figure, kind="soft"))
            y += thick
        y += gap
    return _svg(width, y, parts, label)


def _error_bar(x: float, y: float, half: float) -> str:
    low, high = x - half, x + half
    return (
        f'<path class="error" d="M{low:.1f} {y:g}H{high:.1f}M{low:.1f} {y - 4:g}v8M{high:.1f} '
        f'{y - 4:g}v8" stroke="currentColor" fill="none"/>'
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between two others."""
    span = (high - low) / max(about, 1) or 1.0
    unit = 10.0 ** np.floor(np.log10(span))
    step = unit * min((m for m in (1, 2, 2.5, 5, 10) if m * unit >= span * 0.999), default=10)
    first = np.ceil(low / step - 1e-9)
    return [float(n * step) + 0.0 for n in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def lines(
    series: Mapping[str, Points],
    axes: Axes | None = None,
    *,
    marks: bool = False,
    colours: Mapping[str, str] | None = None,
) -> Markup:
    """Draw a line for each series; `marks` adds a dot for each point."""
    axes = axes or Axes()
    points = [point for values in series.values() for point in values] or [(0.0, 0.0), (1.0, 1.0)]
    x_low, x_high = axes.x_range or (min(x for x, _ in points), max(x for x, _ in points))
    y_low, y_high = axes.y_range or (min(y for _, y in points), max(y for _, y in points))
    x_high, y_high = x_high + (x_high == x_low), y_high + (y_high == y_low)
    left, right, above, below = 62.0, axes.width - 16, 30.0, axes.height - 44

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            below - (y - y_low) / (y_high - y_low) * (below - above),
        )

    shades = mapped_colours(list(series), colours)
    parts = _legend(shades, left, 16) if len(series) > 1 else []
    for value in ticks(y_low, y_high):
        y = place(x_low, value)[1]
        parts.append(f'<line class="grid" x1="{left:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_words(left - 8, y + 4, f"{value:g}", anchor="end", kind="soft"))
    for value in ticks(x_low, x_high, 8):
        x = place(value, y_low)[0]
        parts.append(_words(x, below + 18, f"{value:g}", anchor="middle", kind="soft"))
    if axes.diagonal:
        (x1, y1), (x2, y2) = (place(at, at) for at in (max(x_low, y_low), min(x_high, y_high)))
        parts.append(
            f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            'stroke-dasharray="5 4"/>'
        )
    for name, values in series.items():
        dots = [place(x, y) for x, y in values]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{shades[name]}" stroke-width="2" '
            'stroke-linejoin="round"/>'
        )
        for x, y in dots if marks else []:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{shades[name]}"/>')
    parts.append(
        _words((left + right) / 2, axes.height - 8, axes.across, anchor="middle", kind="soft")
    )
    parts.append(_upright(14, (above + below) / 2, axes.up))
    return _svg(axes.width, axes.height, parts, axes.up or "line chart")


def heat(
    matrix: npt.NDArray[np.floating] | npt.NDArray[np.integer],
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    across: str = "",
    down: str = "",
    form: str = "{:,.0f}",
    shares: bool = True,
) -> Markup:
    """Draw a matrix with its figures, shaded by the share of the row or of the largest value."""
    columns = rows if columns is None else columns
    values = np.asarray(matrix, np.float64)
    most = values.sum(axis=1, keepdims=True) if shares else np.full((len(values), 1), values.max())
    shade = values / np.where(most > 0, most, 1)
    cell, tall = 74, 34
    left, above = 40 + 7.6 * max(len(name) for name in rows), 46
    parts = [_words(left + cell * len(columns) / 2, 14, across, anchor="middle", kind="soft")]
    for at, name in enumerate(columns):
        parts.append(_words(left + cell * (at + 0.5), above - 8, name, anchor="middle"))
    for r, name in enumerate(rows):
        y = above + tall * r
        parts.append(_words(left - 10, y + tall / 2 + 4, name, anchor="end"))
        for c in range(len(columns)):
            opacity = 0.04 + 0.96 * min(1.0, shade[r, c])
            # White figures on the strong cells: the blue is dark enough in either theme.
            white = ' style="fill:#fff"' if shade[r, c] > 0.8 else ""
            figure, x = form.format(values[r, c]), left + cell * c
            parts.append(
                f'<rect x="{x + 1:g}" y="{y + 1}" width="{cell - 2}" height="{tall - 2}" rx="3" '
                f'fill="#0072B2" fill-opacity="{opacity:.3f}"/>'
            )
            middle = x + cell / 2
            parts.append(_words(middle, y + tall / 2 + 4, figure, anchor="middle", more=white))
    parts.append(_upright(14, above + tall * len(rows) / 2, down))
    return _svg(
        left + cell * len(columns) + 4, above + tall * len(rows) + 6, parts, across or "heat"
    )
