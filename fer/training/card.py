"""Write the model card: the network, its training, its accuracy and its known failures.

    python -m fer evaluate --data DIR --shifts --write model/metrics.json --card model/MODEL_CARD.md

The figures come from the evaluation and from model.json; the text around them is the template
templates/model_card.md. The YAML head is in the usual format of model cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fer.emotions import EMOTIONS
from fer.machine import write_text
from fer.training.reports.evaluation import interval, shift_table
from fer.training.reports.page import render
from fer.training.shifts import SHIFTS
from fer.vision.classifier import describe

CONFUSED: Final = 0.1  # share of an emotion's faces from which a confusion is listed
FIGURES: Final = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
    "kappa": "Cohen's kappa",
    "log_loss": "log-loss",
    "ece": "calibration error (15 bins)",
}
SHARES: Final = ("balanced_accuracy",)  # of FIGURES, those written in percent


def write_card(path: Path, model: Path, metrics: Mapping[str, Any]) -> None:
    """Write the card of the model in a folder, with the figures of one evaluation."""
    described = describe(model)
    shown = described["shown"]
    shifts = metrics.get("shifts")
    text = render(
        "model_card.md",
        model=described,
        metrics=metrics,
        shown=shown,
        lifts={head: lift_text(lift) for head, lift in (described.get("lift") or {}).items()},
        figures=[figure_row(name, title, metrics["heads"]) for name, title in FIGURES.items()],
        recalls=recall_rows(metrics["heads"]),
        confusions=confusions(metrics["heads"][shown]["confusion"] or []),
        shifts=shift_table(shifts) if shifts else None,
        about={
            name.replace("_", " "): SHIFTS[name].about for name in shifts or () if name in SHIFTS
        },
    )
    write_text(path, text)


def figure_row(name: str, title: str, heads: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one figure of all heads as cells."""
    values = [found[name] for found in heads.values()]
    shown = [
        "–" if v is None else f"{100 * v:.1f} %" if name in SHARES else f"{v:.3f}" for v in values
    ]
    return [title, *shown]


def lift_text(lift: Sequence[float]) -> str:
    """Return what is added to the logits of the emotions that are lifted."""
    pairs = zip(EMOTIONS, lift, strict=True)
    return ", ".join(f"{emotion} {value:.2f}" for emotion, value in pairs if value)


def recall_rows(heads: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return each emotion's recall, interval and number of faces, for each head, as cells."""
    rows = []
    for emotion in EMOTIONS:
        cells = [emotion]
        for found in heads.values():
            one = (found["per_class"] or {}).get(emotion)
            if one is None or one["recall"] is None:
                cells += ["–", "–", "0"]
            else:
                cells += [f"{100 * one['recall']:.0f} %", interval(one.get("recall_interval"))]
                cells.append(f"{one['n']:,}")
        rows.append(cells)
    return rows


def confusions(table: list[list[int]]) -> list[str]:
    """Return the commonest confusions as sentences, the largest share first."""
    found = []
    for truth, row in zip(EMOTIONS, table, strict=False):
        total = sum(row)
        for answer, count in zip(EMOTIONS, row, strict=True):
            if answer != truth and total and count / total >= CONFUSED:
                share = f"{100 * count / total:.0f} %"
                text = f"{truth} is read as {answer} in {share} of its {total:,} faces."
                found.append((count / total, text))
    return [text for _, text in sorted(found, reverse=True)]
