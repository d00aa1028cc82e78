"""What the app infers, what that is not, and what nobody may do with it."""

from __future__ import annotations

import streamlit as st

from fer.emotions import EMOTIONS
from fer.settings import Settings
from fer.ui.text import emotion, say


def page(settings: Settings) -> None:
    """The page "About"."""
    del settings  # every page is called alike; this one needs none
    st.title(say("about.title"))
    st.warning(say("about.warning"), icon=":material/gavel:")
    emotions = ", ".join(map(emotion, EMOTIONS))
    for title, text in (
        (say("about.infers.title"), say("about.infers.text", emotions=emotions)),
        (say("about.not_feeling.title"), say("about.not_feeling.text")),
        (say("about.never.title"), say("about.never.text")),
        (say("about.law.title"), say("about.law.text")),
        (say("about.numbers.title"), say("about.numbers.text")),
    ):
        st.header(title)
        st.markdown(text)
