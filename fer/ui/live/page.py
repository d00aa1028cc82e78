"""The class live: the picture with its boxes, and beside it how the class looks now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from fer.errors import FerError, ModelError
from fer.lesson import CALM, Lesson
from fer.lesson.lesson import WHEN, LessonPlan
from fer.server.live_sessions import LiveSession
from fer.server.state import State
from fer.ui import class_panel, lesson_report
from fer.ui.consent import acknowledged, plan_of
from fer.ui.identity import owner
from fer.ui.layout import part
from fer.ui.live.controls import FINISHED, controls, glance
from fer.ui.live.source import capture
from fer.ui.text import say

LESSON: Final = "live_lesson"  # the id of the lesson that this visit's picture belongs to
NAME: Final = "live_name"
BEGUN: Final = "live_begun"  # whether the buttons were drawn for a lesson that runs


def page(state: State) -> None:
    """The page "Live"."""
    st.set_page_config(layout="wide")
    st.title(say("live.title"))
    done: Lesson | None = st.session_state.get(FINISHED)
    if done is not None:
        if st.button(say("live.again"), icon=":material/restart_alt:"):
            _anew(state)
            st.rerun()
        lesson_report.show(done, state.settings)
        return
    me, lesson = owner(), _lesson(state)
    if st.session_state.get(BEGUN) and state.lessons.get(lesson, me) is None:
        # It was ended or deleted on another page, goes on in another process, or nobody fed it.
        lesson = _anew(state)
    running = state.lessons.get(lesson, me)
    given = acknowledged(state.settings, running.session.info.acknowledged if running else None)
    if given is None:
        return
    left, right = st.columns([5, 2], gap="medium")
    # Drawn whether the lesson runs or not: what stands beside the picture must not come and go.
    name = right.text_input(
        say("live.name"),
        placeholder=say("live.name_hint"),
        max_chars=120,
        key=NAME,
        persist_state="session",
        on_change=partial(_rename, state, lesson, me),
    ).strip()
    plan = None
    if running is None:
        try:
            plan = _plan(state, name, given)
        except ModelError as fault:
            st.info(say("video.missing"), icon=":material/model_training:")
            st.caption(str(fault))
            return
    with left:
        capture(state, lesson)
        st.session_state[BEGUN] = running is not None
        controls(state, lesson, me)
        st.caption(say("live.privacy"))
    with right:
        now(state, lesson, me, plan)


@part(every=1.0)
def now(state: State, lesson: str, me: str, plan: LessonPlan | None) -> None:
    """How the class looks, anew every second; before the first picture, what it will be."""
    running, picture = state.lessons.get(lesson, me), state.sessions.get(lesson)
    if (running is not None) != bool(st.session_state.get(BEGUN)):
        st.rerun()  # the first picture has come, or the lesson was ended elsewhere
    if running is None:
        if plan is not None:
            state.lessons.plan(lesson, me, plan)  # for as long as this page is open
        st.info(say("live.waiting"), icon=":material/play_circle:")
    else:
        seen = running.session.now(state.lessons.time(running))
        st.html(class_panel.panel(seen, running.session.moments, running.session.fired))
        if seen.paused:
            st.caption(say("live.paused"))
        elif picture is None or not picture.rate():
            st.caption(say("live.waiting"))
    glance(state, lesson, me)
    if running is not None and st.session_state.get("individuals"):
        st.markdown(f"**{say('live.people')}**")
        st.html(class_panel.people(running.session.people()))
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


def _anew(state: State) -> str:
    """The id of another lesson for this visit.

    Not of one that could go on: it may be the one that another process has just taken over.
    """
    for key in (FINISHED, BEGUN):
        st.session_state.pop(key, None)
    lesson: str = state.issue_token(None)[0]
    st.session_state[LESSON] = lesson
    return lesson


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


def _plan(state: State, name: str, given: datetime) -> LessonPlan:
    """What the lesson will be, once its first picture comes."""
    return replace(
        plan_of(state, given),
        name=name,
        unnamed=say("live.unnamed", when=WHEN),
        alerts=st.session_state.get("alerts", CALM),
        individuals=bool(st.session_state.get("individuals")),
    )


def _rename(state: State, lesson: str, me: str) -> None:
    if name := st.session_state[NAME].strip():
        state.lessons.rename(lesson, me, name)
