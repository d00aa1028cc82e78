"""What each head is held to: FER2013's label, or the majority of FER+'s voters."""

from __future__ import annotations

from typing import Literal

from fer.training.data import Dataset, Ints

Truth = Literal["fer2013", "ferplus"]


def truth_of(head: str, targets: str) -> Truth:
    """What a head was taught to answer; a fusion of both truths is held to the labels."""
    return "ferplus" if head == "crowd" or (head == "emotion" and targets == "votes") else "fer2013"


def true_answers(truth: Truth, data: Dataset) -> Ints:
    """The right answer for each face; -1 where there is none."""
    return data.majority if truth == "ferplus" else data.labels
