"""The gate before the first camera: what is inferred, and what has to be so before it starts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from fer.lesson.lesson import LessonPlan
from fer.server.state import State
from fer.settings import Settings
from fer.ui.identity import zone
from fer.ui.text import say
from fer.vision.classifier import describe

GIVEN: Final = "consent_given"  # when this visit's teacher acknowledged it


def acknowledged(settings: Settings, earlier: datetime | None = None) -> datetime | None:
    """When the teacher acknowledged it; draws the gate while they have not.

    `earlier` is when they did so for the lesson that goes on. None also where the law forbids it.
    """
    if settings.forbidden:
        st.error(say("consent.forbidden"), icon=":material/gavel:")
        return None
    given: datetime | None = st.session_state.get(GIVEN, earlier)
    if given is None:
        with st.container(border=True):
            st.subheader(say("consent.title"))
            st.markdown(say("consent.text"))
            st.button(say("consent.agree"), type="primary", icon=":material/check:", on_click=_give)
    return given


def _give() -> None:
    st.session_state[GIVEN] = datetime.now(UTC)


def plan_of(state: State, given: datetime) -> LessonPlan:
    """For a class that agreed then; ModelError where there is no network to read it with."""
    described = describe(state.settings.model)
    return LessonPlan(
        acknowledged=given,
        region=state.settings.region,
        model=str(described.get("name", state.settings.model.name)),
        version=str(described.get("version", "")),
        zone=zone(),
    )
