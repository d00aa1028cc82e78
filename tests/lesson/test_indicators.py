"""The indicators of a face and the mood of a class, at the rules' bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer.emotions import EMOTIONS
from fer.lesson import INDICATORS, mood
from fer.lesson.indicators import balance, indicators, mood_word
from tests.lesson.classes import mixed, one


def names(row: list[float]) -> list[str]:
    return [
        name
        for name, has in zip(INDICATORS, indicators(np.array([row], np.float32))[0], strict=True)
        if has
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (one("happy"), ["positive"]),
        (one("surprise"), []),  # clear, and neither good nor bad
        (one("neutral"), ["flat"]),
        (one("neutral", 0.8), ["flat"]),
        (one("neutral", 0.75), []),  # something else shows
        (one("fear"), ["negative"]),  # clear, so not confused
        (one("disgust"), ["negative"]),
        (mixed(angry=0.25, sad=0.25, neutral=0.5), ["negative", "confused"]),
        (mixed(angry=0.25, surprise=0.25, neutral=0.5), ["confused"]),
        (mixed(angry=0.25, sad=0.125, neutral=0.625), []),  # less than a half
        (
            mixed(disgust=0.375, sad=0.375, happy=0.25),
            ["negative"],
        ),  # disgust does not confuse
        (mixed(happy=0.5, sad=0.5), ["negative", "positive"]),
        (mixed(happy=0.49, sad=0.26, neutral=0.25), []),  # a half, and nothing less
        (mixed(happy=0.26, sad=0.49, neutral=0.25), []),
    ],
)
def test_indicators_of_one_face(row: list[float], expected: list[str]) -> None:
    assert names(row) == expected


def test_no_faces_give_no_indicators() -> None:
    assert indicators(np.zeros((0, 7), np.float32)).shape == (0, len(INDICATORS))


@given(arrays(np.float64, (5, 7), elements=st.floats(0.01, 1)))
def test_indicators_agree_with_each_other_and_with_the_emotion(weights: np.ndarray) -> None:
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    has = dict(zip(INDICATORS, indicators(probabilities).T, strict=True))
    words = np.array(EMOTIONS)[probabilities.argmax(axis=1)]
    assert not (has["flat"] & (has["negative"] | has["positive"] | has["confused"])).any()
    assert (words[has["flat"]] == "neutral").all()
    assert (words[has["positive"] & ~has["negative"]] == "happy").all()
    clear = probabilities.max(axis=1) > 0.5
    assert not (has["confused"] & clear & (words != "disgust")).any()


def test_balance_is_happy_minus_negative_and_liveliness_is_not_neutral() -> None:
    found = mood(np.array(mixed(happy=0.5, angry=0.125, sad=0.125, neutral=0.25)))
    assert found.balance == 0.5 - 0.25
    assert found.liveliness == 1 - 0.25
    assert mood(np.array(one("fear"))) == (-1, 1)
    assert mood(np.array(one("neutral"))) == (0, 0)


@pytest.mark.parametrize(
    ("balance", "word"),
    [
        (0.26, "happy"),
        (0.25, "even"),
        (0.06, "even"),  # most classes stand near 0: a small mood is not named
        (0.0, "even"),
        (-0.06, "even"),
        (-0.25, "even"),
        (-0.26, "negative"),
    ],
)
def test_a_mood_is_named_only_beyond_a_quarter(balance: float, word: str) -> None:
    assert mood_word(balance) == word


def test_each_row_of_shares_has_its_own_balance() -> None:
    rows = np.array([one("happy"), one("fear"), mixed(happy=0.5, disgust=0.25, neutral=0.25)])
    assert balance(rows).tolist() == [1, -1, 0.25]


def test_a_mood_has_six_decimals() -> None:
    assert mood(np.array(mixed(happy=1 / 3, neutral=2 / 3))) == (0.333333, 0.333333)
