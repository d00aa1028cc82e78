"""The figures of one evaluation as a page: what is confused, how sure against how right, and faces.

The page shows faces of the data set, so it says that it is not to be published.
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
from fer.training.reports.charts import heat, lines
from fer.training.reports.page import figure, join, page, picture, row, table, tag

WORST: Final = 24  # mistakes shown a head
SHOWN: Final = 12  # faces drawn by chance and shown a head
FEW: Final = 10  # bins with fewer faces are noise, and are left out of the chart
TRUTHS: Final = {"fer2013": "FER2013's labels", "ferplus": "the majority of FER+'s voters"}
# Equal cards line up in columns; the line of perfect calibration has to be seen; and a matrix that
# shrank to a phone's width could not be read.
STYLE: Final = Markup(
    "<style>figure.card { width: 11.4rem; } figcaption strong { color: var(--ink); }"
    " svg .grid[stroke-dasharray] { stroke: var(--soft); } td { white-space: nowrap; }"
    " .wide svg { min-width: 34rem; }</style>"
)


def write_page(
    folder: Path,
    metrics: Mapping[str, Any],
    heads: Mapping[str, Floats],
    truths: Mapping[str, Ints],
    data: Dataset,
) -> Path:
    """Write folder/index.html from what `evaluate` found; gives its path."""
    told = metrics["model"]
    parts = [
        STYLE,
        tag(
            "p",
            f"{told['file']} ({told['runtime']}{', ten crops' if metrics['tta'] else ''}) on "
            f"{metrics['split']}, {metrics['n']:,} faces.",
        ),
        tag(
            "p",
            "This page shows faces of the data set, so it is for your eyes: do not publish it.",
            kind="card",
        ),
        headline(metrics),
    ]
    for head, found in metrics["heads"].items():
        parts.append(tag("h2", f"Head {head}, against {TRUTHS[found['truth']]}"))
        if found["n"]:
            parts.append(head_section(found, heads[head], truths[head], data))
        else:
            parts.append(tag("p", "No face here has a known answer to compare with.", kind="soft"))
    parts += [tag("h2", "More figures"), further_table(metrics["further"])]
    path = folder / "index.html"
    write_text(path, page("How well the network reads faces", join(parts)))
    return path


def headline(metrics: Mapping[str, Any]) -> Markup:
    """Each head's figures, one row a head."""
    rows = [
        (
            head,
            f"{found['n']:,}",
            *(percent(found[name]) for name in ("accuracy", "balanced_accuracy")),
            *(number(found[name]) for name in ("macro_f1", "roc_auc", "kappa", "log_loss", "ece")),
        )
        for head, found in metrics["heads"].items()
    ]
    names = (
        "Head",
        "Faces",
        "Right",
        "Balanced",
        "Macro-F1",
        "ROC-AUC",
        "Kappa",
        "Log-loss",
        "ECE",
    )
    copies = metrics["accuracy_without_copies"]
    note = (
        "The training split is not at hand, so byte copies of training faces are counted."
        if copies is None
        else f"Without byte copies of training faces, {percent(copies)} of the labels are met."
    )
    explained = "ECE is the expected calibration error: how far sureness and accuracy lie apart."
    return join([table(names, rows), tag("p", f"{note} {explained}", kind="soft")])


def head_section(found: Mapping[str, Any], said: Floats, truth: Ints, data: Dataset) -> Markup:
    """All about one head."""
    counts = np.array(found["confusion"])
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [f"{name} ({count:,})" for name, count in zip(EMOTIONS, counts.sum(axis=1), strict=True)]
    return join(
        [
            tag("h3", "What is taken for what"),
            figure(
                tag(
                    "div",
                    heat(
                        shares, rows, EMOTIONS, across="what it said", down="truth", form="{:.0f} %"
                    ),
                    kind="wide",
                ),
                "Of the faces in each row, the share that was given each name.",
            ),
            tag("h3", "How sure, and how often right"),
            reliability_chart(found),
            tag("h3", "Each emotion"),
            class_table(found["per_class"]),
            tag("h3", "Some faces as they come"),
            results_grid(said, truth, data),
            tag("h3", "The mistakes it was surest of"),
            tag("p", "Each with its place in the split, counted from 0.", kind="soft"),
            mistakes(said, truth, data),
        ]
    )


