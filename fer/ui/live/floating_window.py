"""The floating window: a small window above the call that shows the state of the class.

The page gives it a snapshot once a second. In a hidden tab the browser slows that down, so
browser/live/main.js also passes on the snapshots in the live socket's answers.
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
NAME: Final = "fer_floating_window"
GRACE_MS: Final = 3000  # Streamlit may remove the component for a moment while it draws


def floating_window_button(
    snapshot: Mapping[str, Any] | None,
    texts: Mapping[str, str],
    emotions: Mapping[str, str],
    *,
    amount: Amount = "quiet",
    key: str = "floating_window",
    on_mark: Callable[[], None] = lambda: None,
) -> None:
    """Show the button that opens the floating window.

    `snapshot` has the class's numbers in the live socket's form; `texts` are the window's
    sentences, `emotions` the seven words. `on_mark` is called when its button to mark is pressed.
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
