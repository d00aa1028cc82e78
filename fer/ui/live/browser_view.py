"""The browser's side of a live picture, mounted on a page: grabs, sends, and draws the boxes.

The files in component/ are plain modules of JavaScript; nothing builds them. Streamlit takes one
text, so they are put one after the other here, and the worker's are a text within that text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st

from fer.emotions import COLOURS, EMOTIONS, ink_on

Source = Literal["camera", "screen"]
State = Literal["idle", "asking", "live", "reconnecting", "denied", "ended", "busy"]

FOLDER: Final = Path(__file__).parents[1] / "browser" / "live"
NAME: Final = "fer_live"
ROUTE: Final = "ws/live"  # beside the page, so it follows the app under any path
# In an order in which each stands after what it imports.
IN_PAGE: Final = ("../text.js", "capture.js", "overlay.js", "panel.js", "main.js")
IN_WORKER: Final = ("frames.js", "rate.js", "connection.js", "worker.js")
IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\.\.?/\w+\.js";\n', re.M)
EXPORT: Final = re.compile(r"^export (?!default )", re.M)


def live_view(
    token: str,
    session: str,
    source: Source = "screen",
    *,
    visit: str,
    words: Mapping[str, str],
    emotions: Mapping[str, str],
    autostart: bool = False,
    key: str = "live_view",
    on_begun: Callable[[], None] = lambda: None,
) -> None:
    """The picture with its buttons. `on_begun` runs when a picture started by itself.

    Where the server refused the token, the page is drawn again, so that it gives another one. Of
    nothing else Python hears from here.

    `session` is the lesson's id. Another one in the same `visit` means that the lesson was ended:
    what runs stops. In another visit, as after the server was lost, it goes on. Another `source`
    stops what runs, too. `autostart` starts a camera by itself, once when the view comes onto the
    page; a screen needs somebody's press. `words` are its sentences and `emotions` the seven
    words, both in the page's language.
    """
    # Registered at every run, as each test and server has a registry of its own; it costs nothing.
    mount = st.components.v2.component(
        NAME, html=_text("panel.html"), css=_text("style.css"), js=script()
    )
    mount(
        key=key,
        data=plain(
            token=token,
            session=session,
            visit=visit,
            source=source,
            autostart=autostart,
            route=ROUTE,
            words=dict(words),
            looks=[[emotions[name], COLOURS[name], ink_on(COLOURS[name])] for name in EMOTIONS],
        ),
        on_need_token_change=lambda: None,
        on_begun_change=on_begun,
    )


def plain(**data: Any) -> list[dict[str, Any]]:
    """A component's data, which it finds as the one thing in a list.

    In a bare dict Streamlit would look for tables, and load pandas for that: 70 MB.
    """
    return [data]


@cache
def script() -> str:
    """All of the JavaScript as one module."""
    worker = json.dumps(joined(IN_WORKER))
    return f"const WORKER = {worker};\n{joined(IN_PAGE)}"


def joined(names: tuple[str, ...]) -> str:
    """Modules one after the other, without the lines by which they find each other."""
    return "\n".join(EXPORT.sub("", IMPORT.sub("", _text(name))) for name in names)


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
