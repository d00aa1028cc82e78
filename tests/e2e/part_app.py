"""A page for the tests: a fragment that shows the floating window."""

import threading
import time
import urllib.request

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fer.server.browser_files import browser_files
from fer.ui import BROWSER
from fer.ui.layout import fragment
from fer.ui.live.floating_window import floating_window_button
from fer.ui.text import emotions, texts_below

HELD = 1.0  # seconds in which the server sends nothing


async def hold(_: Request) -> PlainTextResponse:
    """Block the server's event loop for HELD seconds, as on a busy machine."""
    time.sleep(HELD)
    return PlainTextResponse("")


@fragment()
def alone() -> None:
    """Show buttons: "Away" takes the floating window off the page, "Within" brings it back."""
    st.button("Within")
    if not st.button("Away"):
        floating_window_button(None, texts_below("browser.floating"), emotions())


def page() -> None:
    """Show the rest of the page; "All" draws it slowly while the server is blocked."""
    url = (st.context.url or "").partition("?")[0]
    if st.button("All"):
        time.sleep(2 * HELD)  # in which the part is asked for, too
        threading.Thread(target=urllib.request.urlopen, args=(f"{url.rstrip('/')}/hold",)).start()
        time.sleep(HELD / 2)
    alone()
    with st.container(horizontal=True):
        st.button("First")
        with st.popover("Second"):
            st.write("Hidden")
        st.button("Third")


if __name__ == "__main__":
    page()
else:
    app = st.App(__file__, routes=[Route("/hold", hold), browser_files(BROWSER).route()])
