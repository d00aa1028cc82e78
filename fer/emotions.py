"""The seven emotions: their order, colours and signs, and how a share of one is shown.

The order is FER2013's, so a label in that data is an index here. This module imports nothing of
the project; everything else may import it.
"""

from __future__ import annotations

from typing import Final

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# Okabe and Ito's palette: told apart with every common colour blindness, in print and in the dark.
COLOURS: Final = {
    "angry": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happy": "#E69F00",
    "sad": "#0072B2",
    "surprise": "#56B4E9",
    "neutral": "#8A8A8A",
}

EMOJI: Final = {
    "angry": "😠",
    "disgust": "🤢",
    "fear": "😨",
    "happy": "🙂",
    "sad": "😢",
    "surprise": "😮",
    "neutral": "😐",
}


SURE: Final = 0.5  # a most likely emotion below this share is shown as a guess
MOST_PERCENT: Final = 99  # of one face: nobody can be certain, and rounding must not say so


def percent(share: float) -> int:
    """Return the share of one face in percent, never 100. A class's mean may be 100.

    >>> percent(0.126), percent(0.999)
    (13, 99)
    """
    return min(round(100 * share), MOST_PERCENT)


def ink_on(colour: str) -> str:
    """Return black or white, whichever can be read on this colour; all as #RRGGBB."""
    return "#000000" if is_light(*bytes.fromhex(colour[1:])) else "#FFFFFF"


def is_light(red: int, green: int, blue: int) -> bool:
    """Return True if black letters have more contrast on this colour than white ones (WCAG).

    >>> is_light(255, 255, 255), is_light(0, 0, 0)
    (True, False)
    """
    parts = (value / 255 for value in (red, green, blue))
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return (luminance + 0.05) ** 2 > 1.05 * 0.05
