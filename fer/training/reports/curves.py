"""Draw a run's log, and other charts, as SVG files that can be opened by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from fer.training.reports.charts import Axes, Points, lines

WIDTH, HEIGHT = 720, 320
# Grey can be read on white and on black: an SVG file does not know the reader's theme.
STYLE = (
    "<style>text{fill:#8A8A8A;font:12px system-ui,'DejaVu Sans',sans-serif}"
    ".grid{stroke:#8A8A8A55}</style>"
)


def picture(charts: Sequence[Markup]) -> str:
    """Return the text of one SVG file with the charts below each other."""
    placed = [
        str(chart).replace("<svg ", f'<svg y="{at * HEIGHT}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for at, chart in enumerate(charts)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{HEIGHT * len(charts)}">{STYLE}{"".join(placed)}</svg>\n'
    )


def curves(rows: Sequence[Mapping[str, float | None]]) -> str:
    """Return an SVG file of a run's accuracies, losses and learning rate over its epochs."""

    def column(name: str) -> Points:
        return [
            (row["epoch"] or 0.0, value) for row in rows if (value := row.get(name)) is not None
        ]

    def chart(up: str, names: Sequence[str]) -> Markup:
        series = {legend_name(name): column(name) for name in names}
        return lines(
            {name: points for name, points in series.items() if points},
            Axes(across="epoch", up=up),
        )

    names = list(rows[0]) if rows else []
    return picture(
        [
            chart("accuracy", [name for name in names if name.endswith("accuracy")]),
            chart("loss", [n for n in names if n.endswith("_loss") and n != "val_loss"]),
            chart("learning rate", ["rate"]),
        ]
    )


def legend_name(name: str) -> str:
    """Return a column's name for the legend, without the words that are on the axis."""
    short = name.replace("_categorical", "").removesuffix("_accuracy").removesuffix("_loss")
    return short.replace("val_", "PublicTest ")
