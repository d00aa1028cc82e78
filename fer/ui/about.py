"""The page About: what the app infers, its limits, and which uses are wrong or forbidden."""

from __future__ import annotations

import streamlit as st

from fer.emotions import EMOTIONS
from fer.settings import Settings
from fer.ui.text import emotion, text


def page(settings: Settings) -> None:
    """Show the page "About"."""
    del settings  # all pages are called with it; this one needs none
    st.title(text("about.title"))
    st.warning(text("about.warning"), icon=":material/gavel:")
    emotions = ", ".join(map(emotion, EMOTIONS))
    for title, paragraph in (
        (text("about.infers.title"), text("about.infers.text", emotions=emotions)),
        (text("about.not_feeling.title"), text("about.not_feeling.text")),
        (text("about.never.title"), text("about.never.text")),
        (text("about.law.title"), text("about.law.text")),
        (text("about.numbers.title"), text("about.numbers.text")),
    ):
        st.header(title)
        st.markdown(paragraph)
