"""What a lesson will be on record as, whether it is live or a recording."""

from __future__ import annotations

from datetime import datetime

from fer.classify import describe
from fer.live.lessons import Plan
from fer.live.state import State
from fer.ui.visitor import zone


def plan_of(state: State, given: datetime) -> Plan:
    """For a class that agreed then; ModelError where there is no network to read it with."""
    described = describe(state.settings.model)
    return Plan(
        acknowledged=given,
        region=state.settings.region,
        model=str(described.get("name", state.settings.model.name)),
        version=str(described.get("version", "")),
        zone=zone(),
    )
