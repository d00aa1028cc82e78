"""The app: start it with `streamlit run app.py` or `uvicorn app:app`; all is on one port.

The server imports this file as a module and uses `app`. For each visit, Streamlit runs it again as
a script, `__main__`, which shows the opened page.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final

import streamlit as st
from streamlit import config

from fer import server
from fer.errors import UsageError
from fer.server.state import shared
from fer.settings import Settings
from fer.ui import BROWSER
from fer.ui.visits import Visits

PACKAGES: Final = {"live": "live.page", "history": "history.page"}  # pages of several modules


def routes() -> dict[str, Any]:
    """Return the server's routes; with invalid settings, routes that only return the error."""
    try:
        state = shared(Settings.from_env())
    except UsageError as fault:
        # Without settings the doors let in this computer only; health checks tell the fault.
        return {
            "routes": server.error_routes(str(fault)),
            "middleware": server.middleware(Settings()),
        }
    if state.settings.runtime == "keras":
        import aiortc  # noqa: F401  before TensorFlow: imported after it, it crashes the process
    if state.settings.max_upload is not None:
        config.set_option("server.maxUploadSize", state.settings.max_upload)
    visits = Visits()
    return {
        "routes": server.routes(state, browser=BROWSER),
        "lifespan": server.lifespan(state, sweep=visits.sweep),
        "middleware": server.middleware(state.settings, files=visits, take_over=state.take_over),
    }


def show(name: str, *given: Any) -> None:
    """Import a page when it is first opened, and draw it.

    Pages are not imported earlier, because their caches and components register with a running
    server, and the charts of some take 100 MB that a live lesson doesn't need.
    """
    module = PACKAGES.get(name, name)
    import_module(f"fer.ui.{module}").page(*given)


def page(name: str, title: str, icon: str, *given: Any, default: bool = False) -> st.Page:
    """Return an entry of the menu; `name` is the page's module and its address."""
    shown = partial(show, name, *given)
    return st.Page(shown, title=title, icon=f":material/{icon}:", url_path=name, default=default)


def show_fault(fault: Exception) -> bool:
    """Show one sentence in place of a traceback."""
    from fer.ui import faults

    return faults.show_fault(fault)


def main() -> None:
    """Read the settings, draw the menu, show the page that was opened."""
    from fer.ui.faults import no_fault
    from fer.ui.layout import STYLE
    from fer.ui.text import language_chooser, text

    st.set_page_config(page_title="Class expressions", page_icon="🙂", initial_sidebar_state=230)
    try:
        state = shared(Settings.from_env())
    except UsageError as fault:
        st.error(text("menu.broken", fault=fault), icon=":material/error:")
        st.stop()
    settings = state.settings
    st.html(STYLE)
    pages = [
        page("live", text("menu.live"), "videocam", state, default=True),
        page("photo", text("menu.photo"), "photo_camera", settings, state.photos),
        page("video", text("menu.video"), "movie", state),
        page("history", text("menu.history"), "history", state),
        page("model", text("menu.model"), "query_stats", settings),
        page("about", text("menu.about"), "info", settings),
    ]
    shown = st.navigation(pages)
    language_chooser()
    shown.run()
    no_fault()


if __name__ == "__main__":
    main()
else:
    # `streamlit run` searches the file for such a line.
    # `streamlit run` searches the file for such a line.
    app = st.App(__file__, on_script_error=show_fault, **routes())
