"""Live pictures with the app's own routes: what the browser tests of them run.

The page Live alone; with ?source=camera or ?source=screen only the component, so that a test can
set what the page would. /lessons tells what the server has seen.
"""

import time

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer import server
from fer.lesson.lesson import new_id
from fer.server.identity import owner_of
from fer.server.protocol import rows
from fer.server.state import shared
from fer.settings import Settings
from fer.ui import BROWSER
from fer.ui.layout import fragment
from fer.ui.live import page
from fer.ui.live.browser_view import ViewOptions, live_view
from fer.ui.text import emotions, texts_below

settings = Settings.from_env()
state = shared(settings)


def bare(first: str) -> None:
    """The component, what it reports, and widgets to disturb it with."""
    st.title("Component")
    st.checkbox("Another widget")
    source = st.radio("Source", ["camera", "screen"], index=["camera", "screen"].index(first))
    renew()
    live_view(
        st.session_state.token,
        st.session_state.lesson,
        "screen" if source == "screen" else "camera",
        visit=st.session_state.setdefault("visit", new_id()),
        options=ViewOptions(
            texts=texts_below("browser.live"),
            emotions=emotions(),
            autostart="autostart" in st.query_params,
        ),
    )
    st.text(f"Visit {st.session_state.visit}")
    st.text(f"Lesson {st.session_state.lesson}")
    passing()


@fragment(every=1.0)
def passing() -> None:
    """Drawn anew every second, as what stands beside the picture on the page Live.

    After a lost connection Streamlit asks for the page only where something does that.
    """


def renew() -> None:
    """A token for the lesson that the address names, or for the visit's own."""
    lesson = st.query_params.get("lesson") or st.session_state.get("lesson")
    st.session_state.lesson, st.session_state.token = state.issue_token(
        lesson, owner_of(st.context.cookies) or ""
    )


async def lessons(_: Request) -> JSONResponse:
    """Every lesson: its id, how its last picture was read, and how well it keeps up."""
    now = time.monotonic()
    return JSONResponse(
        {
            one.id: {
                "size": one.size,
                "faces": rows(one.faces),
                "rate": one.rate(),
                "idle": now - one.last_frame,
            }
            for one in state.lessons.all()
        }
    )


if __name__ == "__main__":
    st.set_page_config(layout="wide")
    if "source" in st.query_params:
        bare(st.query_params["source"])
    else:
        page.page(state)
else:
    routes = [*server.routes(state, browser=BROWSER), Route("/lessons", lessons)]
    app = st.App(
        __file__,
        lifespan=server.lifespan(state),
        routes=routes,
        middleware=server.middleware(state.settings),
    )
