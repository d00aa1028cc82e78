"""This browser's lessons: found, opened, compared, and taken along."""

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
from fer.ui.history.row import PICKED, SAID, called, chosen, fault_of, row, when
from fer.ui.identity import ALONE, owner
from fer.ui.text import plain, say

# The page's address names what is open, so that it can be kept as a bookmark.
LESSON: Final = "lesson"
OTHER: Final = "with"


def page(state: State) -> None:
    """The page "History"."""
    st.title(say("history.title"))
    if state.store is None:
        fault = plain(state.store_fault or "–")
        st.error(say("history.no_store", fault=fault), icon=":material/database_off:")
        return
    _tell()
    try:
        if LESSON in st.query_params:
            _opened(state, state.store, owner())
        else:
            _all(state, state.store, owner())
    except StoreError as fault:
        st.error(fault_of(fault), icon=":material/database_off:")


def archive(store: Store, me: str) -> bytes:
    """All of somebody's lessons as a zip file."""
    target = io.BytesIO()
    store.export(target, me)
    return target.getvalue()


def _tell() -> None:
    """How the last deed went, told wherever the reader is; a fault stays above the list as well."""
    kind, said = st.session_state.pop(SAID, ("", ""))
    if said:
        st.toast(said, duration="long")
    if kind == "warning":
        st.warning(said, icon=":material/warning:")
    elif kind == "error":
        st.error(said, icon=":material/database_off:")


def _opened(state: State, store: Store, me: str) -> None:
    """The lesson that the address names, or two of them side by side."""
    st.button(say("history.back"), icon=":material/arrow_back:", on_click=_go)
    asked = (st.query_params.get(LESSON, ""), st.query_params.get(OTHER, ""))
    try:
        sessions = [store.load(id, me) for id in dict.fromkeys(asked) if id]
    except GoneError:
        st.session_state.pop(PICKED, None)  # it may have been one of them
        st.warning(say("history.gone"), icon=":material/delete:")
        return
    sessions.sort(key=lambda lesson: lesson.info.started)
    if len(sessions) == 2:
        compare.show(sessions[0], sessions[1], (_title(sessions[0]), _title(sessions[1])))
    elif sessions:
        if sessions[0].ended is None:
            st.info(say("history.unended"), icon=":material/pending:")
        lesson_report.show(sessions[0], state.settings)


def _all(state: State, store: Store, me: str) -> None:
    """The list with its search, a page at a time."""
    st.caption(say("history.intro"))
    if ALONE in st.session_state:
        st.warning(say("history.alone"), icon=":material/cookie_off:")
    if not store.find(me, size=1).found:
        st.info(say("history.empty"), icon=":material/videocam:")
        return
    words = _search()
    _tools(store, me)
    key = f"history_page_{words}"  # another search begins on its own first page
    at = max(int(st.session_state.get(key, 1)), 1)
    found = store.find(me, words, at - 1)
    pages = max(-(-found.found // PAGE), 1)
    if at > pages:  # the last page's only lesson is gone
        st.session_state[key] = pages
        found = store.find(me, words, pages - 1)
    if not found.found:
        st.info(say("history.nothing"), icon=":material/search_off:")
        return
    for kept in found.lessons:
        with st.container(border=True, gap="xsmall", key=f"history_lesson_{kept.id}"):
            row(state, store, me, kept, _go)
    if pages > 1:
        st.pagination(pages, key=key, persist_state="session")
    st.caption(say("history.rule"))


def _search() -> str:
    """The words that are searched for."""
    words = st.text_input(
        say("history.search"),
        placeholder=say("history.search_hint"),
        type="search",
        icon=":material/search:",
        key="history_search",
        persist_state="session",
    )
    return words.strip()


def _tools(store: Store, me: str) -> None:
    """What is done with more than one lesson."""
    picked = chosen()
    with st.container(horizontal=True):
        st.button(
            say("history.compare", n=len(picked)),
            icon=":material/compare_arrows:",
            disabled=len(picked) != 2,
            help=say("history.compare_help"),
            key="history_compare",
            on_click=_go,
            args=picked,
        )
        st.download_button(
            say("history.export"),
            partial(archive, store, me),
            f"lessons-{datetime.now(UTC):%Y-%m-%d}.zip",
            "application/zip",
            icon=":material/download:",
            help=say("history.export_help"),
            key="history_export",
            on_click="ignore",
        )


def _go(*ids: str) -> None:
    """Shows that lesson, or two; without any, the list."""
    for name in (LESSON, OTHER):
        st.query_params.pop(name, None)
    for name, id in zip((LESSON, OTHER), ids, strict=False):
        st.query_params[name] = id


def _title(lesson: Lesson) -> str:
    return f"{called(lesson.info.name)}, {when(lesson.info.started)}"
