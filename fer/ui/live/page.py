"""The page Live: the picture with its boxes, and beside it the state of the class."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from fer.errors import FerError, ModelError
from fer.lesson import CALM, Lesson
from fer.lesson.lesson import WHEN, LessonPlan
from fer.server.lessons import LiveLesson
from fer.server.state import State
from fer.store import SaveState
from fer.ui import class_panel, lesson_report
from fer.ui.consent import acknowledged, plan_of
from fer.ui.identity import owner
from fer.ui.layout import fragment
from fer.ui.live.controls import FINISHED, SAVED, controls, floating_window
from fer.ui.live.source import source
from fer.ui.text import escape_markdown, text

LESSON_ID: Final = "live_lesson"  # the id of this visit's lesson
NAME: Final = "live_name"
BEGUN: Final = "live_begun"  # whether the page was last drawn for a running lesson
WAS_UNSAVED: Final = "live_was_unsaved"  # whether the finished lesson could not be saved at once


def page(state: State) -> None:
    """Show the page "Live"."""
    st.set_page_config(layout="wide")
    st.title(text("live.title"))
    done: Lesson | None = st.session_state.get(FINISHED)
    if done is not None:
        _report(state, done)
        return
    if fault := state.unreadable_because():
        shown = escape_markdown(fault)
        st.error(text("live.unreadable", fault=shown), icon=":material/model_training:")
        return
    me, lesson_id = owner(), _lesson_id(state)
    if st.session_state.get(BEGUN) and state.lessons.running(lesson_id, me) is None:
        # It was ended or deleted elsewhere, runs in another process, or got no frames for long.
        lesson_id = _new_lesson_id(state)
        st.info(text("live.not_here"), icon=":material/history:")
    live = state.lessons.running(lesson_id, me)
    earlier = live.lesson.info.acknowledged if live and live.lesson else None
    given = acknowledged(state.settings, earlier)
    if given is None:
        return
    left, right = st.columns([5, 2], gap="medium")
    # Draw the field whether the lesson runs or not: a changed layout would reset the picture.
    name = right.text_input(
        text("live.name"),
        placeholder=text("live.name_hint"),
        max_chars=120,
        key=NAME,
        persist_state="session",
        on_change=partial(_rename, state, lesson_id, me),
    ).strip()
    plan = None
    if live is None:
        try:
            plan = _plan(state, name, given)
        except ModelError as fault:
            st.info(text("video.missing"), icon=":material/model_training:")
            st.caption(str(fault))
            return
    with left:
        source(state, lesson_id)
        st.session_state[BEGUN] = live is not None
        controls(state, lesson_id, me)
        st.caption(text("live.privacy"))
    with right:
        class_now(state, lesson_id, me, plan)


@fragment(every=1.0)
def class_now(state: State, lesson_id: str, me: str, plan: LessonPlan | None) -> None:
    """Show the class, redrawn every second; before the first frame, register the lesson."""
    live = state.lessons.running(lesson_id, me)
    if (live is not None) != bool(st.session_state.get(BEGUN)):
        st.rerun()  # the first frame has come, or the lesson was ended elsewhere
    snapshot = live.snapshot() if live else None
    if live is None and plan is not None:
        state.lessons.join(lesson_id, me, plan)  # repeated while this page is open
    if live is None or live.lesson is None or snapshot is None:
        st.info(text("live.waiting"), icon=":material/play_circle:")
    else:
        st.html(class_panel.panel(snapshot, live.lesson.notes, live.lesson.fired))
        if snapshot.paused:
            st.caption(text("live.paused"))
        elif not live.rate():
            st.caption(text("live.waiting"))
    floating_window(state, lesson_id, me)
    people = live.lesson.people() if live and live.lesson else None
    if people is not None and st.session_state.get("individuals"):
        st.markdown(f"**{text('live.people')}**")
        st.html(class_panel.people(people))
    if live is not None and live.transport == "webrtc" and live.rate():
        st.caption(figures(live))  # the live view of the socket shows them itself
    if fault := (live.saved.fault if live else None) or state.unsaved_because():
        st.warning(text("live.not_kept", fault=fault), icon=":material/save:")


def figures(live: LiveLesson) -> str:
    """Return one line with the frame rate and the delay."""
    parts = [text("live.figures", rate=f"{live.rate():.1f}")]
    if (delay := live.delay()) is not None:
        parts.append(text("live.behind", ms=round(1000 * delay)))
    return " · ".join([*parts, "WebRTC"])


def _report(state: State, done: Lesson) -> None:
    """Show the report of the lesson that was just finished."""
    if st.button(text("live.again"), icon=":material/restart_alt:"):
        _new_lesson_id(state)
        st.rerun()
    saving(state, done)
    lesson_report.show(done, state.settings)


@fragment(every=2.0)
def saving(state: State, done: Lesson) -> None:
    """Show whether a finished lesson is saved, and its report as a file while it is not.

    Redrawn, because the server goes on trying to save it.
    """
    saved: SaveState = st.session_state.get(SAVED) or SaveState()
    if fault := saved.fault or state.unsaved_because():
        st.session_state[WAS_UNSAVED] = True
        never = state.store is None or saved.gone
        shown = escape_markdown(fault)
        sentence = (
            text("live.unsaved_for_good", fault=shown)
            if never
            else text("live.unsaved", fault=shown)
        )
        st.warning(sentence, icon=":material/save:")
        lesson_report.report_button(done, state.settings, f"unsaved_{done.info.id}")
    elif st.session_state.get(WAS_UNSAVED):
        st.success(text("live.saved_now"), icon=":material/save:")


def _new_lesson_id(state: State) -> str:
    """Return a new lesson id for this visit.

    It does not resume an unfinished lesson, which another process may just have taken over.
    """
    for key in (FINISHED, SAVED, WAS_UNSAVED, BEGUN):
        st.session_state.pop(key, None)
    lesson_id: str = state.issue_token(None)[0]
    st.session_state[LESSON_ID] = lesson_id
    return lesson_id


def _lesson_id(state: State) -> str:
    """Return the id of this visit's lesson: of an unfinished one that is resumed, or a new one."""
    kept: dict[str, Any] = st.session_state  # type: ignore[assignment]  # it is a mapping of str
    if LESSON_ID not in kept:
        try:
            kept[LESSON_ID] = state.lessons.resume(owner())
        except FerError as fault:
            st.warning(text("live.not_kept", fault=str(fault)), icon=":material/save:")
            kept[LESSON_ID] = None
        if kept[LESSON_ID]:
            st.toast(text("live.went_on"), icon=":material/history:")
        kept[LESSON_ID] = kept[LESSON_ID] or state.issue_token(None)[0]
    lesson_id: str = kept[LESSON_ID]
    return lesson_id


def _plan(state: State, name: str, given: datetime) -> LessonPlan:
    """Return the plan of the lesson that begins with the first frame."""
    return replace(
        plan_of(state, given),
        name=name,
        unnamed=text("live.unnamed", when=WHEN),
        alerts=st.session_state.get("alerts", CALM),
        individuals=bool(st.session_state.get("individuals")),
    )


def _rename(state: State, lesson_id: str, me: str) -> None:
    name, live = st.session_state[NAME].strip(), state.lessons.running(lesson_id, me)
    if name and live is not None:
        live.rename(name)
