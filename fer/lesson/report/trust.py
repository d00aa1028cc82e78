"""How often the network is right, in figures that a teacher can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FEW: Final = 100  # faces; a share of fewer is too loose to lean on


@dataclass(frozen=True)
class Trust:
    """What was measured of the head that the product shows."""

    n: int  # pictures
    called: dict[str, float]  # of the faces called so, the share that is
    found: dict[str, float]  # of the faces that are, the share that is called so
    faces: dict[str, int]  # that are
