"""The class's numbers, a line a second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fer.emotions import EMOTIONS
from fer.session import Now
from fer.session.now import LATELY


def record(now: Now, clock: datetime) -> dict[str, Any]:
    """The class at this time as JSON takes it; null where nobody was read."""
    return {
        "time": clock.isoformat(timespec="seconds"),
        "faces": round(now.faces, 1),
        "shares": _shares(dict(zip(EMOTIONS, now.shares.tolist(), strict=True))),
        "looks": _shares(now.looks),
        "mood": _shares(now.mood._asdict()),
        "silent": round(now.silent, 1),
    }


def sentence(told: Mapping[str, Any]) -> str:
    """The same record for a person."""
    clock, faces = str(told["time"])[11:19], told["faces"]
    noun = "face" if faces == 1 else "faces"
    if told["silent"] >= LATELY:
        return f"{clock}  no picture for {told['silent']:.0f} s"
    if not faces:
        return f"{clock}  nobody"
    if told["shares"][EMOTIONS[0]] is None:
        return f"{clock}  {faces:g} {noun}, not read yet"
    ranked = sorted(told["shares"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {share:.0%}" for name, share in ranked[:3] if share >= 0.005)
    return f"{clock}  {faces:g} {noun}: {shares}; mood {told['mood']['balance']:+.2f}"


def _shares(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {
        name: None if math.isnan(number) else round(number, 4) for name, number in numbers.items()
    }
