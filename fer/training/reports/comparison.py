"""The recipes side by side as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from fer.machine import write_text
from fer.training.reports.charts import bars
from fer.training.reports.evaluation import number, percent
from fer.training.reports.page import join, page, table, tag

Row = Mapping[str, Any]

# The last column is words, and a recipe's name is one word.
STYLE: Final = Markup(
    "<style>td:first-child { white-space: nowrap; } "
    "th:last-child, td:last-child { text-align: left; }</style>"
)


def write_page(path: Path, result: Mapping[str, Any]) -> None:
    """Write what is known so far."""
    rows = [row for row in result["rows"] if "fault" not in row]
    failed = [row for row in result["rows"] if "fault" in row]
    parts: list[Markup] = [
        STYLE,
        tag(
            "p",
            "Each recipe was trained by the same code on the same faces, and measured on "
            "PublicTest in the form that the app loads. A budget of minutes is the same for all, "
            "so a large network sees fewer epochs; its last look at PublicTest comes on top.",
        ),
    ]
    if result["missing"]:
        names = ", ".join(result["missing"])
        parts.append(tag("p", f"Not there yet: {names}. The same command goes on.", kind="card"))
    if rows:
        parts += [measured(rows), tag("h2", "Beside what was published"), published(rows)]
    if failed:
        parts.append(tag("h2", "Could not be trained"))
        parts += [tag("p", tag("strong", row["name"]), f": {row['fault']}") for row in failed]
    write_text(path, page("The recipes side by side", join(parts)))


def measured(rows: list[Row]) -> Markup:
    """What came out here."""
    names = (
        "Recipe",
        "Right",
        "Macro-F1",
        "Parameters",
        "MFLOPs",
        "CPU-ms a face, alone",
        "of 50",
        "MB",
        "Form",
        "Trained",
    )
    cells = [
        (
            row["name"],
            percent(row["accuracy"]),
            number(row["macro_f1"]),
            f"{row['parameters']:,}",
            f"{row['mflops']:,.1f}",
            f"{row['cpu_ms_1']:.2f}",
            f"{row['cpu_ms_50']:.2f}",
            f"{row['megabytes']:.1f}",
            row["precision"],
            trained(row),
        )
        for row in rows
    ]
    shares = {"right": [100 * row["accuracy"] for row in rows]}
    return join(
        [
            table(names, cells),
            tag("p", f"On {rows[0]['faces']:,} faces, one pass, one thread.", kind="soft"),
            bars([row["name"] for row in rows], shares, form="{:.1f} %", top=100),
        ]
    )


def trained(row: Row) -> str:
    """For how long, and whether that was all its report asks for."""
    epochs, asked = row["epochs"], row["epochs_of_the_recipe"]
    told = f"{row['minutes']:.1f} min, {epochs} of {asked} epochs"
    return f"{told}: cut short" if row["cut_short"] else told


def published(rows: list[Row]) -> Markup:
    """The reports' own figures, and why they are no measure of these."""
    cells = []
    for row in rows:
        told = row["published"]
        cells.append(
            (
                row["name"],
                percent(told["accuracy"]) if told else "–",
                percent(row["accuracy"]),
                differences(row),
            )
        )
    return table(("Recipe", "Published", "Here", "What differs"), cells)


def differences(row: Row) -> str:
    """Everything that sets the published figure apart from the one here."""
    told, words = row["published"], []
    if told:
        words += [f"published on {told['on']}", told["differs"]]
    if row["cut_short"]:
        words.append("here cut short")
    if row["weights_left_out"]:
        words.append("here without the weights it should begin with")
    if row["cleaned_by"]:
        words.append("here on cleaned faces")
    return "; ".join(words) or "–"
