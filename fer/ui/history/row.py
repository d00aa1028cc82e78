"""A kept lesson in a list: what it was, what can be done with it, and what that asks first."""

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
from fer.ui.text import count, plain, report_words, say

Standing = Literal["ended", "running", "elsewhere", "broken"]

DOING: Final = "history_doing"  # what is being done, and with which lesson
SAID: Final = "history_said"  # how the last deed went; told once
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
    """The lesson with its buttons; `open` shows it."""
    id, stands = kept.id, standing(state, store, me, kept)
    st.html(STYLE + card(kept, stands))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            say("history.open"),
            icon=":material/description:",
            key=f"history_open_{id}",
            on_click=open,
            args=(id,),
        )
        _pick(id)
        _deeds(id)
    doing = st.session_state.get(DOING)
    if doing == ("rename", id):
        _rename(state, me, kept)
    elif doing == ("delete", id):
        _delete(state, me, kept, stands)


def card(kept: LessonSummary, stands: Standing) -> str:
    """A lesson in two lines of HTML."""
    parts = [when(kept.started), report_words().span(kept.duration)]
    parts += [] if kept.faces is None else [count("history.faces", round(kept.faces))]
    marks: dict[Standing, str] = {
        "running": say("history.running"),
        "elsewhere": say("history.running"),
        "broken": say("history.broken"),
    }
    mark = f" <mark>{escape(marks[stands])}</mark>" if stands in marks else ""
    return (
        f'<div class="fer-lesson"><b>{escape(called(kept.name))}</b>{mark}'
        f"<small>{escape(' · '.join([*parts, _looked(kept.balance)]))}</small></div>"
    )


def chosen() -> tuple[str, ...]:
    """The ids of the lessons to compare, in the order in which they were ticked."""
    picked: tuple[str, ...] = st.session_state.get(PICKED, ())
    return picked


def standing(state: State, store: Store, me: str, kept: LessonSummary) -> Standing:
    """Whether a lesson has ended, runs here or in another process, or was cut off."""
    if kept.ended:
        return "ended"
    if state.lessons.running(kept.id, me) is not None:
        return "running"
    broken = any(one.id == kept.id for one in store.left_open(me))
    return "broken" if broken else "elsewhere"


def called(name: str) -> str:
    """A lesson's name, or a word for one that has none."""
    return name or say("history.unnamed")


def when(time: datetime) -> str:
    """Day and minute by the reader's own clock."""
    return f"{time.astimezone(zone() or time.tzinfo):%Y-%m-%d %H:%M}"


def fault_of(fault: StoreError) -> str:
    """What is wrong with the store, and what to do."""
    return say("history.fault", fault=plain(str(fault)))


def _pick(id: str) -> None:
    """The box that takes a lesson into a comparison; a third one drops the first."""

    def change() -> None:
        others = [one for one in chosen() if one != id]
        st.session_state[PICKED] = tuple([*others, id][-2:] if st.session_state[key] else others)

    key = f"history_pick_{id}"
    st.session_state[key] = id in chosen()
    st.checkbox(say("history.pick"), key=key, on_change=change)


def _deeds(id: str) -> None:
    """The menu of what changes a lesson; what is chosen asks first."""

    def choose() -> None:
        st.session_state[DOING] = st.session_state[key], id

    key = f"history_more_{id}"
    deeds = {"rename": say("history.rename"), "delete": say("history.delete")}
    st.menu_button(
        say("history.more"),
        list(deeds),
        format_func=deeds.__getitem__,
        type="tertiary",
        key=key,
        on_click=choose,
    )


def _looked(balance: float | None) -> str:
    if balance is None:
        return say("history.looked.nobody")
    mood = f"{balance:+.2f}"
    return {
        "happy": say("history.looked.happy", mood=mood),
        "negative": say("history.looked.negative", mood=mood),
        "even": say("history.looked.even", mood=mood),
    }[mood_word(balance)]


def _rename(state: State, me: str, kept: LessonSummary) -> None:
    """Ask for another name, and give it."""

    def rename() -> None:
        name = clean(st.session_state[key], LONGEST_NAME)
        if not name:
            st.session_state[SAID] = "warning", say("history.nameless")
            return

        def deed() -> None:
            state.lessons.rename(kept.id, me, name)

        _do(deed, say("history.renamed", name=plain(name)))

    key = f"history_name_{kept.id}"
    with st.form("history_rename", border=False):
        st.text_input(say("history.name"), kept.name, max_chars=LONGEST_NAME, key=key)
        with st.container(horizontal=True):
            st.form_submit_button(say("history.save"), type="primary", on_click=rename)
            st.form_submit_button(say("history.cancel"), on_click=_leave)


def _delete(state: State, me: str, kept: LessonSummary, stands: Standing) -> None:
    """Ask once; then the lesson is gone."""

    def deed() -> None:
        state.lessons.delete(kept.id, me)
        st.session_state[PICKED] = tuple(one for one in chosen() if one != kept.id)

    name = plain(called(kept.name))
    if stands == "elsewhere":  # the process that runs it would go on saving it
        st.info(say("history.elsewhere", name=name), icon=":material/pending:")
        st.button(say("history.cancel"), key="history_keep", on_click=_leave)
        return
    if stands == "running":
        ask, sure = say("history.ask_running", name=name), say("history.delete_end")
    else:
        ask, sure = say("history.ask", name=name), say("history.delete_sure")
    st.warning(ask, icon=":material/delete_forever:")
    done = say("history.deleted", name=name)
    with st.container(horizontal=True):
        st.button(sure, type="primary", key="history_sure", on_click=_do, args=(deed, done))
        st.button(say("history.keep"), key="history_keep", on_click=_leave)


def _do(deed: Callable[[], None], done: str) -> None:
    """Does it before the page is drawn anew, and leaves word of how it went.

    A button's return value would not do: one whose lesson is gone is not drawn any more.
    """
    _leave()
    try:
        deed()
        st.session_state[SAID] = "success", done
    except GoneError:
        st.session_state[SAID] = "warning", say("history.gone")
    except StoreError as fault:
        st.session_state[SAID] = "error", fault_of(fault)


def _leave() -> None:
    st.session_state.pop(DOING, None)
