"""A stored lesson in the list: its figures, its buttons, and the dialogs to rename and delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Final, Literal

import streamlit as st

from fer.lesson.indicators import mood_word
from fer.lesson.lesson import LONGEST_NAME, clean
from fer.server.state import State
from fer.store import GoneError, LessonSummary, Store, StoreError
from fer.ui.identity import zone
from fer.ui.text import escape_markdown, plural, report_text, text

LessonState = Literal["ended", "running", "elsewhere", "broken"]

DIALOG: Final = "history_dialog"  # the open dialog, and its lesson's id
RESULT: Final = "history_result"  # the last action's result; shown once
PICKED: Final = "history_picked"  # the ids of the lessons to compare, two at most
STYLE: Final = """<style>
.fer-lesson { overflow-wrap: anywhere; line-height: 1.4; }
.fer-lesson small { display: block; opacity: .75; font-variant-numeric: tabular-nums; }
.fer-lesson mark { color: inherit; background: color-mix(in srgb, #E69F00 22%, transparent);
  border-radius: 4px; padding: .05rem .4rem; font-size: .8rem; white-space: nowrap; }
</style>"""


def row(
    state: State, store: Store, me: str, kept: LessonSummary, open: Callable[[str], None]
) -> None:
    """Show a lesson with its buttons; `open` is called to show its report."""
    id, stage = kept.id, lesson_state(state, store, me, kept)
    st.html(STYLE + card(kept, stage))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            text("history.open"),
            icon=":material/description:",
            key=f"history_open_{id}",
            on_click=open,
            args=(id,),
        )
        _compare_box(id)
        _more_menu(id)
    dialog = st.session_state.get(DIALOG)
    if dialog == ("rename", id):
        _rename(state, me, kept)
    elif dialog == ("delete", id):
        _delete(state, me, kept, stage)


def card(kept: LessonSummary, stage: LessonState) -> str:
    """Return a lesson in two lines of HTML."""
    parts = [local_time(kept.started), report_text().span(kept.duration)]
    parts += [] if kept.faces is None else [plural("history.faces", round(kept.faces))]
    marks: dict[LessonState, str] = {
        "running": text("history.running"),
        "elsewhere": text("history.running"),
        "broken": text("history.broken"),
    }
    mark = f" <mark>{escape(marks[stage])}</mark>" if stage in marks else ""
    return (
        f'<div class="fer-lesson"><b>{escape(display_name(kept.name))}</b>{mark}'
        f"<small>{escape(' · '.join([*parts, _mood_text(kept.balance)]))}</small></div>"
    )


def picked_ids() -> tuple[str, ...]:
    """Return the ids of the lessons to compare, in the order in which they were ticked."""
    picked: tuple[str, ...] = st.session_state.get(PICKED, ())
    return picked


def lesson_state(state: State, store: Store, me: str, kept: LessonSummary) -> LessonState:
    """Return whether a lesson has ended, runs here or in another process, or broke off."""
    if kept.ended:
        return "ended"
    if state.lessons.running(kept.id, me) is not None:
        return "running"
    broken = any(one.id == kept.id for one in store.left_open(me))
    return "broken" if broken else "elsewhere"


def display_name(name: str) -> str:
    """Return a lesson's name, or a general word if it has none."""
    return name or text("history.unnamed")


def local_time(time: datetime) -> str:
    """Return date and time to the minute in the visitor's time zone."""
    return f"{time.astimezone(zone() or time.tzinfo):%Y-%m-%d %H:%M}"


def fault_text(fault: StoreError) -> str:
    """Return a message about a fault of the store for the visitor."""
    return text("history.fault", fault=escape_markdown(str(fault)))


def _compare_box(id: str) -> None:
    """Show the checkbox that adds a lesson to the comparison; a third one replaces the first."""

    def change() -> None:
        others = [one for one in picked_ids() if one != id]
        st.session_state[PICKED] = tuple([*others, id][-2:] if st.session_state[key] else others)

    key = f"history_pick_{id}"
    st.session_state[key] = id in picked_ids()
    st.checkbox(text("history.pick"), key=key, on_change=change)


def _more_menu(id: str) -> None:
    """Show the menu to rename or delete a lesson; each opens a dialog."""

    def choose() -> None:
        st.session_state[DIALOG] = st.session_state[key], id

    key = f"history_more_{id}"
    actions = {"rename": text("history.rename"), "delete": text("history.delete")}
    st.menu_button(
        text("history.more"),
        list(actions),
        format_func=actions.__getitem__,
        type="tertiary",
        key=key,
        on_click=choose,
    )


def _mood_text(balance: float | None) -> str:
    if balance is None:
        return text("history.seemed.nobody")
    mood = f"{balance:+.2f}"
    return {
        "happy": text("history.seemed.happy", mood=mood),
        "negative": text("history.seemed.negative", mood=mood),
        "even": text("history.seemed.even", mood=mood),
    }[mood_word(balance)]


def _rename(state: State, me: str, kept: LessonSummary) -> None:
    """Show the dialog to rename a lesson."""

    def rename() -> None:
        name = clean(st.session_state[key], LONGEST_NAME)
        if not name:
            st.session_state[RESULT] = "warning", text("history.nameless")
            return

        def action() -> None:
            state.lessons.rename(kept.id, me, name)

        _run(action, text("history.renamed", name=escape_markdown(name)))

    key = f"history_name_{kept.id}"
    with st.form("history_rename", border=False):
        st.text_input(text("history.name"), kept.name, max_chars=LONGEST_NAME, key=key)
        with st.container(horizontal=True):
            st.form_submit_button(text("history.save"), type="primary", on_click=rename)
            st.form_submit_button(text("history.cancel"), on_click=_close_dialog)


def _delete(state: State, me: str, kept: LessonSummary, stage: LessonState) -> None:
    """Show the dialog to delete a lesson."""

    def action() -> None:
        state.lessons.delete(kept.id, me)
        st.session_state[PICKED] = tuple(one for one in picked_ids() if one != kept.id)

    name = escape_markdown(display_name(kept.name))
    if stage == "elsewhere":  # the process that runs it would save it again
        st.info(text("history.elsewhere", name=name), icon=":material/pending:")
        st.button(text("history.cancel"), key="history_keep", on_click=_close_dialog)
        return
    if stage == "running":
        ask, sure = text("history.ask_running", name=name), text("history.delete_end")
    else:
        ask, sure = text("history.ask", name=name), text("history.delete_sure")
    st.warning(ask, icon=":material/delete_forever:")
    done = text("history.deleted", name=name)
    with st.container(horizontal=True):
        st.button(sure, type="primary", key="history_sure", on_click=_run, args=(action, done))
        st.button(text("history.keep"), key="history_keep", on_click=_close_dialog)


def _run(action: Callable[[], None], done: str) -> None:
    """Run an action and keep its result for the next drawing of the page.

    Runs as a button's callback, because the button of a deleted lesson is not drawn again, so its
    return value would be lost.
    """
    _close_dialog()
    try:
        action()
        st.session_state[RESULT] = "success", done
    except GoneError:
        st.session_state[RESULT] = "warning", text("history.gone")
    except StoreError as fault:
        st.session_state[RESULT] = "error", fault_text(fault)


def _close_dialog() -> None:
    st.session_state.pop(DIALOG, None)
