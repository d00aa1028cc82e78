"""The page History: search, open, compare and export this browser's lessons."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from fer.lesson import Lesson
from fer.server.state import State
from fer.store import GoneError, Store, StoreError
from fer.store.store import PAGE
from fer.ui import lesson_report
from fer.ui.history import compare
from fer.ui.history.row import PICKED, RESULT, display_name, fault_text, local_time, picked_ids, row
from fer.ui.identity import ALONE, owner
from fer.ui.layout import fragment
from fer.ui.text import escape_markdown, text

# Parameters of the page's address with the open lessons, so that a bookmark opens them again.
LESSON: Final = "lesson"
OTHER: Final = "with"


def page(state: State) -> None:
    """Show the page "History"."""
    st.title(text("history.title"))
    if state.store is None:
        fault = escape_markdown(state.store_fault or "–")
        st.error(text("history.no_store", fault=fault), icon=":material/database_off:")
        return
    _show_result()
    _show_unsaved(state, owner())
    try:
        if LESSON in st.query_params:
            _show_lessons(state, state.store, owner())
        else:
            _show_list(state, state.store, owner())
    except StoreError as fault:
        st.error(fault_text(fault), icon=":material/database_off:")


def archive(store: Store, me: str) -> bytes:
    """Return all lessons of an owner as a zip file."""
    target = io.BytesIO()
    store.export(target, me)
    return target.getvalue()


@fragment(every=5.0)
def _show_unsaved(state: State, me: str) -> None:
    """Show the finished lessons that are not saved yet, and whether the file was moved away."""
    for live in state.lessons.unsaved(me):
        if live.lesson is not None:
            name = escape_markdown(display_name(live.lesson.info.name))
            fault = escape_markdown(live.saved.fault or "–")
            st.warning(text("history.unsaved", name=name, fault=fault), icon=":material/save:")
            lesson_report.report_button(live.lesson, state.settings, f"history_unsaved_{live.id}")
    if state.store is not None and state.store.moved_at is not None:
        when = local_time(state.store.moved_at)
        st.warning(text("history.moved", when=when), icon=":material/drive_file_move:")


def _show_result() -> None:
    """Show the last action's result in a toast; an error also above the list."""
    kind, message = st.session_state.pop(RESULT, ("", ""))
    if message:
        st.toast(message, duration="long")
    if kind == "warning":
        st.warning(message, icon=":material/warning:")
    elif kind == "error":
        st.error(message, icon=":material/database_off:")


def _show_lessons(state: State, store: Store, me: str) -> None:
    """Show the report of the lesson in the address, or two lessons compared."""
    st.button(text("history.back"), icon=":material/arrow_back:", on_click=_open)
    asked = (st.query_params.get(LESSON, ""), st.query_params.get(OTHER, ""))
    try:
        lessons = [store.load(id, me) for id in dict.fromkeys(asked) if id]
    except GoneError:
        st.session_state.pop(PICKED, None)  # a deleted lesson may be among them
        st.warning(text("history.gone"), icon=":material/delete:")
        return
    lessons.sort(key=lambda lesson: lesson.info.started)
    if len(lessons) == 2:
        compare.show(lessons[0], lessons[1], (_title(lessons[0]), _title(lessons[1])))
    elif lessons:
        if lessons[0].ended is None:
            st.info(text("history.unended"), icon=":material/pending:")
        lesson_report.show(lessons[0], state.settings)


def _show_list(state: State, store: Store, me: str) -> None:
    """Show the search and one page of the list of lessons."""
    st.caption(text("history.intro"))
    if ALONE in st.session_state:
        st.warning(text("history.alone"), icon=":material/cookie_off:")
    if not store.find(me, size=1).found:
        st.info(text("history.empty"), icon=":material/videocam:")
        return
    words = _search()
    _list_buttons(store, me)
    key = f"history_page_{words}"  # each search has its own page number
    at = max(int(st.session_state.get(key, 1)), 1)
    found = store.find(me, words, at - 1)
    pages = max(-(-found.found // PAGE), 1)
    if at > pages:  # the last page's only lesson was deleted
        st.session_state[key] = pages
        found = store.find(me, words, pages - 1)
    if not found.found:
        st.info(text("history.nothing"), icon=":material/search_off:")
        return
    for kept in found.lessons:
        with st.container(border=True, gap="xsmall", key=f"history_lesson_{kept.id}"):
            row(state, store, me, kept, _open)
    if pages > 1:
        st.pagination(pages, key=key, persist_state="session")
    st.caption(text("history.rule"))


def _search() -> str:
    """Show the search field and return its words."""
    words = st.text_input(
        text("history.search"),
        placeholder=text("history.search_hint"),
        type="search",
        icon=":material/search:",
        key="history_search",
        persist_state="session",
    )
    return words.strip()


def _list_buttons(store: Store, me: str) -> None:
    """Show the buttons for several lessons: compare and export."""
    picked = picked_ids()
    with st.container(horizontal=True):
        st.button(
            text("history.compare", n=len(picked)),
            icon=":material/compare_arrows:",
            disabled=len(picked) != 2,
            help=text("history.compare_help"),
            key="history_compare",
            on_click=_open,
            args=picked,
        )
        st.download_button(
            text("history.export"),
            partial(archive, store, me),
            f"lessons-{datetime.now(UTC):%Y-%m-%d}.zip",
            "application/zip",
            icon=":material/download:",
            help=text("history.export_help"),
            key="history_export",
            on_click="ignore",
        )


def _open(*ids: str) -> None:
    """Put the ids of one or two lessons into the address; without ids, go back to the list."""
    for name in (LESSON, OTHER):
        st.query_params.pop(name, None)
    for name, id in zip((LESSON, OTHER), ids, strict=False):
        st.query_params[name] = id


def _title(lesson: Lesson) -> str:
    return f"{display_name(lesson.info.name)}, {local_time(lesson.info.started)}"
