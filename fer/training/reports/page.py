"""Render reports as one HTML file each: style, tables, pictures and SVG charts inside.

The templates lie in templates/. Jinja2 escapes every text in them; only `Markup` goes in as it is.
Colours are CSS variables, so the charts follow the reader's light or dark theme.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

SERIES: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A8A8A")

Grey = npt.NDArray[np.uint8]


def percent(share: float | None, places: int = 1) -> str:
    """Return a share as text, "–" for None."""
    return "–" if share is None else f"{share:.{places}%}".replace("%", "\N{NO-BREAK SPACE}%")


def number(value: float | None) -> str:
    """Return a figure with three places, "–" for None."""
    return "–" if value is None else f"{value:.3f}"


def picture(face: Grey, scale: float = 1, alt: str = "") -> Markup:
    """Return an <img> of a grey (h, w) or BGR (h, w, 3) picture, at `scale` times its size."""
    height, width = face.shape[:2]
    data = base64.b64encode(cv2.imencode(".png", face)[1].tobytes()).decode()
    return Markup('<img width="{}" height="{}" alt="{}" src="data:image/png;base64,{}">').format(
        round(width * scale), round(height * scale), alt, data
    )


def code(text: str) -> Markup:
    """Return a <code> element."""
    return Markup("<code>{}</code>").format(text)


def grid(faces: Grey, columns: int, gap: int = 2) -> Grey:
    """Return equal grey pictures as one sheet: a page with one picture is far smaller."""
    count, height, width = faces.shape
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 128, np.uint8)
    for index, face in enumerate(faces):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = face
    return sheet


def mapped_colours(names: Sequence[str], colours: Mapping[str, str] | None) -> dict[str, str]:
    """Return a colour for each name: the one in `colours`, or the next of the series."""
    return {
        name: (colours or {}).get(name, SERIES[at % len(SERIES)]) for at, name in enumerate(names)
    }


def _thousands(value: int) -> str:
    return f"{value:,}"


ENVIRONMENT: Final = Environment(
    loader=PackageLoader("fer.training.reports"),
    autoescape=lambda template: template is None or template.endswith(".html"),  # not Markdown
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {"percent": percent, "number": number, "thousands": _thousands}
ENVIRONMENT.globals |= {"picture": picture, "grid": grid}


def render(template: str, **values: Any) -> str:
    """Return the text of a page made by one of the templates."""
    return ENVIRONMENT.get_template(template).render(values)
