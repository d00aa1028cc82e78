"""The class live: the picture with its boxes, and beside it how the class looks now."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fer.classify import describe
from fer.errors import FerError
from fer.live.lessons import Plan
from fer.live.sessions import LiveSession
from fer.live.state import State
from fer.session import CALM, Session
from fer.ui import class_now, record
from fer.ui.capture import capture
from fer.ui.consent import acknowledged
from fer.ui.controls import FINISHED, controls, glance
from fer.ui.visitor import owner
from fer.ui.words import say

LESSON: Final = "live_lesson"  # the id of the lesson that this visit's picture belongs to
BEGUN: Final = "live_begun"  # whether the buttons were drawn for a lesson that runs


def page(state: State) -> None:
    """The page "Live"."""
    st.set_page_config(layout="wide")
    st.title(say("live.title"))
    done: Session | None = st.session_state.get(FINISHED)
    if done is not None:
        if st.button(say("live.again"), icon=":material/restart_alt:"):
            for key in (FINISHED, LESSON, BEGUN):
                st.session_state.pop(key, None)
            st.rerun()
        record.show(done, state.settings)
        return
    me, lesson = owner(), _lesson(state)
    running = state.lessons.get(lesson, me)
    given = acknowledged(state.settings, running.session.lesson.acknowledged if running else None)
    if given is None:
        return
    left, right = st.columns([5, 2], gap="medium")
    # Drawn whether the lesson runs or not: what stands beside the picture must not come and go.
    name = right.text_input(
        say("live.name"),
        placeholder=say("live.name_hint"),
        max_chars=120,
        key="live_name",
        persist_state="session",
    ).strip()
    if running is None:
        _plan(state, lesson, me, name, given)
    elif name and name != running.session.lesson.name:
        state.lessons.rename(lesson, me, name)
    with left:
        capture(state, lesson)
        st.session_state[BEGUN] = running is not None
        controls(state, lesson, me)
        st.caption(say("live.privacy"))
    with right:
        now(state, lesson, me)


@st.fragment(run_every=1.0)
def now(state: State, lesson: str, me: str) -> None:
    """How the class looks, anew every second."""
    running, picture = state.lessons.get(lesson, me), state.sessions.get(lesson)
    if running is not None and not st.session_state.get(BEGUN):
        st.rerun()  # the first picture has come: the buttons are wanted
    if running is None:
        st.info(say("live.waiting"), icon=":material/play_circle:")
    else:
        seen = running.session.now(state.lessons.time(running))
        st.html(class_now.panel(seen, running.session.moments, running.session.fired))
        if seen.paused:
            st.caption(say("live.paused"))
        elif picture is None or not picture.rate():
            st.caption(say("live.waiting"))
    glance(state, lesson, me)
    if running is not None and st.session_state.get("individuals"):
        st.markdown(f"**{say('live.people')}**")
        st.html(class_now.people(running.session.people()))
    if picture is not None and picture.transport == "webrtc" and picture.rate():
        st.caption(figures(picture))  # the socket's own view shows them under the picture
    if fault := state.lessons.fault(lesson) or state.store_fault:
        st.warning(say("live.not_kept", fault=fault), icon=":material/save:")


def figures(picture: LiveSession) -> str:
    """How well the picture keeps up, in a line."""
    parts = [say("live.figures", rate=f"{picture.rate():.1f}")]
    if (delay := picture.delay()) is not None:
        parts.append(say("live.behind", ms=round(1000 * delay)))
    return " · ".join([*parts, "WebRTC"])


def _lesson(state: State) -> str:
    """The id of this visit's lesson: the one that goes on, or a new one."""
    kept: dict[str, Any] = st.session_state  # type: ignore[assignment]
    if LESSON not in kept:
        try:
            kept[LESSON] = state.lessons.back(owner())
        except FerError as fault:
            st.warning(say("live.not_kept", fault=str(fault)), icon=":material/save:")
            kept[LESSON] = None
        if kept[LESSON]:
            st.toast(say("live.went_on"), icon=":material/history:")
        kept[LESSON] = kept[LESSON] or state.issue_token(None)[0]
    lesson: str = kept[LESSON]
    return lesson


def _plan(state: State, lesson: str, me: str, name: str, given: datetime) -> None:
    """Says what the lesson will be, once its first picture comes."""
    here = datetime.now(_zone(st.context.timezone))
    described = describe(state.settings.model)
    state.lessons.plan(
        lesson,
        me,
        Plan(
            name or say("live.unnamed", when=f"{here:%Y-%m-%d %H:%M}"),
            given,
            state.settings.region,
            model=str(described.get("name", state.settings.model.name)),
            version=str(described.get("version", "")),
            alerts=st.session_state.get("alerts", CALM),
            individuals=bool(st.session_state.get("individuals")),
        ),
    )


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        return None
