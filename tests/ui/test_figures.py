import json
from pathlib import Path
from typing import Any

import pytest

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.ui.figures import Figures, figures, read_metrics
from tests.tiny_model import CONFUSION


def of(confusion: list[list[int]]) -> Figures:
    n = sum(map(sum, confusion))
    return Figures("crowd", "public_test", n, 0.5, 0.5, 0.02, confusion, [])


def with_cell(cells: dict[tuple[str, str], int]) -> Figures:
    table = [[0] * 7 for _ in EMOTIONS]
    for (truth, said), count in cells.items():
        table[EMOTIONS.index(truth)][EMOTIONS.index(said)] = count
    return of(table)


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (
            {("fear", "fear"): 60, ("surprise", "fear"): 30, ("sad", "fear"): 10},
            "Of ten faces it calls **fear**, **about six** are; the others are mostly surprise.",
        ),
        (
            {("fear", "fear"): 10, ("sad", "fear"): 90},
            "Of ten faces it calls **fear**, **about one** is; the others are mostly sad.",
        ),
        (
            {("fear", "fear"): 100},
            "Of ten faces it calls **fear**, **nearly all** are.",
        ),
        ({}, "It called no face **fear**."),
        (
            {("fear", "fear"): 1, ("sad", "fear"): 39},
            "Of ten faces it calls **fear**, **hardly any** are; the others are mostly sad."
            " (Only 40 such faces were seen: a loose figure.)",
        ),
    ],
)
def test_how_far_to_trust_a_word(cells: dict[tuple[str, str], int], line: str) -> None:
    assert with_cell(cells).when_it_says("fear") == line


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (
            {("sad", "sad"): 50, ("sad", "neutral"): 45, ("sad", "angry"): 5},
            "Of ten **sad** faces it finds **about five**; the others are mostly called neutral.",
        ),
        ({("happy", "sad"): 50}, "There was no **sad** face to find."),
    ],
)
def test_how_much_it_finds(cells: dict[tuple[str, str], int], line: str) -> None:
    assert with_cell(cells).when_it_is("sad") == line


def test_recall_and_precision_come_from_rows_and_columns() -> None:
    both = with_cell({("sad", "sad"): 30, ("sad", "happy"): 10, ("happy", "happy"): 90})
    assert both.recall()["sad"] == 0.75
    assert both.precision()["happy"] == 0.9
    assert both.recall()["angry"] == both.precision()["angry"] == 0.0


def test_the_file_as_it_is_written(tiny_model: Path) -> None:
    metrics = read_metrics(tiny_model)
    assert metrics is not None
    crowd = figures(metrics, "crowd")
    assert crowd.confusion == CONFUSION
    assert crowd.accuracy != metrics["accuracy"]
    assert len(crowd.reliability) == 12  # three bins of the fifteen are empty


def test_a_head_without_figures_of_its_own_takes_the_top_ones(tiny_model: Path) -> None:
    metrics = read_metrics(tiny_model)
    assert metrics is not None
    del metrics["heads"]
    assert figures(metrics, "crowd").accuracy == metrics["accuracy"]


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ModelError, match=r"metrics\.json"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"confusion": [[1, 2], [3, 4]]}, {"ece": None}, {"reliability": [{"n": 3}]}, {"n": "many"}],
)
def test_figures_that_are_none_are_a_clear_error(tiny_model: Path, change: dict[str, Any]) -> None:
    metrics = json.loads((tiny_model / "metrics.json").read_text())
    metrics["heads"]["crowd"] |= change
    with pytest.raises(ModelError, match="no figures of the head crowd"):
        figures(metrics, "crowd")
