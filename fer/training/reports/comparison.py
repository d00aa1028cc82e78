"""Write the page that shows recipes side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer.machine import write_text
from fer.training.reports.charts import bars
from fer.training.reports.page import number, percent, render

ComparedRow = Mapping[str, Any]  # a recipe's entry in compare.json


def write_page(path: Path, result: Mapping[str, Any]) -> None:
    """Write what is known so far."""
    rows = [row for row in result["rows"] if "fault" not in row]
    shares = {"right": [100 * row["accuracy"] for row in rows]}
    html = render(
        "comparison.html",
        missing=result["missing"],
        rows=rows,
        failed=[row for row in result["rows"] if "fault" in row],
        measured=[measured(row) for row in rows],
        published=[published(row) for row in rows],
        chart=bars(
            [row["name"] for row in rows],
            shares,
            form="{:.1f} %",
            top=100,
            errors=[100 * (row["accuracy_deviation"] or 0.0) for row in rows],
        ),
        seeds=max((row["seeds"] for row in rows), default=1),
    )
    write_text(path, html)


def measured(row: ComparedRow) -> tuple[str, ...]:
    """Return the cells of what was measured here."""
    deviation = row["accuracy_deviation"]
    return (
        row["name"],
        percent(row["accuracy"]) + (f" ± {percent(deviation)}" if deviation is not None else ""),
        number(row["macro_f1"]),
        f"{row['parameters']:,}",
        f"{row['mflops']:,.1f}",
        f"{row['cpu_ms_1']:.2f}",
        f"{row['cpu_ms_50']:.2f}",
        f"{row['megabytes']:.1f}",
        row["precision"],
        trained(row),
    )


def trained(row: ComparedRow) -> str:
    """Return how long the run took, and whether it was cut short."""
    epochs, planned = row["epochs"], row["epochs_of_the_recipe"]
    text = f"{row['minutes']:.1f} min, {epochs} of {planned} epochs"
    return f"{text}: cut short" if row["cut_short"] else text


def published(row: ComparedRow) -> tuple[str, ...]:
    """Return the cells of the report's own figure, and why it cannot be compared directly."""
    figure = row["published"]
    return (
        row["name"],
        percent(figure["accuracy"]) if figure else "–",
        percent(row["accuracy"]),
        differences(row),
    )


def differences(row: ComparedRow) -> str:
    """Return everything that makes the published figure different from the one here."""
    figure, reasons = row["published"], []
    if figure:
        reasons += [f"published on {figure['on']}", figure["differs"]]
    if row["cut_short"]:
        reasons.append("here cut short")
    if row["weights_left_out"]:
        reasons.append("here without the weights it should begin with")
    if row["cleaned_by"]:
        reasons.append("here on cleaned faces")
    return "; ".join(reasons) or "–"
