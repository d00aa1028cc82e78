"""The seven emotions: their order everywhere, and how each one looks.

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
