"""Indicators: what a face shows to a teacher, by a rule over its seven shares.

The rule is a convention and does not measure feelings; docs/decisions/0014 names its sources. A
face may have several indicators, or none.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS

INDICATORS: Final = ("negative", "confused", "flat", "positive")

NEGATIVE: Final = ("angry", "disgust", "fear", "sad")
# The emotions that share knitted or raised brows. None of them alone means "confused".
UNSURE: Final = ("angry", "fear", "sad", "surprise")
HALF: Final = 0.5  # more likely than not
FLAT: Final = 0.8  # least share of "neutral" of a flat face
CLEAR: Final = 0.25  # a mood between -CLEAR and CLEAR is called even

_NEGATIVE: Final = [EMOTIONS.index(name) for name in NEGATIVE]
_UNSURE: Final = [EMOTIONS.index(name) for name in UNSURE]
_HAPPY: Final = EMOTIONS.index("happy")
_NEUTRAL: Final = EMOTIONS.index("neutral")


class Mood(NamedTuple):
    """The mood of a class: two numbers for the floating window and the mood line."""

    balance: float  # happy minus the negative four, -1 to 1; NaN if no face was read
    liveliness: float  # everything but neutral, 0 to 1


def indicators(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Return which of INDICATORS each row of seven probabilities has, as an array (n, 4).

    >>> indicators(np.array([[0.3, 0, 0, 0, 0.3, 0, 0.4]])).tolist()
    [[True, True, False, False]]
    """
    unsure = probabilities[:, _UNSURE]
    return np.stack(
        [
            probabilities[:, _NEGATIVE].sum(axis=1) >= HALF,
            # Spread over these emotions, with none of them clear.
            (unsure.sum(axis=1) >= HALF) & (unsure.max(axis=1, initial=0) < HALF),
            probabilities[:, _NEUTRAL] >= FLAT,
            probabilities[:, _HAPPY] >= HALF,
        ],
        axis=1,
    )


def mood(shares: npt.NDArray[np.floating[Any]]) -> Mood:
    """Return the mood of a class from its mean probabilities.

    >>> mood(np.array([0.1, 0, 0, 0.5, 0.1, 0, 0.3]))
    Mood(balance=0.3, liveliness=0.7)
    """
    return Mood(round(float(balance(shares)), 6), round(1 - float(shares[_NEUTRAL]), 6))


def balance(shares: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return happy minus the negative four, for one row of shares or for many."""
    return np.asarray(shares[..., _HAPPY] - shares[..., _NEGATIVE].sum(axis=-1), np.float64)


def mood_word(value: float) -> Literal["happy", "even", "negative"]:
    """Return the word for a mood's balance."""
    if value > CLEAR:
        return "happy"
    return "negative" if value < -CLEAR else "even"
