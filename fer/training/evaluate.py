"""Measure a model on one split: the figures of metrics.json, and the report as a page.

    python -m fer evaluate --model model --data DIR --split public_test --shifts

Every head is judged against its own truth: `crowd` against what most of FER+'s voters chose, the
others against FER2013's labels. private_test is read here and nowhere else. After the network in
model/ has changed, `--shifts --write model/metrics.json --card model/MODEL_CARD.md` updates both.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError, ModelError
from fer.faces import Floats
from fer.training.data.dataset import Dataset, Ints, sized_batches, true_answers, truth_of
from fer.training.data.load import load, log_skipped, splits_in
from fer.training.metrics import figures, further, rounded
from fer.training.reports.evaluation import shift_table, write_page
from fer.training.shifts import SHIFTS
from fer.vision.classifier import (
    EXPORT,
    Classifier,
    Crops,
    KerasClassifier,
    OnnxClassifier,
    holds_run,
    keras_file,
    runtime_folder,
)

Heads = Mapping[str, Floats]

PATIENCE: Final = 2.0  # seconds before the first line of progress
PAUSE: Final = 5.0  # seconds between lines of progress
ENLARGED: Final = 50  # pixels that a 48-pixel face is enlarged to for ten crops; more did harm


@dataclass(frozen=True)
class EvaluationOptions:
    """What `evaluate` measures, and what it writes."""

    runtime: str | None = None  # onnx or keras; None: the form that is there
    tta: bool = False  # average over ten crops
    shifts: bool = False  # also measure the changed faces of SHIFTS
    report: Path | None = None  # a folder for the page


def evaluate(
    model: Path,
    data: Path,
    split: str,
    options: EvaluationOptions | None = None,
    *,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Return the figures of a model folder, a run folder or a .keras file on one split."""
    options = options or EvaluationOptions()
    dataset = load(data, split)
    log_skipped(dataset, log)
    if not len(dataset):
        raise DataError(f"{data}: no faces in {split}")
    training = None
    if split != "training" and "training" in splits_in(data):
        training = load(data, "training")
    runtime = options.runtime
    if runtime is None:
        runtime = "onnx" if (model / "model.json").exists() else "keras"
    classifier, file = in_form(model, runtime)
    heads = read_faces(classifier, dataset.faces, tta=options.tta, log=log)
    targets = targets_of(file)
    metrics = judge(heads, dataset, targets=targets, training=training)
    metrics["model"] = {"file": name_of(file), "runtime": runtime}
    metrics["tta"] = options.tta
    if options.shifts:
        metrics["shifts"] = shifted_figures(classifier, dataset, targets, log=log)
    if options.report is not None:
        truths = {head: true_answers(truth_of(head, targets), dataset) for head in heads}
        log(f"report: {write_page(options.report, metrics, heads, truths, dataset)}")
    return metrics


def in_form(model: Path, runtime: str) -> tuple[Classifier, Path]:
    """Return the network in one of its forms, and its file."""
    if runtime == "keras":
        return KerasClassifier(model), keras_file(model)
    folder = runtime_folder(model)
    file = folder / "emotion.onnx"
    if holds_run(folder) and not file.exists():
        raise ModelError(
            f"{model}: not exported yet; python -m fer export --data DIR --model {model} "
            f"--out {model / EXPORT} writes its runtime form"
        )
    return OnnxClassifier(folder), file


def read_faces(
    classifier: Classifier,
    faces: Crops,
    *,
    tta: bool = False,
    log: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Floats]:
    """Return every head's probabilities for all faces."""
    begun = shown = clock()
    parts: list[dict[str, Floats]] = []
    done = 0
    for batch in sized_batches(faces, classifier.size):
        views = ten_crops(batch) if tta else [batch]
        answers = [classifier.read(view).heads for view in views]
        parts.append({h: np.mean([one[h] for one in answers], axis=0) for h in answers[0]})
        now, done = clock(), done + len(batch)
        if now - begun > PATIENCE and (shown == begun or now - shown > PAUSE) and done < len(faces):
            left = (now - begun) / done * (len(faces) - done)
            log(f"read {done:,} of {len(faces):,} faces, {left:.0f} s left")
            shown = now
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}


def ten_crops(faces: Crops) -> Iterator[Crops]:
    """Yield the corners and the centre of the slightly enlarged faces, each also mirrored."""
    size = faces.shape[1]
    side = round(size * ENLARGED / 48)
    large = np.stack(
        [cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC) for face in faces]
    ).astype(np.uint8)
    edge, middle = side - size, (side - size) // 2
    for top, left in ((0, 0), (0, edge), (edge, 0), (edge, edge), (middle, middle)):
        crop = large[:, top : top + size, left : left + size]
        yield np.ascontiguousarray(crop)
        yield np.ascontiguousarray(crop[:, :, ::-1])


