"""The style of all pages, beside the theme in .streamlit/config.toml, and fragments of pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec

import streamlit as st

P = ParamSpec("P")

# Narrow margins, because the app often has only half of the screen, next to the call.
STYLE: Final = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.2rem clamp(1rem, 2vw, 1.5rem) 2rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0; }
</style>"""


def fragment(every: float | None = None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator for a part of a page that is redrawn alone, every so many seconds.

    It is `st.fragment` inside a container of the page. Without the container, a fragment that is
    redrawn while its page is drawn may end up over the elements below it: the buttons under the
    picture disappeared.
    """

    def make(draw: Callable[P, None]) -> Callable[P, None]:
        alone = st.fragment(draw, run_every=every)

        @wraps(draw)
        def drawn(*given: P.args, **named: P.kwargs) -> None:
            with st.container():
                alone(*given, **named)

        return drawn

    return make
