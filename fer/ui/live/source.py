"""The live picture on a page: a shared window or a camera, over the socket or over WebRTC."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from fer.lesson.lesson import new_id
from fer.server.state import State
from fer.ui.layout import part
from fer.ui.live.browser_view import Source, ViewOptions, live_view
from fer.ui.live.transport import Attempt, Way, first_way
from fer.ui.text import all_of, emotions, say

ATTEMPT: Final = "live_attempt"
WAY: Final = "live_way"
VISIT: Final = "live_visit"  # tells the browser a visit's next lesson from a server that was lost
GO_ON: Final = "live_go_on"  # Start was pressed for WebRTC, so the socket needs no press


def capture(state: State, lesson: str) -> None:
    """The choice of source, and the picture with its boxes."""
    icons: dict[Source, str] = {
        "screen": f":material/screen_share: {say('live.screen')}",
        "camera": f":material/videocam: {say('live.camera')}",
    }
    source = st.segmented_control(
        say("live.source"),
        list(icons),
        format_func=icons.__getitem__,
        default="screen",
        required=True,
        key="live_source",
        persist_state="session",
    )
    if source == "camera" and way(state) == "webrtc":
        by_webrtc(state, lesson)
    else:
        by_socket(state, lesson, source)


def way(state: State) -> Way:
    """How this visit's camera comes; found out once."""
    kept = st.session_state
    if WAY not in kept:
        kept[WAY] = first_way(state.settings.live, st.context.url or "", state.settings.ice)
    found: Way = kept[WAY]
    return found


def by_socket(state: State, lesson: str, source: Source) -> None:
    """What the browser grabs.

    No part of its own: the server might take it away for a moment, and the picture would stop.
    """
    kept = st.session_state
    _, token = state.issue_token(lesson)
    live_view(
        token,
        lesson,
        source,
        visit=kept.setdefault(VISIT, new_id()),
        options=ViewOptions(
            texts=all_of("browser.live"),
            emotions=emotions(),
            autostart=source == "camera" and GO_ON in kept,
            on_begun=_begun,
        ),
    )


def by_webrtc(state: State, lesson: str) -> None:
    """The camera over WebRTC, and what is to be done when that fails."""
    # Here: its widget registers with a running server, and is not found if imported before one.
    from fer.ui.live.webrtc import camera

    attempt: Attempt = st.session_state.setdefault(ATTEMPT, Attempt())
    find = partial(state.sessions.open, lesson, "webrtc")
    words = all_of("browser.webrtc")
    # A widget of its own for each lesson: when one is ended elsewhere, its camera goes off with it.
    key = f"camera-{lesson}"
    attempt.saw(camera(lesson, find, state.settings.ice, words=words, key=key))
    watch(state, lesson, attempt)


@part(every=0.5)
def watch(state: State, lesson: str, attempt: Attempt) -> None:
    """Changes over to the socket when WebRTC brings nothing."""
    session = state.sessions.get(lesson)
    if not attempt.failed(session.used if session else None):
        return
    if state.settings.live == "auto":
        st.session_state[WAY], st.session_state[GO_ON] = "socket", True
        st.rerun()
    st.warning(say("live.no_webrtc"), icon=":material/wifi_off:")


def _begun() -> None:
    """The picture started by itself: the next one waits for a press again."""
    st.session_state.pop(GO_ON, None)
