"""The consent that a teacher confirms before the first picture of a class is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from fer.lesson.lesson import LessonPlan
from fer.server.state import State
from fer.settings import Settings
from fer.ui.identity import zone
from fer.ui.text import text
from fer.vision.classifier import describe

GIVEN: Final = "consent_given"  # when this visit's teacher acknowledged it


def acknowledged(settings: Settings, earlier: datetime | None = None) -> datetime | None:
    """Return when the teacher confirmed the consent; until then, show the form and return None.

    `earlier` is the time for the lesson that goes on. Always None where the law forbids reading.
    """
    if settings.forbidden:
        st.error(text("consent.forbidden"), icon=":material/gavel:")
        return None
    given: datetime | None = st.session_state.get(GIVEN, earlier)
    if given is None:
        with st.container(border=True):
            st.subheader(text("consent.title"))
            st.markdown(text("consent.text"))
            st.button(
                text("consent.agree"), type="primary", icon=":material/check:", on_click=_give
            )
    return given


def _give() -> None:
    st.session_state[GIVEN] = datetime.now(UTC)


def plan_of(state: State, given: datetime) -> LessonPlan:
    """Return the plan of a lesson with that consent. Raises ModelError if there is no network."""
    described = describe(state.settings.model)
    return LessonPlan(
        acknowledged=given,
        region=state.settings.region,
        model=str(described.get("name", state.settings.model.name)),
        version=str(described.get("version", "")),
        zone=zone(),
    )
