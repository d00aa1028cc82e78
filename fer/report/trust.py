"""How often the network is right, in figures that a teacher can use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer.classify import describe, runtime_folder
from fer.emotions import EMOTIONS
from fer.errors import ModelError

FEW: Final = 100  # faces; a share of fewer is too loose to lean on


@dataclass(frozen=True)
class Trust:
    """What was measured of the head that the product shows."""

    n: int  # pictures
    called: dict[str, float]  # of the faces called so, the share that is
    found: dict[str, float]  # of the faces that are, the share that is called so
    faces: dict[str, int]  # that are


def read_trust(folder: Path) -> Trust | None:
    """From metrics.json beside the model; None where it was not measured."""
    path = runtime_folder(folder) / "metrics.json"
    if not path.exists():
        return None
    try:
        head = json.loads(path.read_text())["heads"][describe(folder)["shown"]]
        each = {name: head["per_class"][name] for name in EMOTIONS}
        return Trust(
            n=int(head["n"]),
            called={name: float(one["precision"]) for name, one in each.items()},
            found={name: float(one["recall"]) for name, one in each.items()},
            faces={name: int(one["n"]) for name, one in each.items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{path}: not the figures of this model ({fault!r})") from fault
