"""Draw a whole lesson: emotions as stacked areas, indicators as lines, the number of faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer.emotions import COLOURS, EMOTIONS, ink_on
from fer.lesson import INDICATORS, Gap, Lesson, Series
from fer.lesson.report.drawing import INK, SOFT, Array, Drawing, Label, Line, plain
from fer.lesson.report.drawing import Area as Filled
from fer.lesson.report.drawing import Disc as Dot
from fer.lesson.report.text import ReportText
from fer.lesson.seconds import HOLE, gaps, series

WIDTH: Final = 960.0
LEFT, RIGHT = 52.0, 838.0
POINTS: Final = 480
NEAR: Final = 16  # points on either side of an area's middle that its name covers
GRID: Final = "#D8DDE4"
NOTHING: Final = "#E9ECF0"
# From bottom to top. The negative emotions have a straight lower edge, which eases comparing.
STACK: Final = ("angry", "disgust", "fear", "sad", "surprise", "neutral", "happy")
# Each line also has its own dashes, for print and for colour blindness.
STROKES: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "negative": ("#D55E00", ()),
    "confused": ("#0072B2", (7, 4)),
    "flat": ("#5B6675", (2, 3)),
}
STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180)  # minutes between an axis's marks

# For each emotion, where its area is highest: the height there, x, and the middle's y.
Places = dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Panel:
    """The area of one chart: time from left to right, values from 0 to `most` upwards."""

    top: float
    bottom: float
    length: float  # seconds
    most: float = 1.0

    def x(self, seconds: float | Array) -> Array:
        """Return the x of a time."""
        return LEFT + np.asarray(seconds, np.float64) / max(self.length, 1) * (RIGHT - LEFT)

    def y(self, value: float | Array) -> Array:
        """Return the y of a value."""
        share = np.asarray(value, np.float64) / self.most
        return np.asarray(self.bottom - share * (self.bottom - self.top), np.float64)

    def points(self, times: Array, values: Array) -> Array:
        """Return times and values as points of the drawing."""
        return np.stack([self.x(times), self.y(values)], axis=1)


def timeline(lesson: Lesson, words: ReportText | None = None, title: str = "") -> Drawing:
    """Return the drawing of a lesson; a title is for a picture without a page around it."""
    words, length = words or ReportText(), max(lesson.duration, 1.0)
    points, down = series(lesson.rows(), POINTS), 34.0 if title else 0.0
    faces = points.faces[~np.isnan(points.faces)]
    top = down + (70 if lesson.notes else 24)
    upper = Panel(top, top + 180, length)
    middle = Panel(top + 222, top + 342, length)
    lower = Panel(top + 376, top + 434, length, float(np.ceil(faces.max(initial=1))))
    drawing = Drawing(WIDTH, top + 476, words("timeline"))
    if title:
        drawing.add(Label(LEFT, 24, title, 16))
    # The upper panel's notes stand between the panel and its name.
    for foot, name in (
        (down + 12, "expressions"),
        (middle.top - 20, "indicators"),
        (lower.top - 9, "faces"),
    ):
        drawing.add(Label(LEFT, foot, words(f"timeline.{name}"), colour=SOFT))
    places = _stack(drawing, upper, points, words)
    for panel in (upper, middle):
        _grid(drawing, panel, [(share, words.share(share)) for share in (0, 0.5, 1)])
    _grid(drawing, lower, [(0, "0"), (lower.most, f"{lower.most:.0f}")])
    _gaps(drawing, gaps(lesson.rows(), lesson.pauses), (upper, middle, lower), words)
    _indicators(drawing, middle, points, lesson, words)
    for at, values in _pieces(points, points.faces):
        drawing.add(Line(lower.points(at, values), INK, 1.5))
    _axis(drawing, lower, words)
    _notes(drawing, lesson, (upper, middle, lower))
    _names(drawing, places, words)
    return drawing


def to_png(lesson: Lesson, words: ReportText | None = None) -> bytes:
    """Return the timeline as a PNG with the lesson's name and start."""
    info = lesson.info
    # Leave out what the font cannot write: it would be a row of boxes.
    name = f"{info.name} · " if info.name and plain(info.name).isascii() else ""
    if words is not None and not plain(words("timeline.axis")).isascii():
        words = None
    return timeline(lesson, words, f"{name}{info.started:%Y-%m-%d %H:%M}").to_png()


def _pieces(series: Series, values: Array) -> Iterator[tuple[Array, Array]]:
    """Yield times and values of each piece without a gap.

    A value stands at the middle of its stretch; the first and last also at the piece's edges.
    """
    known = np.flatnonzero(~np.isnan(values if values.ndim == 1 else values[:, 0]))
    if not len(known):
        return
    breaks = np.flatnonzero(np.diff(series.times[known]) - series.step >= HOLE) + 1
    for piece in np.split(known, breaks):
        at = series.times[piece]
        times = np.r_[at[0], at + series.step / 2, at[-1] + series.step]
        yield times, values[np.r_[piece[0], piece, piece[-1]]]


def _gaps(drawing: Drawing, gaps: list[Gap], panels: tuple[Panel, ...], words: ReportText) -> None:
    for gap in gaps:
        for panel in panels:
            end = panel.length if gap.end is None else gap.end
            left, right = panel.x(gap.start), panel.x(min(end, panel.length))
            wide, tall = float(right - left), panel.bottom - panel.top
            drawing.box(float(left), panel.top, max(wide, 1.0), tall, NOTHING)
        label, first = words(gap.kind), panels[0]
        if wide > 7 * len(label):
            middle = float(left + right) / 2
            drawing.add(Label(middle, float(first.y(0.5)) + 4, label, 11, "middle", SOFT))


