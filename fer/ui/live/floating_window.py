"""A small window that floats above the call and shows how the class looks, mounted on a page.

The page tells it the news once a second. Where the page is hidden its clock is slowed down, so the
live socket's answers bring the news as well: component/main.js passes them on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st

from fer.emotions import COLOURS, EMOTIONS
from fer.ui.live.browser_view import plain

Amount = Literal["quiet", "normal", "full"]

AMOUNTS: Final[tuple[Amount, ...]] = ("quiet", "normal", "full")
FOLDER: Final = Path(__file__).parents[1] / "browser" / "floating"
NAME: Final = "fer_glance"


def floating_window_button(
    news: Mapping[str, Any] | None,
    words: Mapping[str, str],
    emotions: Mapping[str, str],
    *,
    amount: Amount = "quiet",
    key: str = "glance",
    on_mark: Callable[[], None] = lambda: None,
) -> None:
    """Show the button that opens the window.

    `words` are its sentences, `emotions` the seven words, `news` is `protocol.class_numbers`.
    """
    mount = st.components.v2.component(
        NAME, html=_text("window.html"), css=_text("window.css"), js=_text("window.js")
    )
    mount(
        key=key,
        data=plain(
            news=news,
            words=dict(words),
            amount=amount,
            looks=[[emotions[name], COLOURS[name]] for name in EMOTIONS],
        ),
        on_mark_change=on_mark,
    )


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
