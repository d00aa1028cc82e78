import json
from pathlib import Path
from typing import Any

import pytest

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.vision.metrics import Figures, figures, read_metrics, shifts
from tests.tiny_model import CONFUSION


def of(confusion: list[list[int]]) -> Figures:
    n = sum(map(sum, confusion))
    return Figures("crowd", "public_test", n, 0.5, 0.5, 0.02, confusion, [])


def with_cell(cells: dict[tuple[str, str], int]) -> Figures:
    table = [[0] * 7 for _ in EMOTIONS]
    for (truth, answer), count in cells.items():
        table[EMOTIONS.index(truth)][EMOTIONS.index(answer)] = count
    return of(table)


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


def test_intervals_and_shifts_are_those_of_the_head(tiny_model: Path) -> None:
    metrics = read_metrics(tiny_model)
    assert metrics is not None
    crowd = figures(metrics, "crowd")
    for name, recall in crowd.recall().items():
        low, high = crowd.intervals[name]
        assert low < recall <= high + 1e-9
    (one,) = shifts(metrics, "fer2013")
    assert (one.name, one.accuracy, one.ece) == ("small_16", 0.44, 0.047)


def test_figures_of_an_older_version_have_neither(tiny_model: Path) -> None:
    metrics = read_metrics(tiny_model)
    assert metrics is not None
    del metrics["shifts"], metrics["heads"]["crowd"]["per_class"]
    assert figures(metrics, "crowd").intervals == {}
    assert shifts(metrics, "crowd") == []


@pytest.mark.parametrize("broken", [{"dark": {}}, {"dark": {"crowd": {"ece": None}}}, [1]])
def test_broken_shifts_are_a_clear_error(broken: Any) -> None:
    with pytest.raises(ModelError, match="no shifts of the head crowd"):
        shifts({"shifts": broken}, "crowd")


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
