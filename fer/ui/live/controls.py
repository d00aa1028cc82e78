"""The controls of a running lesson: add notes, pause, set alerts, end it."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from fer.lesson import CALM, Alert
from fer.server.lessons import LiveLesson
from fer.server.protocol import class_numbers
from fer.server.state import State
from fer.ui.live.floating_window import AMOUNTS, floating_window_button
from fer.ui.text import emotions, text, texts_below

ALERTS: Final = ("negative", "confused", "flat")
SET: Final = "lesson_settings"  # the settings that this visit made last, with the lesson's id
FINISHED: Final = "lesson_finished"  # the lesson whose report is shown
SAVED: Final = "lesson_saved"  # its SaveState, which goes on changing until it is saved
KEYS: Final = {"topic": "T", "question": "Q"}


def controls(state: State, lesson_id: str, owner: str) -> None:
    """Show the row of buttons under the picture."""
    live = state.lessons.running(lesson_id, owner)
    off = live is None
    with st.container(horizontal=True, vertical_alignment="center"):
        _note_button(state, lesson_id, owner, "topic", off)
        _note_button(state, lesson_id, owner, "question", off)
        with (
            st.popover(text("live.note"), icon=":material/edit_note:", disabled=off),
            st.form("live_note", clear_on_submit=True, border=False),
        ):
            words = st.text_input(text("live.note_hint"), max_chars=500)
            if st.form_submit_button(text("live.note_add")) and words.strip():
                mark(state, lesson_id, owner, "note", words)
        snapshot = live.snapshot() if live else None
        paused = snapshot is not None and snapshot.paused
        st.button(
            text("live.go_on") if paused else text("live.pause"),
            icon=":material/play_arrow:" if paused else ":material/pause:",
            on_click=partial(_pause, state, lesson_id, owner),
            disabled=off,
        )
        with st.popover(text("live.options"), icon=":material/tune:"):
            options(live)
        st.button(
            text("live.finish"),
            icon=":material/stop_circle:",
            help=text("live.finish_help"),
            on_click=partial(finish, state, lesson_id, owner),
            disabled=off,
        )


def options(live: LiveLesson | None) -> None:
    """Show the options: alerts, the floating window's content, and single faces."""
    st.markdown(text("live.alerts"))
    lesson = live.lesson if live else None
    # Start from the running lesson's settings: opening its page again must not change them.
    usual = {alert.what: alert for alert in (lesson.alerts if lesson else CALM)}
    chosen: list[Alert] = []
    for what in ALERTS:
        alert = usual.get(what, Alert(what, 0.5, 60))
        on, over, seconds = st.columns([4, 4, 3], vertical_alignment="center")
        wanted = on.checkbox(
            text(f"live.indicator.{what}"),
            what in usual,
            key=f"alert_{what}",
            persist_state="session",
        )
        share = over.slider(
            text("live.alert_over"),
            10,
            90,
            round(100 * alert.over),
            5,
            format="%d %%",
            key=f"alert_over_{what}",
            persist_state="session",
        )
        length = seconds.number_input(
            text("live.alert_seconds"),
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
    names = {amount: text(f"live.amount_{amount}") for amount in AMOUNTS}
    st.segmented_control(
        text("live.amount"),
        AMOUNTS,
        format_func=names.__getitem__,
        default="quiet",
        required=True,
        key="floating_amount",
        persist_state="session",
    )
    follow = st.toggle(
        text("live.individuals"),
        lesson is not None and lesson.people() is not None,
        key="individuals",
        persist_state="session",
        help=text("live.individuals_help"),
    )
    if live is None:
        return
    # Set them only after a change here: the same lesson may be open in another tab.
    setting = (live.id, *chosen, follow)
    if st.session_state.get(SET) != setting:
        st.session_state[SET] = setting
        live.set_alerts(tuple(chosen))
        live.follow_people(follow)


def floating_window(state: State, lesson_id: str, owner: str) -> None:
    """Show the button of the floating window."""
    live = state.lessons.running(lesson_id, owner)
    snapshot = live.snapshot() if live else None
    floating_window_button(
        class_numbers(snapshot) if snapshot else None,
        texts_below("browser.floating"),
        emotions(),
        amount=st.session_state.get("floating_amount") or "quiet",
        on_mark=partial(mark, state, lesson_id, owner, "note", ""),
    )


def mark(state: State, lesson_id: str, owner: str, kind: str, words: str = "") -> None:
    """Add a note to the lesson."""
    live = state.lessons.running(lesson_id, owner)
    note = live.mark(kind, words) if live else None
    if note is not None:
        minutes, seconds = divmod(int(note.time), 60)
        st.toast(text("live.marked", time=f"{minutes}:{seconds:02}"), icon=":material/flag:")


def finish(state: State, lesson_id: str, owner: str) -> None:
    """End the lesson; the page then shows its report."""
    if live := state.lessons.running(lesson_id, owner):
        st.session_state[FINISHED] = live.finish()
        st.session_state[SAVED] = live.saved


def _note_button(state: State, lesson_id: str, owner: str, kind: str, off: bool) -> None:
    icons = {"topic": ":material/flag:", "question": ":material/help:"}
    st.button(
        text(f"live.{kind}"),
        icon=icons[kind],
        shortcut=KEYS[kind],
        on_click=partial(mark, state, lesson_id, owner, kind),
        disabled=off,
    )


def _pause(state: State, lesson_id: str, owner: str) -> None:
    live = state.lessons.running(lesson_id, owner)
    snapshot = live.snapshot() if live else None
    if live and snapshot:
        if snapshot.paused:
            live.resume()
        else:
            live.pause()
