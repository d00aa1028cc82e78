"""Reports as one HTML file: style, tables, pictures and SVG charts inside, nothing fetched.

Functions return `Markup`, which is safe text; any other text is escaped when it is put into a page.
Colours are CSS variables, so the charts follow the reader's light or dark theme.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d8dde4;
  --paper: #ffffff; --panel: #f5f7f9; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --line: #343c48;
  --paper: #14181e; --panel: #1c222a; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .75rem 0; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
figure { margin: .75rem 0; } figcaption { margin-top: .25rem; line-height: 1.35; }
.row { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: flex-start; }
.row > * { margin: 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem; max-width: 100%; }
img { display: block; max-width: 100%; image-rendering: pixelated; border-radius: 3px; }
svg { display: block; width: 100%; height: auto; margin: .75rem 0; }
svg text { fill: var(--ink); font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg text.soft { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
code { background: var(--panel); padding: .1rem .3rem; border-radius: 3px; font-size: .9em; }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--accent); }
"""
SERIES: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A8A8A")

Grey = npt.NDArray[np.uint8]


def join(parts: Iterable[object], between: str = "\n") -> Markup:
    """Return the parts one after the other, escaped unless they are `Markup`."""
    return Markup(between).join(escape(part) for part in parts)


def tag(name: str, *parts: object, kind: str = "") -> Markup:
    """Return an element around the parts, with a class if one is given.

    >>> tag("p", "a < b", kind="soft")
    Markup('<p class="soft">a &lt; b</p>')
    """
    attribute = Markup(' class="{}"').format(kind) if kind else ""
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), attribute, join(parts, ""))


def page(title: str, body: object) -> str:
    """A whole page, ready to be written to a file."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{escape(body)}\n</body>\n</html>\n"
    )


def table(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table; the first column is words, the others numbers."""
    head = tag("tr", *(tag("th", cell) for cell in headers))
    body = join(tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), kind="wide")


def picture(face: Grey, scale: float = 1, alt: str = "") -> Markup:
    """A grey (h, w) or BGR (h, w, 3) picture, shown at `scale` times its size."""
    height, width = face.shape[:2]
    data = base64.b64encode(cv2.imencode(".png", face)[1].tobytes()).decode()
    size = f'width="{round(width * scale)}" height="{round(height * scale)}"'
    return Markup(f'<img {size} alt="{escape(alt)}" src="data:image/png;base64,{data}">')


def grid(faces: Grey, columns: int, gap: int = 2) -> Grey:
    """Equal grey pictures as one, row by row; one picture is far smaller in a page than many."""
    count, height, width = faces.shape
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 128, np.uint8)
    for index, face in enumerate(faces):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = face
    return sheet


def figure(content: object, caption: object, *, card: bool = False) -> Markup:
    """A picture or chart with words under it."""
    return tag("figure", content, tag("figcaption", caption), kind="card" if card else "")


def row(*parts: object) -> Markup:
    """Parts side by side, as many as fit."""
    return tag("div", *parts, kind="row")


def mapped_colours(names: Sequence[str], colours: Mapping[str, str] | None) -> dict[str, str]:
    """A colour for each name: the one asked for, or the next of the series."""
    return {
        name: (colours or {}).get(name, SERIES[at % len(SERIES)]) for at, name in enumerate(names)
    }