def judge(
    heads: Heads,
    data: Dataset,
    *,
    targets: str = "labels",
    training: Dataset | None = None,
) -> dict[str, Any]:
    """Return the figures of answers: at the top those that people compare, then each head's."""
    by_label = heads[label_head(heads)]
    labels = figures(by_label, data.labels, EMOTIONS)
    labels.pop("reliability")
    votes: dict[str, Any] = dict.fromkeys(("accuracy", "n", "ece"))
    crowd = crowd_head(heads)
    if crowd is not None and data.votes is not None:
        votes = known_figures(heads[crowd], data.majority)
    own = {}
    for head, probabilities in heads.items():
        truth = truth_of(head, targets)
        own[head] = {"truth": truth, **known_figures(probabilities, true_answers(truth, data))}
    metrics = {
        "split": data.split,
        **labels,
        "ferplus_accuracy": votes["accuracy"],
        "ferplus_n": votes["n"],
        "ferplus_ece": votes["ece"],
        "accuracy_without_copies": accuracy_without_copies(by_label, data, training),
        "heads": own,
        "further": further(by_label, data.labels),
    }
    result: dict[str, Any] = rounded(metrics)
    return result


def shifted_figures(
    classifier: Classifier, data: Dataset, targets: str, *, log: Callable[[str], None]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return accuracy, balanced accuracy and ECE of each head, by shift."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, shift in SHIFTS.items():
        log(f"reading the faces {shift.about}")
        heads = read_faces(classifier, shift.change(data.faces), log=log)
        found[name] = {}
        for head, probabilities in heads.items():
            truth = true_answers(truth_of(head, targets), data)
            all_ = known_figures(probabilities, truth)
            wanted = ("n", "accuracy", "balanced_accuracy", "ece")
            found[name][head] = {key: all_[key] for key in wanted}
    result: dict[str, dict[str, dict[str, Any]]] = rounded(found)
    return result


def label_head(heads: Heads) -> str:
    """Return the head that answers FER2013's labels: `fer2013`, or the only one."""
    if "fer2013" in heads or len(heads) == 1:
        return "fer2013" if "fer2013" in heads else next(iter(heads))
    raise ModelError(f"none of the heads {', '.join(heads)} answers FER2013's labels")


def crowd_head(heads: Heads) -> str | None:
    """Return the head that answers as FER+'s voters: `crowd`, or the only one; None if neither."""
    if "crowd" in heads or len(heads) == 1:
        return "crowd" if "crowd" in heads else next(iter(heads))
    return None


def known_figures(probabilities: Floats, truth: Ints) -> dict[str, Any]:
    """Return the figures over the faces whose truth is known."""
    known = truth >= 0
    return figures(probabilities[known], truth[known], EMOTIONS)


def accuracy_without_copies(
    probabilities: Floats, data: Dataset, training: Dataset | None
) -> float | None:
    """Return accuracy without byte copies of training faces; None if these are unknown or all."""
    if training is None:
        return None
    learned = set(training.digests)
    new = np.array([digest not in learned for digest in data.digests], bool)
    right = probabilities.argmax(axis=1) == data.labels
    return float(right[new].mean()) if new.any() else None


def home_of(file: Path) -> Path:
    """Return the model or run folder that a file belongs to; an export lies inside its run."""
    folder = file.parent.resolve()
    inside = folder.name == EXPORT and holds_run(folder.parent)
    return folder.parent if inside else folder


def name_of(file: Path) -> str:
    """Return a file's name with its model or run folder."""
    return (file.parent.resolve() / file.name).relative_to(home_of(file).parent).as_posix()


def targets_of(file: Path) -> str:
    """Return the `targets` of the run that a file belongs to; "labels" for a file without a run."""
    try:
        config = json.loads((home_of(file) / "config.json").read_text())
        return str(config["recipe"]["targets"])
    except (OSError, ValueError, KeyError, TypeError):
        return "labels"


def summary(metrics: dict[str, Any]) -> str:
    """Return the figures as text for a terminal."""
    model = metrics["model"]
    extra = ", ten crops" if metrics["tta"] else ""
    copies = metrics["accuracy_without_copies"]
    lines = [
        f"{metrics['split']}, {metrics['n']:,} faces, {model['file']} ({model['runtime']}{extra})",
        f"  FER2013 labels   {metrics['accuracy']:.2%} right, balanced "
        f"{metrics['balanced_accuracy']:.2%}, macro-F1 {metrics['macro_f1']:.3f}, "
        f"log-loss {metrics['log_loss']:.3f}, ECE {metrics['ece']:.3f}",
    ]
    if copies is not None:
        lines.append(f"                   {copies:.2%} without byte copies of training faces")
    if metrics["ferplus_n"]:
        lines.append(
            f"  FER+ majority    {metrics['ferplus_accuracy']:.2%} right of "
            f"{metrics['ferplus_n']:,} faces, ECE {metrics['ferplus_ece']:.3f}"
        )
    recalls = [
        f"{name} {row['recall']:.0%}"
        for name, row in metrics["per_class"].items()
        if row["recall"] is not None
    ]
    lines.append(f"  recall by label  {', '.join(recalls)}")
    if metrics.get("shifts"):
        lines += ["", *shift_lines(metrics["shifts"])]
    return "\n".join(lines)


def shift_lines(shifts: Mapping[str, Any]) -> list[str]:
    """Return the table of shifts as lines for a terminal."""
    table = shift_table(shifts)
    widths = [
        max(len(cell) for cell in column)
        for column in zip(table["headers"], *table["rows"], strict=True)
    ]
    return [
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        for cells in (table["headers"], *table["rows"])
    ]
