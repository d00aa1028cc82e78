"""What a visitor sees when a page fails: one sentence. The fault itself goes to the log only."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer.ui.text import text

FAULTS: Final = "page_faults"  # runs of this visit that failed, without one between that did not
ENOUGH: Final = 2


def show_fault(_: Exception) -> bool:
    """Show the sentence in place of Streamlit's traceback, which the log has.

    A visit whose pages fail again and again may hold an impossible value of a widget: begin it
    anew. A running lesson is found again by its owner.
    """
    try:
        faults = int(st.session_state.get(FAULTS, 0)) + 1
    except Exception:  # reading the state fails as the page did: it holds such a value
        faults = ENOUGH
    if faults >= ENOUGH:
        begin_anew()
    else:
        st.session_state[FAULTS] = faults
    st.error(text("menu.fault"), icon=":material/error:")
    return True


def no_fault() -> None:
    """Note that a page was drawn without a fault."""
    st.session_state.pop(FAULTS, None)


def begin_anew() -> None:
    """Forget what this visit's widgets and pages hold.

    `st.session_state.clear` reads each value before it removes it, so an impossible one would
    stay. These names are private to Streamlit.
    """
    if (context := get_script_run_ctx()) is not None:
        with context.session_state._lock:
            state = context.session_state._state
            state._new_widget_state.states.clear()
            state.clear()
