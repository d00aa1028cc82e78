import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.training.data.dataset import FERPLUS, Dataset, one_hot, true_answers, truth_of
from fer.training.evaluate import judge
from fer.training.reports.evaluation import SHOWN, WORST, crowd_view, worst, write_page
from fer.vision.classifier import Floats
from tests.training.faces import drawings

VOID = {"meta", "img", "br", "line", "rect", "circle", "polyline"}


class Balance(HTMLParser):
    """Fails on a wrongly closed tag; records the addresses that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def answers(data: Dataset, seed: int = 0) -> Floats:
    """Return answers that are mostly right."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(7), len(data)) + 0.6 * one_hot(data.labels)
    said: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return said


def written(folder: Path, data: Dataset, **more: Any) -> str:
    heads = {"crowd": answers(data, 1), "fer2013": answers(data, 2)}
    metrics = judge(heads, data)
    metrics |= {"model": {"file": "model/<emotion>.onnx", "runtime": "onnx"}, "tta": False} | more
    truths = {head: true_answers(truth_of(head, "both"), data) for head in heads}
    path = write_page(folder, metrics, heads, truths, data)
    assert path == folder / "index.html"
    return path.read_text()


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    text = written(tmp_path / "report", drawings(210))
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert parser.addresses
    assert all(address.startswith("data:") for address in parser.addresses)
    assert "do not publish" in text
    assert "model/&lt;emotion&gt;.onnx" in text
    for part in (
        "explained variance",
        "jaccard",
        "Head crowd",
        "Head fer2013",
        "<polyline",
        "<rect",
        "surprise",
    ):
        assert part in text


def test_the_page_shows_no_more_mistakes_than_asked_and_the_voters_of_each(tmp_path: Path) -> None:
    data = drawings(210)
    text = written(tmp_path, data)
    shown = [at for seed in (1, 2) for at in worst(answers(data, seed), data.labels)]
    assert 0 < len(shown) <= 2 * WORST
    mistakes = re.findall(r"The most confident mistakes(.*?)<h2", text, re.DOTALL)
    assert sum(part.count("<img") for part in mistakes) == len(shown)
    assert text.count("<img") == text.count("voters: ") == len(shown) + 2 * SHOWN
    assert data.votes is not None
    for at in shown:
        assert f"voters: {crowd_view(data.votes[at])}<br>place {at}<" in text


def test_a_page_without_votes_shows_no_figures_of_the_crowd(tmp_path: Path) -> None:
    text = written(tmp_path, replace(drawings(70), votes=None))
    assert "No face here has a known answer" in text
    assert "voters: " not in text


def test_a_network_without_mistakes_has_none_to_show(tmp_path: Path) -> None:
    data = drawings(14)
    heads = {"emotion": one_hot(data.labels)}
    metrics = judge(heads, data)
    metrics |= {"model": {"file": "a.keras", "runtime": "keras"}, "tta": True}
    text = write_page(tmp_path, metrics, heads, {"emotion": data.labels}, data).read_text()
    assert "<img" not in text.split("The most confident mistakes")[1]
    assert text.count("<img") == SHOWN  # some faces as they come
    assert "ten crops" in text


def test_copies_are_mentioned(tmp_path: Path) -> None:
    assert "split is not there" in written(tmp_path, drawings(70))
    assert re.search(r"copies of training faces, 12\.3\s%", written(
        tmp_path, drawings(70), accuracy_without_copies=0.1234
    ))  # fmt: skip


def test_the_worst_mistakes_come_first_and_right_or_unknown_answers_never() -> None:
    said = one_hot(np.array([1, 1, 1, 2, 1])) * np.array([[0.5], [0.9], [0.8], [1.0], [0.99]])
    truth = np.array([0, 0, 3, 2, -1])
    assert worst(said.astype(np.float32), truth).tolist() == [1, 2, 0]
    assert worst(said.astype(np.float32), truth, most=2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"sadness": 3, "neutral": 6, "not_a_face": 1}, "neutral 6, sadness 3, not a face 1"),
        ({"fear": 10}, "fear 10"),
        ({}, "none"),
    ],
)
def test_what_the_voters_saw(counts: dict[str, int], words: str) -> None:
    assert crowd_view(np.array([counts.get(name, 0) for name in FERPLUS])) == words
