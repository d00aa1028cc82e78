import pytest

from fer.ui.model import precision_sentence, recall_sentence
from tests.vision.test_metrics import with_cell


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
            " (Only 40 such faces were measured: take this as a rough figure.)",
        ),
    ],
)
def test_how_far_to_trust_a_word(cells: dict[tuple[str, str], int], line: str) -> None:
    assert precision_sentence(with_cell(cells), "fear") == line


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
    assert recall_sentence(with_cell(cells), "sad") == line
