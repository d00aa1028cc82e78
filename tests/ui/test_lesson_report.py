import json
from pathlib import Path
from typing import Any

import pytest

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.ui.lesson_report import read_trust
from tests.tiny_model import CONFUSION, write_metrics, write_tiny_model


def test_trust_is_that_of_the_head_that_is_shown(tmp_path: Path) -> None:
    folder = write_metrics(write_tiny_model(tmp_path / "model"))
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    for name, head in metrics["heads"].items():
        if name != "crowd":
            head["confusion"] = [[0] * 7 for _ in EMOTIONS]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    trust = read_trust(folder)
    assert trust is not None
    assert trust.n == metrics["heads"]["crowd"]["n"]
    rows, columns = CONFUSION, [*zip(*CONFUSION, strict=True)]
    for at, name in enumerate(EMOTIONS):
        assert trust.faces[name] == sum(rows[at])
        assert trust.found[name] == pytest.approx(rows[at][at] / max(sum(rows[at]), 1))
        assert trust.called[name] == pytest.approx(rows[at][at] / max(sum(columns[at]), 1))


def test_without_figures_there_is_no_trust(tmp_path: Path) -> None:
    folder = write_metrics(write_tiny_model(tmp_path / "model"))
    (folder / "metrics.json").unlink(missing_ok=True)
    assert read_trust(folder) is None


@pytest.mark.parametrize("damage", ["{", "[]", '{"heads": {}}'])
def test_damaged_figures_raise_an_error(tmp_path: Path, damage: str) -> None:
    folder = write_metrics(write_tiny_model(tmp_path / "model"))
    (folder / "metrics.json").write_text(damage)
    with pytest.raises(ModelError, match=r"metrics\.json"):
        read_trust(folder)
