"""A drawing of a few shapes, which can be written as SVG and as PNG."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from markupsafe import escape
from PIL import Image, ImageColor, ImageDraw, ImageFont

Array = npt.NDArray[np.float64]
Anchor = Literal["start", "middle", "end"]

INK: Final = "#1C2430"
SOFT: Final = "#5B6675"
SCALE: Final = 2  # pixels of the PNG for one unit of the drawing
FINER: Final = 2  # draw so much larger and then reduce: Pillow draws jagged edges
ANCHORS: Final[dict[str, str]] = {"start": "ls", "middle": "ms", "end": "rs"}


@dataclass(frozen=True, eq=False)
class Area:
    """A filled shape."""

    points: Array  # (n, 2)
    fill: str
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points; `dash` holds the lengths of strokes and holes in turn."""

    points: Array
    colour: str
    width: float = 1.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Label:
    """A line of text with its baseline at y."""

    x: float
    y: float
    words: str
    size: float = 12
    anchor: Anchor = "start"
    colour: str = INK


@dataclass(frozen=True)
class Disc:
    """A filled circle."""

    x: float
    y: float
    radius: float
    fill: str


Shape = Area | Line | Label | Disc


@dataclass
class Drawing:
    """Shapes on white; later ones cover earlier ones."""

    width: float
    height: float
    label: str  # a description for screen readers
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Add shapes over the present ones."""
        self.shapes.extend(shapes)

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0
    ) -> None:
        """Add a filled rectangle."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.add(Area(np.array(corners, np.float64), fill, opacity))

    def stroke(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str,
        width: float = 1.0,
        dash: tuple[float, ...] = (),
    ) -> None:
        """Add a straight line."""
        self.add(Line(np.array([start, end], np.float64), colour, width, dash))

    def to_svg(self) -> str:
        """Return an SVG element for a page; all text in it is escaped."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{escape(self.label)}">{"".join(map(_svg, self.shapes))}</svg>'
        )

    def to_png(self) -> bytes:
        """Return the bytes of a PNG."""
        fine = SCALE * FINER
        size = round(self.width * fine), round(self.height * fine)
        image = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(image, "RGBA")
        for shape in self.shapes:
            _paint(pen, shape, fine)
        target = io.BytesIO()
        image.reduce(FINER).save(target, "PNG", optimize=True)
        return target.getvalue()


def _svg(shape: Shape) -> str:
    match shape:
        case Area(points, fill, opacity):
            alpha = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
            return f'<polygon points="{_points(points)}" fill="{fill}"{alpha}/>'
        case Line(points, colour, width, dash):
            dashed = f' stroke-dasharray="{" ".join(f"{d:g}" for d in dash)}"' if dash else ""
            return (
                f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" '
                f'stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>'
            )
        case Label(x, y, words, size, anchor, colour):
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" '
                f'fill="{colour}">{escape(words)}</text>'
            )
        case Disc(x, y, radius, fill):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}"/>'


def _points(points: Array) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points.tolist())


def _paint(pen: ImageDraw.ImageDraw, shape: Shape, fine: int) -> None:
    match shape:
        case Area(points, fill, opacity):
            colour = (*ImageColor.getrgb(fill)[:3], round(255 * opacity))
            pen.polygon([*map(tuple, (points * fine).tolist())], fill=colour)
        case Line(points, colour, width, dash):
            for piece in dashes(points, dash) if dash else [points]:
                path = [*map(tuple, (piece * fine).tolist())]
                pen.line(path, fill=colour, width=max(round(width * fine), 1), joint="curve")
        case Label(x, y, words, size, anchor, colour):
            font = ImageFont.load_default(size * fine)
            pen.text((x * fine, y * fine), plain(words), colour, font, anchor=ANCHORS[anchor])
        case Disc(x, y, radius, fill):
            box = [(at * fine - radius * fine, at * fine + radius * fine) for at in (x, y)]
            (left, right), (top, bottom) = box
            pen.ellipse((left, top, right, bottom), fill=fill)


def plain(words: str) -> str:
    """Return the words without accents: Pillow's own font has only ASCII letters.

    >>> plain("Matemáticas für 7b")
    'Matematicas fur 7b'
    """
    apart = unicodedata.normalize("NFKD", words)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def dashes(points: Array, dash: Iterable[float]) -> Iterator[Array]:
    """Yield the strokes of a dashed line."""
    lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    pattern, at = [*dash], 0.0
    turn = 0
    while at < lengths[-1]:
        end = min(at + pattern[turn % len(pattern)], float(lengths[-1]))
        if turn % 2 == 0:
            inner = lengths[(lengths > at) & (lengths < end)]
            where = np.r_[at, inner, end]
            yield np.stack([np.interp(where, lengths, points[:, axis]) for axis in (0, 1)], axis=1)
        at, turn = end, turn + 1
