"""Write the figures of one evaluation as a page: confusion, calibration, shifts, and faces.

The page shows faces of the data set, so it carries a warning not to publish it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from fer.emotions import EMOTIONS
from fer.faces import Floats
from fer.machine import write_text
from fer.training.data.dataset import FERPLUS, Dataset, Ints
from fer.training.reports.charts import Axes, bars, heat, lines
from fer.training.reports.page import number, percent, picture, render
from fer.training.shifts import SHIFTS

WORST: Final = 24  # mistakes shown for each head
SHOWN: Final = 12  # faces drawn at random and shown for each head
FEW: Final = 10  # bins with fewer faces are noise, and are left out of the chart
TRUTHS: Final = {"fer2013": "FER2013's labels", "ferplus": "the majority of FER+'s voters"}


def write_page(
    folder: Path,
    metrics: Mapping[str, Any],
    heads: Mapping[str, Floats],
    truths: Mapping[str, Ints],
    data: Dataset,
) -> Path:
    """Write folder/index.html about what `evaluate` found; return its path."""
    path = folder / "index.html"
    sections = [
        head_section(name, found, heads[name], truths[name], data)
        for name, found in metrics["heads"].items()
    ]
    html = render(
        "evaluation.html",
        metrics=metrics,
        headline=headline(metrics),
        heads=sections,
        few=FEW,
        shifts=shift_section(metrics),
        further=metrics["further"],
    )
    write_text(path, html)
    return path


def headline(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return each head's figures as a row."""
    return [
        (
            head,
            f"{found['n']:,}",
            *(percent(found[name]) for name in ("accuracy", "balanced_accuracy")),
            *(number(found[name]) for name in ("macro_f1", "roc_auc", "kappa", "log_loss", "ece")),
        )
        for head, found in metrics["heads"].items()
    ]


def head_section(
    name: str, found: Mapping[str, Any], answers: Floats, truth: Ints, data: Dataset
) -> dict[str, Any]:
    """Return what the page shows of one head."""
    section = {"name": name, "truth": TRUTHS[found["truth"]], "n": found["n"]}
    if not found["n"]:
        return section
    known = np.flatnonzero(truth >= 0)
    # The same faces every time, right answers included.
    drawn = np.random.default_rng(0).choice(known, min(SHOWN, len(known)), replace=False)
    mistakes = worst(answers, truth)
    return section | {
        "confusion": confusion_chart(found),
        "reliability": reliability_chart(found),
        "ece": found["ece"],
        "bins": [
            (
                f"{percent(row['from'])} to {percent(row['to'])}",
                f"{row['n']:,}",
                percent(row["confidence"]),
                percent(row["accuracy"]),
            )
            for row in found["reliability"]
            if row["n"]
        ],
        "classes": class_rows(found["per_class"]),
        "drawn": [shown_face(answers[at], int(truth[at]), data, int(at)) for at in np.sort(drawn)],
        "mistakes": [shown_face(answers[at], int(truth[at]), data, int(at)) for at in mistakes],
    }


def confusion_chart(found: Mapping[str, Any]) -> Markup:
    """Draw the confusion matrix as shares of its rows."""
    counts = np.array(found["confusion"])
    sums = counts.sum(axis=1)
    shares = 100 * counts / np.maximum(sums[:, None], 1)
    rows = [f"{name} ({count:,})" for name, count in zip(EMOTIONS, sums, strict=True)]
    return heat(shares, rows, EMOTIONS, across="answer", down="truth", form="{:.0f} %")


def reliability_chart(found: Mapping[str, Any]) -> Markup:
    """Draw accuracy over confidence."""
    points = [
        (row["confidence"], row["accuracy"]) for row in found["reliability"] if row["n"] >= FEW
    ]
    axes = Axes(
        across="confidence",
        up="accuracy",
        x_range=(0, 1),
        y_range=(0, 1),
        diagonal=True,
        width=460,
        height=400,
    )
    return lines({"accuracy": points}, axes, marks=True, colours={"accuracy": "var(--accent)"})


def class_rows(classes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the figures of each emotion as a row."""
    return [
        (
            name,
            f"{found['n']:,}",
            percent(found["precision"]),
            percent(found["recall"]),
            interval(found["recall_interval"]),
            number(found["f1"]),
        )
        for name, found in classes.items()
    ]


def interval(bounds: list[float] | None) -> str:
    """Return an interval of shares as text."""
    return "–" if bounds is None else f"{100 * bounds[0]:.0f} to {percent(bounds[1], 0)}"


def worst(answers: Floats, truth: Ints, most: int = WORST) -> Ints:
    """Return the faces with the most confident wrong answers, the most confident first."""
    wrong = np.flatnonzero((truth >= 0) & (answers.argmax(axis=1) != truth))
    return wrong[np.argsort(-answers[wrong].max(axis=1), kind="stable")][:most]


def shown_face(answer: Floats, truth: int, data: Dataset, at: int) -> dict[str, Any]:
    """Return what a card shows: one face, its truth, the answer, and what the voters chose."""
    alt = f"a face whose truth is {EMOTIONS[truth]}"
    return {
        "picture": picture(data.faces[at], 96 / data.faces.shape[2], alt),
        "truth": EMOTIONS[truth],
        "answer": EMOTIONS[int(answer.argmax())],
        "share": float(answer.max()),
        "voters": None if data.votes is None else crowd_view(data.votes[at]),
        "place": int(data.places[at]),
    }


def shift_section(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the table and chart of `evaluate --shifts`; None if it was not asked for."""
    shifts = metrics.get("shifts")
    if not shifts:
        return None
    return shift_table(shifts) | {
        "chart": shift_chart(shifts),
        "about": {name: SHIFTS[name].about for name in shifts if name in SHIFTS},
    }


def shift_table(shifts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return headers and a row for each shift: accuracy, balanced accuracy and ECE of each head."""
    heads = [*next(iter(shifts.values()))]
    headers = ["Shift"]
    headers += [f"{head}: {name}" for head in heads for name in ("right", "balanced", "ECE")]
    rows = []
    for shift, found in shifts.items():
        cells = [shift.replace("_", " ")]
        for head in heads:
            cells += [percent(found[head][name]) for name in ("accuracy", "balanced_accuracy")]
            cells.append(number(found[head]["ece"]))
        rows.append(cells)
    return {"headers": headers, "rows": rows}


def shift_chart(shifts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Markup:
    """Draw the accuracy of each head under each shift."""
    heads = [*next(iter(shifts.values()))]
    series = {
        head: [100 * (found[head]["accuracy"] or 0.0) for found in shifts.values()]
        for head in heads
    }
    names = [name.replace("_", " ") for name in shifts]
    return bars(names, series, form="{:.1f} %", top=100, label="accuracy under each shift")


def crowd_view(votes: Ints, most: int = 3) -> str:
    """Return what the voters chose, the most frequent first: "happiness 6, neutral 4"."""
    order = np.argsort(-votes, kind="stable")[:most]
    names = [f"{FERPLUS[int(at)].replace('_', ' ')} {votes[at]}" for at in order if votes[at]]
    return ", ".join(names) or "none"
