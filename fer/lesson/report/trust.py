"""How often the network is right, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FEW: Final = 100  # faces; a share of fewer is too uncertain


@dataclass(frozen=True)
class Trust:
    """What was measured of the network's head that the app shows."""

    n: int  # pictures
    called: dict[str, float]  # precision of each emotion
    found: dict[str, float]  # recall of each emotion
    faces: dict[str, int]  # with each emotion as the truth