def _stack(drawing: Drawing, panel: Panel, series: Series, words: ReportText) -> Places:
    """Draw the areas and their legend; return where each area is highest."""
    order = [EMOTIONS.index(name) for name in STACK]
    widest: Places = {}
    for at, values in _pieces(series, series.shares):
        at = np.minimum(at, panel.length)
        edges = np.concatenate([np.zeros((len(at), 1)), values[:, order].cumsum(axis=1)], axis=1)
        for place, name in enumerate(STACK):
            below, above = edges[:, place], edges[:, place + 1]
            outline = np.r_[panel.points(at, above), panel.points(at, below)[::-1]]
            drawing.add(Filled(outline, COLOURS[name]))
            here = _room(panel.points(at, above)[1:-1], panel.points(at, below)[1:-1])
            widest[name] = max(widest.get(name, here), here)
    for place, name in enumerate(reversed(STACK)):
        y = panel.top + 14 + 24 * place
        drawing.box(RIGHT + 14, y - 10, 12, 12, COLOURS[name])
        drawing.add(Label(RIGHT + 32, y, words(name)))
    return widest


def _names(drawing: Drawing, places: Places, words: ReportText) -> None:
    """Write the names into areas that have room, for readers who cannot tell the colours."""
    for name, (room, x, middle) in places.items():
        half = 3.6 * len(words(name)) + 4
        if room > 16 and LEFT + half < x < RIGHT - half:
            # A background of the area's colour keeps grid lines out of the word.
            drawing.box(x - half, middle - 8, 2 * half, 16, COLOURS[name])
            ink = ink_on(COLOURS[name])
            drawing.add(Label(x, middle + 4, words(name), 12, "middle", ink))


def _room(above: Array, below: Array) -> tuple[float, float, float]:
    """Return the height, x and middle y of the highest box for a word between two lines."""
    if len(above) < 2 * NEAR + 1:
        return 0.0, 0.0, 0.0
    windows = np.lib.stride_tricks.sliding_window_view
    top = windows(above[:, 1], 2 * NEAR + 1).max(axis=1)
    foot = windows(below[:, 1], 2 * NEAR + 1).min(axis=1)
    best = int((foot - top).argmax())
    middle = float(top[best] + foot[best]) / 2
    return float(foot[best] - top[best]), float(above[best + NEAR, 0]), middle


def _indicators(
    drawing: Drawing, panel: Panel, series: Series, lesson: Lesson, words: ReportText
) -> None:
    rows = [*STROKES]
    for fired in lesson.fired:
        end = panel.length if fired.end is None else fired.end
        left, right = float(panel.x(fired.start)), float(panel.x(end))
        colour = STROKES[fired.alert.what][0] if fired.alert.what in rows else INK
        row = rows.index(fired.alert.what) if fired.alert.what in rows else len(rows)
        drawing.box(left, panel.top - 6 - 5 * row, max(right - left, 2.0), 4, colour)
        tall = panel.bottom - panel.top
        drawing.box(left, panel.top, max(right - left, 2.0), tall, colour, opacity=0.08)
    for place, (name, (colour, dash)) in enumerate(STROKES.items()):
        for at, values in _pieces(series, series.indicators):
            at = np.minimum(at, panel.length)
            line = panel.points(at, values[:, INDICATORS.index(name)])
            drawing.add(Line(line, colour, 1.75, dash))
        y = panel.top + 14 + 24 * place
        drawing.stroke((RIGHT + 8, y - 4), (RIGHT + 28, y - 4), colour, 2, dash)
        drawing.add(Label(RIGHT + 32, y, words(f"{name}.short")))


def _grid(drawing: Drawing, panel: Panel, marks: list[tuple[float, str]]) -> None:
    for value, label in marks:
        y = float(panel.y(value))
        drawing.stroke((LEFT, y), (RIGHT, y), GRID)
        drawing.add(Label(LEFT - 7, y + 4, label, 11, "end", SOFT))


def _axis(drawing: Drawing, panel: Panel, words: ReportText) -> None:
    minutes = panel.length / 60
    step = next((step for step in STEPS if minutes / step <= 10), STEPS[-1])
    for minute in range(0, int(minutes) + 1, step):
        x = float(panel.x(60 * minute))
        drawing.stroke((x, panel.bottom), (x, panel.bottom + 4), SOFT)
        drawing.add(Label(x, panel.bottom + 18, f"{minute}", 11, "middle", SOFT))
    middle = (LEFT + RIGHT) / 2
    drawing.add(Label(middle, panel.bottom + 36, words("timeline.axis"), 12, "middle", SOFT))


def _notes(drawing: Drawing, lesson: Lesson, panels: tuple[Panel, ...]) -> None:
    first = panels[0]
    before = [-np.inf, -np.inf]  # x of the last note in each of the two rows
    for number, note in enumerate(lesson.notes, start=1):
        x = float(first.x(min(note.time, first.length)))
        row = 0 if x - before[0] >= 19 or before[0] <= before[1] else 1
        before[row], y = x, first.top - 40 + 19 * row
        for top, panel in zip((y, *(one.top for one in panels[1:])), panels, strict=True):
            drawing.stroke((x, top), (x, panel.bottom), INK, 0.75, (2, 3))
        drawing.add(Dot(x, y, 9, INK), Label(x, y + 4, f"{number}", 11, "middle", "#FFFFFF"))
