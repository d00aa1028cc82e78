"""How often the network was right in tests, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FEW: Final = 100  # faces; the report marks a share of fewer as uncertain


@dataclass(frozen=True)
class Trust:
    """Measurements of the network's head that the app shows."""

    n: int  # pictures that were measured
    called: dict[str, float]  # precision of each emotion
    found: dict[str, float]  # recall of each emotion
    faces: dict[str, int]  # with each emotion as the truth
