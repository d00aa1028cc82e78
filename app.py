"""The app: `streamlit run app.py`."""

from __future__ import annotations

from functools import partial

import streamlit as st

from fer.errors import UsageError
from fer.settings import Settings
from fer.ui import about, face, model


def main() -> None:
    """Read the settings, lay out the menu, show the page asked for."""
    st.set_page_config(page_title="Class expressions", page_icon="🙂")
    try:
        settings = Settings.from_env()
    except UsageError as fault:
        st.error(f"The app cannot start: {fault}", icon=":material/error:")
        st.stop()
    pages = [
        st.Page(
            partial(face.page, settings),
            title="One face",
            icon=":material/face:",
            url_path="face",
            default=True,
        ),
        st.Page(
            partial(model.page, settings),
            title="How good is it?",
            icon=":material/query_stats:",
            url_path="model",
        ),
        st.Page(
            partial(about.page, settings),
            title="About",
            icon=":material/info:",
            url_path="about",
        ),
    ]
    st.navigation(pages).run()


main()
