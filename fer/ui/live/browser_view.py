"""The live view on a page: browser code that captures frames, sends them, and draws the boxes.

The code is in fer/ui/browser/, ES modules that the server serves as they are. Streamlit gets only a
loader, which imports the module named in the component's data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import streamlit as st

from fer.emotions import COLOURS, EMOTIONS, SURE, ink_on
from fer.server import protocol
from fer.server.browser_files import browser_files
from fer.ui import BROWSER

Source = Literal["camera", "screen"]
ViewState = Literal[
    "idle", "asking", "live", "reconnecting", "denied", "ended", "busy", "unreadable"
]

NAME: Final = "fer_live"
ROUTE: Final = protocol.PATH.lstrip("/")  # beside the page, so it follows the app under any path


@dataclass(frozen=True)
class ViewOptions:
    """Options of the live view.

    `texts` are its sentences and `emotions` the seven words, both in the page's language.
    `autostart` starts a camera once when the view comes onto the page; browsers share a screen
    only after a click. `on_begun` is called after an automatic start.
    """

    texts: Mapping[str, str]
    emotions: Mapping[str, str]
    autostart: bool = False
    on_begun: Callable[[], None] = lambda: None


def live_view(
    token: str,
    lesson_id: str,
    source: Source = "screen",
    *,
    visit: str,
    options: ViewOptions,
    key: str = "live_view",
) -> None:
    """Show the live picture with its buttons.

    If the server refuses the token, the page is drawn again and issues another one. The browser
    sends no other events to Python here.

    A new `lesson_id` in the same `visit` means that the lesson was ended, so capturing stops. With
    a new `visit`, as after the server restarted, it goes on. A new `source` also stops it.
    """
    # Registered at every run, as each test and server has its own registry; this costs nothing.
    mount = st.components.v2.component(
        NAME,
        html=browser_text("live/panel.html"),
        css=browser_text("live/style.css"),
        js=browser_text("loader.js"),
    )
    words = options.emotions
    mount(
        key=key,
        data=component_data(
            "live/main.js",
            token=token,
            lessonId=lesson_id,
            visit=visit,
            source=source,
            autostart=options.autostart,
            route=ROUTE,
            texts=dict(options.texts),
            style={
                "emotions": [
                    [words[name], COLOURS[name], ink_on(COLOURS[name])] for name in EMOTIONS
                ],
                "sure": SURE,
            },
        ),
        on_need_token_change=lambda: None,
        on_begun_change=options.on_begun,
    )


def component_data(main: str, **data: Any) -> list[dict[str, Any]]:
    """Return a component's data with the address of its main module.

    It is a list because Streamlit searches a dict for tables and loads pandas for that: 70 MB.
    """
    return [{"module": main, "main": browser_files(BROWSER).url(main), **data}]


@cache
def browser_text(name: str) -> str:
    """Return a file of the browser's folder as text."""
    return (BROWSER / name).read_text(encoding="utf-8")
