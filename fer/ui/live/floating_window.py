"""A small window that floats above the call and shows the class, mounted on a page.

The page gives it a snapshot once a second. While the page is hidden its clock is slowed down, so
the live socket's answers bring snapshots too: browser/live/main.js passes them on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import streamlit as st

from fer.emotions import COLOURS, EMOTIONS
from fer.lesson.indicators import CLEAR
from fer.ui.live.browser_view import browser_text, component_data

Amount = Literal["quiet", "normal", "full"]

AMOUNTS: Final[tuple[Amount, ...]] = ("quiet", "normal", "full")
NAME: Final = "fer_glance"
GRACE_MS: Final = 3000  # Streamlit may take it off the page and put it back while it draws


def floating_window_button(
    snapshot: Mapping[str, Any] | None,
    texts: Mapping[str, str],
    emotions: Mapping[str, str],
    *,
    amount: Amount = "quiet",
    key: str = "glance",
    on_mark: Callable[[], None] = lambda: None,
) -> None:
    """Show the button that opens the window.

    `snapshot` is the class's numbers as the live socket sends them; `texts` are the window's
    sentences, `emotions` the seven words.
    """
    mount = st.components.v2.component(
        NAME,
        html=browser_text("floating/window.html"),
        css=browser_text("floating/window.css"),
        js=browser_text("loader.js"),
    )
    mount(
        key=key,
        data=component_data(
            "floating/window.js",
            snapshot=snapshot,
            texts=dict(texts),
            amount=amount,
            emotions=[[emotions[name], COLOURS[name]] for name in EMOTIONS],
            even=CLEAR,
            grace=GRACE_MS,
        ),
        on_mark_change=on_mark,
    )
