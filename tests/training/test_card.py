from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer.emotions import EMOTIONS
from fer.training.card import confusions, write_card
from fer.training.data.dataset import one_hot
from fer.training.evaluate import judge
from fer.training.shifts import SHIFTS
from tests.training.faces import drawings

TRAINED = {
    "recipe": "ours",
    "faces": {"trained_on": 27_274, "held_out": 1_435},
    "machine": "x86_64, 2 processors, CPU",
    "epochs": 72,
    "minutes": 112.0,
}


def figures() -> dict[str, Any]:
    data = drawings(70)
    answers = data.labels.copy()
    answers[answers == 1] = 0  # every disgust is called angry
    heads = {"crowd": one_hot(answers), "fer2013": one_hot(data.labels)}
    return judge(heads, data) | {"tta": False}


def written(folder: Path, metrics: dict[str, Any], **more: Any) -> str:
    described = {
        "size": 48,
        "emotions": [*EMOTIONS],
        "heads": ["crowd", "fer2013"],
        "shown": "crowd",
        "parameters": 657_694,
        "mflops": 114.8,
        "temperature": {"crowd": 0.6, "fer2013": 1.09},
    }
    (folder / "model.json").write_text(json.dumps(described | more))
    write_card(folder / "CARD.md", folder, metrics)
    return (folder / "CARD.md").read_text()


def test_the_card_begins_with_a_yaml_head(tmp_path: Path) -> None:
    card = written(tmp_path, figures())
    _, head, body = card.split("---\n", 2)
    assert card.startswith("---\n")
    for line in ("license: mit", "tags:", "datasets:", "metrics:", "model-index:"):
        assert line in head.splitlines()
    assert re.findall(r"type: accuracy\n +value: (\S+)", head) == ["0.857143", "1.0"]
    assert body.startswith("# Model card")


def test_every_table_is_a_markdown_table(tmp_path: Path) -> None:
    metrics = figures()
    one = {"n": 70, "accuracy": 0.5, "balanced_accuracy": 0.4, "ece": 0.1}
    metrics["shifts"] = {name: {"crowd": one, "fer2013": one} for name in SHIFTS}
    body = written(tmp_path, metrics).split("---\n", 2)[2]
    tables = re.findall(r"(?:^\|.*\|\n)+", body, re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        rows = table.splitlines()
        assert len({row.count("|") for row in rows}) == 1
        assert set(rows[1]) <= set("|- ")
    assert [table.count("\n") - 2 for table in tables] == [8, 7, len(SHIFTS)]


def test_recall_stands_with_its_interval_for_both_labelings(tmp_path: Path) -> None:
    card = written(tmp_path, figures())
    assert "| angry | 100 % | 72 to 100\N{NO-BREAK SPACE}% | 10 | 100 % |" in card
    assert "| disgust | 0 % | 0 to 28\N{NO-BREAK SPACE}% | 10 | 100 % |" in card
    assert "| accuracy | 85.7 % | 100.0 % |" in card


def test_how_it_was_trained_stands_there_if_it_is_known(tmp_path: Path) -> None:
    assert "Recipe" not in written(tmp_path, figures())
    card = written(tmp_path, figures(), training=TRAINED)
    assert "Recipe `ours`: 27,274 faces trained on, 1,435 held out" in card
    assert "crowd 0.60, fer2013 1.09." in card


def test_how_it_was_calibrated_stands_there(tmp_path: Path) -> None:
    plain = written(tmp_path, figures(), training=TRAINED)
    assert "fitted on the faces held out:" in plain
    assert "lifted" not in plain
    card = written(
        tmp_path,
        figures(),
        training=TRAINED | {"calibrated_on_half_of_public_test": True, "start": "runs/first"},
        lift={"crowd": [0.051, 0.612, 0.357, 0.0, 0.0, 0.0, 0.0]},
        certainty=["crowd"],
    )
    assert "fitted on the faces held out and on one half of PublicTest:" in card
    assert "Added to the logits of `crowd`: angry 0.05, disgust 0.61, fear 0.36." in card
    assert "makes crowd less sure of faces" in card
    assert "begun from the weights of runs/first." in card


def test_confusions_from_a_tenth_on_are_listed_the_largest_first() -> None:
    table = np.diag([100] * 7)
    table[1, 0], table[1, 1] = 60, 40
    table[2, 5], table[2, 2] = 10, 90
    table[3, 4], table[3, 3] = 9, 91
    assert confusions(table.tolist()) == [
        "disgust is read as angry in 60 % of its 100 faces.",
        "fear is read as surprise in 10 % of its 100 faces.",
    ]


def test_a_card_without_votes_has_no_made_up_figures(tmp_path: Path) -> None:
    data = drawings(70)
    heads = {"crowd": one_hot(data.labels), "fer2013": one_hot(data.labels)}
    metrics = judge(heads, replace(data, votes=None)) | {"tta": False}
    card = written(tmp_path, metrics)
    assert "value: null" in card
    assert "| accuracy | – | 100.0 % |" in card
