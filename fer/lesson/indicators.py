"""What a face looks like to a teacher, by a rule over the seven probabilities.

The rule is a convention and knows no feelings: docs/decisions/0014 says what it rests on. A face
may have several looks, or none.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS

INDICATORS: Final = ("negative", "confused", "flat", "positive")

NEGATIVE: Final = ("angry", "disgust", "fear", "sad")
# Knitted or raised brows: the words whose faces share them. None of them means "confused".
UNSURE: Final = ("angry", "fear", "sad", "surprise")
HALF: Final = 0.5  # more likely than not
FLAT: Final = 0.8  # so much "neutral" that next to nothing else shows


class Mood(NamedTuple):
    """The class in two numbers, for a shape that moves calmly and for the mood line."""

    balance: float  # happy less the negative four, -1 to 1; NaN where nobody was read
    liveliness: float  # all that isn't neutral, 0 to 1


def _places(words: tuple[str, ...]) -> list[int]:
    return [EMOTIONS.index(word) for word in words]


_NEGATIVE: Final = _places(NEGATIVE)
_UNSURE: Final = _places(UNSURE)
_HAPPY, _NEUTRAL = _places(("happy", "neutral"))


def looks(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Which of LOOKS each row of seven probabilities has, (n, 4).

    >>> looks(np.array([[0.3, 0, 0, 0, 0.3, 0, 0.4]])).tolist()
    [[True, True, False, False]]
    """
    unsure = probabilities[:, _UNSURE]
    return np.stack(
        [
            probabilities[:, _NEGATIVE].sum(axis=1) >= HALF,
            # Between these words, and none of them clear.
            (unsure.sum(axis=1) >= HALF) & (unsure.max(axis=1, initial=0) < HALF),
            probabilities[:, _NEUTRAL] >= FLAT,
            probabilities[:, _HAPPY] >= HALF,
        ],
        axis=1,
    )


def mood(shares: npt.NDArray[np.floating[Any]]) -> Mood:
    """The mood of a class whose mean probabilities these are.

    >>> mood(np.array([0.1, 0, 0, 0.5, 0.1, 0, 0.3]))
    Mood(balance=0.3, liveliness=0.7)
    """
    return Mood(round(float(balance(shares)), 6), round(1 - float(shares[_NEUTRAL]), 6))


def balance(shares: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Happy less the negative four, of one row of shares or of many."""
    return np.asarray(shares[..., _HAPPY] - shares[..., _NEGATIVE].sum(axis=-1), np.float64)
