"""What the teacher does while the lesson runs: marks moments, pauses, sets alerts, ends it."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from fer.lesson import CALM, Alert
from fer.server.lessons import Running
from fer.server.state import State
from fer.ui.live.floating_window import AMOUNTS, floating_window_button
from fer.ui.text import all_of, emotions, say

ALERTS: Final = ("negative", "confused", "flat")
WATCHED: Final = "lesson_watched"  # what this visit set last, and of which lesson
FINISHED: Final = "lesson_finished"  # the session whose report is shown
KEYS: Final = {"topic": "T", "question": "Q"}


def controls(state: State, lesson: str, owner: str) -> None:
    """The row of buttons under the picture."""
    running = state.lessons.get(lesson, owner)
    off = running is None
    with st.container(horizontal=True, vertical_alignment="center"):
        _moment(state, lesson, owner, "topic", ":material/flag:", off)
        _moment(state, lesson, owner, "question", ":material/help:", off)
        with (
            st.popover(say("live.note"), icon=":material/edit_note:", disabled=off),
            st.form("live_note", clear_on_submit=True, border=False),
        ):
            text = st.text_input(say("live.note_hint"), max_chars=500)
            if st.form_submit_button(say("live.note_add")) and text.strip():
                mark(state, lesson, owner, "note", text)
        paused = running is not None and running.session.now(state.lessons.time(running)).paused
        st.button(
            say("live.go_on") if paused else say("live.pause"),
            icon=":material/play_arrow:" if paused else ":material/pause:",
            on_click=partial(_pause, state, lesson, owner),
            disabled=off,
        )
        with st.popover(say("live.options"), icon=":material/tune:"):
            options(running)
        st.button(
            say("live.finish"),
            icon=":material/stop_circle:",
            help=say("live.finish_help"),
            on_click=partial(finish, state, lesson, owner),
            disabled=off,
        )


def options(running: Running | None) -> None:
    """Alerts, how much the glance window shows, and single faces."""
    st.markdown(say("live.alerts"))
    # What a lesson that runs is set to: a visit that finds it again must not change it.
    usual = {alert.what: alert for alert in (running.session.alerts if running else CALM)}
    chosen: list[Alert] = []
    for what in ALERTS:
        alert = usual.get(what, Alert(what, 0.5, 60))
        on, over, seconds = st.columns([4, 4, 3], vertical_alignment="center")
        wanted = on.checkbox(
            say(f"live.look.{what}"), what in usual, key=f"alert_{what}", persist_state="session"
        )
        share = over.slider(
            say("live.alert_over"),
            10,
            90,
            round(100 * alert.over),
            5,
            format="%d %%",
            key=f"alert_over_{what}",
            persist_state="session",
        )
        length = seconds.number_input(
            say("live.alert_seconds"),
            5,
            600,
            alert.seconds,
            5,
            key=f"alert_seconds_{what}",
            persist_state="session",
        )
        if wanted:
            chosen.append(Alert(what, share / 100, int(length)))
    st.session_state["alerts"] = tuple(chosen)
    names = {amount: say(f"live.amount_{amount}") for amount in AMOUNTS}
    st.segmented_control(
        say("live.amount"),
        AMOUNTS,
        format_func=names.__getitem__,
        default="quiet",
        required=True,
        key="glance_amount",
        persist_state="session",
    )
    single = st.toggle(
        say("live.individuals"),
        running is not None and running.session.following,
        key="individuals",
        persist_state="session",
        help=say("live.individuals_help"),
    )
    if running is None:
        return
    # Only what was changed here: the same lesson may stand in another tab.
    setting = (running.session.info.id, *chosen, single)
    if st.session_state.get(WATCHED) != setting:
        st.session_state[WATCHED] = setting
        running.session.watch(chosen)
        running.session.follow(single)


def glance(state: State, lesson: str, owner: str) -> None:
    """The button of the floating window."""
    running = state.lessons.get(lesson, owner)
    floating_window_button(
        state.lessons.news(lesson) if running is not None else None,
        all_of("browser.glance"),
        emotions(),
        amount=st.session_state.get("glance_amount") or "quiet",
        on_mark=partial(mark, state, lesson, owner, "note", ""),
    )


def mark(state: State, lesson: str, owner: str, kind: str, text: str = "") -> None:
    """Notes a moment on the lesson's timeline."""
    moment = state.lessons.mark(lesson, owner, kind, text)
    if moment is not None:
        minutes, seconds = divmod(int(moment.time), 60)
        st.toast(say("live.marked", time=f"{minutes}:{seconds:02}"), icon=":material/flag:")


def finish(state: State, lesson: str, owner: str) -> None:
    """Ends the lesson; the page then shows its report."""
    st.session_state[FINISHED] = state.lessons.finish(lesson, owner)
    state.sessions.close(lesson)


def _moment(state: State, lesson: str, owner: str, kind: str, icon: str, off: bool) -> None:
    st.button(
        say(f"live.{kind}"),
        icon=icon,
        shortcut=KEYS[kind],
        on_click=partial(mark, state, lesson, owner, kind),
        disabled=off,
    )


def _pause(state: State, lesson: str, owner: str) -> None:
    running = state.lessons.get(lesson, owner)
    if running is None:
        return
    time = state.lessons.time(running)
    if running.session.now(time).paused:
        running.session.go_on(time)
    else:
        running.session.pause(time)