def reliability_chart(found: Mapping[str, Any]) -> Markup:
    """Accuracy over confidence, with every bin's figures below."""
    bins = [bin_ for bin_ in found["reliability"] if bin_["n"]]
    points = [(bin_["confidence"], bin_["accuracy"]) for bin_ in bins if bin_["n"] >= FEW]
    chart = lines(
        {"accuracy": points},
        across="how sure it was",
        up="how often it was right",
        x_range=(0, 1),
        y_range=(0, 1),
        diagonal=True,
        marks=True,
        colours={"accuracy": "var(--accent)"},
        width=460,
        height=400,
    )
    rows = [
        (
            f"{percent(bin_['from'])} to {percent(bin_['to'])}",
            f"{bin_['n']:,}",
            percent(bin_["confidence"]),
            percent(bin_["accuracy"]),
        )
        for bin_ in bins
    ]
    caption = (
        f"On the dashed line it is as often right as it is sure; below it, it is too sure. "
        f"Calibration error {number(found['ece'])}. Bins of fewer than {FEW} faces are only in the "
        "table."
    )
    figures = tag(
        "details",
        tag("summary", "The bins"),
        table(("Sure", "Faces", "Mean sureness", "Right"), rows),
    )
    return join([figure(chart, caption), figures])


def class_table(classes: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Precision, recall and F1 of each emotion."""
    rows = [
        (
            name,
            f"{row_['n']:,}",
            percent(row_["precision"]),
            percent(row_["recall"]),
            number(row_["f1"]),
        )
        for name, row_ in classes.items()
    ]
    return table(("Emotion", "Faces", "Precision", "Recall", "F1"), rows)


def worst(said: Floats, truth: Ints, most: int = WORST) -> Ints:
    """The faces that were given a wrong name most surely, the surest first."""
    wrong = np.flatnonzero((truth >= 0) & (said.argmax(axis=1) != truth))
    return wrong[np.argsort(-said[wrong].max(axis=1), kind="stable")][:most]


def mistakes(said: Floats, truth: Ints, data: Dataset) -> Markup:
    """The worst mistakes as pictures, with what the voters saw."""
    cards = [shown_face(said[at], int(truth[at]), data, int(at)) for at in worst(said, truth)]
    return row(*cards) if cards else tag("p", "None.", kind="soft")


def shown_face(said: Floats, truth: int, data: Dataset, at: int) -> Markup:
    """One face: the truth, what was said instead, and what the voters saw."""
    told = EMOTIONS[int(said.argmax())]
    words = [
        join(["truth: ", tag("strong", EMOTIONS[truth])], ""),
        join(["said: ", tag("strong", told), " ", percent(float(said.max()))], ""),
    ]
    if data.votes is not None:
        words.append(join([f"voters: {crowd_view(data.votes[at])}"]))
    words.append(join([f"place {int(data.places[at]):,}"]))
    scale = 96 / data.faces.shape[2]
    shown = picture(data.faces[at], scale, alt=f"a face whose truth is {EMOTIONS[truth]}")
    return figure(shown, join(words, Markup("<br>")), card=True)


def results_grid(said: Floats, truth: Ints, data: Dataset) -> Markup:
    """Faces drawn by chance, the same every time: right ones too."""
    known = np.flatnonzero(truth >= 0)
    drawn = np.random.default_rng(0).choice(known, min(SHOWN, len(known)), replace=False)
    return row(*(shown_face(said[at], int(truth[at]), data, int(at)) for at in np.sort(drawn)))


def further_table(found: Mapping[str, float | None]) -> Markup:
    """The long list, against FER2013's labels."""
    note = (
        "Against FER2013's labels. R², MSE, RMSE and explained variance take the emotions' numbers "
        "as quantities, which they are not: they only stand here because reports list them."
    )
    names = [name.replace("_", " ") for name in found]
    return join([table(names, [[number(v) for v in found.values()]]), tag("p", note, kind="soft")])


def crowd_view(votes: Ints, most: int = 3) -> str:
    """What the voters chose, the most frequent first: "happiness 6, neutral 4"."""
    order = np.argsort(-votes, kind="stable")[:most]
    return ", ".join(f"{plain(at)} {votes[at]}" for at in order if votes[at]) or "none"


def plain(column: Any) -> str:
    """A FER+ column as words."""
    return FERPLUS[int(column)].replace("_", " ")


def percent(share: float | None) -> str:
    """A share as people read it."""
    return "–" if share is None else f"{share:.1%}".replace("%", "\N{NO-BREAK SPACE}%")


def number(value: float | None) -> str:
    """A figure with three places."""
    return "–" if value is None else f"{value:.3f}"
