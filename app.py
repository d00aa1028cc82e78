"""The app: `streamlit run app.py` or `uvicorn app:app`, pages and routes on one port.

The server imports this file as a module and finds `app`. For each visit Streamlit then runs it
again as a script, `__main__`, which shows the page asked for.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

import streamlit as st

from fer import web
from fer.errors import UsageError
from fer.live.state import shared
from fer.settings import Settings


def routes() -> dict[str, Any]:
    """What is served beside the pages; with settings that don't fit, only what is wrong."""
    try:
        state = shared(Settings.from_env())
    except UsageError as fault:
        return {"routes": web.refusing(str(fault))}
    return {
        "routes": web.routes(state),
        "lifespan": web.lifespan(state),
        "middleware": web.middleware(state),
    }


def show(name: str, *given: Any) -> None:
    """A page, imported when it is first asked for.

    Only then, since what pages bring (caches, components) registers with a running server, and
    since the charts of some take 100 MB, which a live lesson can do without.
    """
    import_module(f"fer.ui.{name}").page(*given)


def main() -> None:
    """Read the settings, lay out the menu, show the page asked for."""
    from fer.ui.layout import STYLE
    from fer.ui.words import chooser, say

    st.set_page_config(page_title="Class expressions", page_icon="🙂", initial_sidebar_state=230)
    try:
        state = shared(Settings.from_env())
    except UsageError as fault:
        st.error(say("menu.broken", fault=fault), icon=":material/error:")
        st.stop()
    settings = state.settings
    st.html(STYLE)
    pages = [
        st.Page(
            partial(show, "live", state),
            title=say("menu.live"),
            icon=":material/videocam:",
            url_path="live",
            default=True,
        ),
        st.Page(
            partial(show, "photo", settings, state.analyzer),
            title=say("menu.photo"),
            icon=":material/photo_camera:",
            url_path="photo",
        ),
        st.Page(
            partial(show, "video", state),
            title=say("menu.video"),
            icon=":material/movie:",
            url_path="video",
        ),
        st.Page(
            partial(show, "history", state),
            title=say("menu.history"),
            icon=":material/history:",
            url_path="history",
        ),
        st.Page(
            partial(show, "model", settings),
            title=say("menu.model"),
            icon=":material/query_stats:",
            url_path="model",
        ),
        st.Page(
            partial(show, "about", settings),
            title=say("menu.about"),
            icon=":material/info:",
            url_path="about",
        ),
    ]
    shown = st.navigation(pages)
    chooser()
    shown.run()


if __name__ == "__main__":
    main()
else:
    app = st.App(__file__, **routes())  # `streamlit run` looks for just such a line
