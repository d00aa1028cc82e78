"""What all pages look like, beside the theme in .streamlit/config.toml, and how parts are drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec

import streamlit as st

P = ParamSpec("P")

# Less empty room above and beside: the app often stands in half a screen, next to the call.
STYLE: Final = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.2rem clamp(1rem, 2vw, 1.5rem) 2rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0; }
</style>"""


def part(every: float | None = None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A fragment, a part of a page that is drawn anew without the rest, in a place of its own.

    The place is a container that belongs to the page. When a fragment is due while the page is
    drawn, Streamlit may drop what the page drew of it; the browser then moves up what follows, and
    the fragment is drawn over that: buttons under the picture were lost so.
    """

    def make(draw: Callable[P, None]) -> Callable[P, None]:
        alone = st.fragment(draw, run_every=every)

        @wraps(draw)
        def drawn(*given: P.args, **named: P.kwargs) -> None:
            with st.container():
                alone(*given, **named)

        return drawn

    return make
