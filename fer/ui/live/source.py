"""The live picture on a page: a shared window or a camera, over the socket or over WebRTC."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from fer.lesson.lesson import new_id
from fer.server.state import State
from fer.ui.layout import part
from fer.ui.live.browser_view import Source, ViewOptions, live_view
from fer.ui.live.transport import Attempt, Transport, first_transport
from fer.ui.text import all_of, emotions, say

ATTEMPT: Final = "live_attempt"
TRANSPORT: Final = "live_way"
VISIT: Final = "live_visit"  # lets the browser distinguish the next lesson from a lost server
GO_ON: Final = "live_go_on"  # Start was pressed for WebRTC, so the socket needs no press


def source(state: State, lesson_id: str) -> None:
    """Show the choice of source, and the picture with its boxes."""
    icons: dict[Source, str] = {
        "screen": f":material/screen_share: {say('live.screen')}",
        "camera": f":material/videocam: {say('live.camera')}",
    }
    chosen = st.segmented_control(
        say("live.source"),
        list(icons),
        format_func=icons.__getitem__,
        default="screen",
        required=True,
        key="live_source",
        persist_state="session",
    )
    if chosen == "camera" and transport(state) == "webrtc":
        by_webrtc(state, lesson_id)
    else:
        by_socket(state, lesson_id, chosen)


def transport(state: State) -> Transport:
    """Return how this visit's camera sends its frames; found out once."""
    kept = st.session_state
    if TRANSPORT not in kept:
        kept[TRANSPORT] = first_transport(
            state.settings.live, st.context.url or "", state.settings.ice
        )
    found: Transport = kept[TRANSPORT]
    return found


def by_socket(state: State, lesson_id: str, source: Source) -> None:
    """Show the picture that the browser captures.

    It is no fragment: Streamlit may remove one for a moment, and the picture would stop.
    """
    kept = st.session_state
    _, token = state.issue_token(lesson_id)
    live_view(
        token,
        lesson_id,
        source,
        visit=kept.setdefault(VISIT, new_id()),
        options=ViewOptions(
            texts=all_of("browser.live"),
            emotions=emotions(),
            autostart=source == "camera" and GO_ON in kept,
            on_begun=_begun,
        ),
    )


def by_webrtc(state: State, lesson_id: str) -> None:
    """Show the camera over WebRTC, and what to do when that fails."""
    # Here: its widget registers with a running server, and is not found if imported before one.
    from fer.ui.live.webrtc import CameraOptions, camera

    attempt: Attempt = st.session_state.setdefault(ATTEMPT, Attempt())
    open_lesson = partial(state.lessons.open, lesson_id, "webrtc")
    options = CameraOptions(texts=all_of("browser.webrtc"))
    # One widget for each lesson: when a lesson is ended elsewhere, its camera goes off.
    key = f"camera-{lesson_id}"
    attempt.saw(camera(lesson_id, open_lesson, state.settings.ice, key=key, options=options))
    watch(state, lesson_id, attempt)


@part(every=0.5)
def watch(state: State, lesson_id: str, attempt: Attempt) -> None:
    """Change over to the socket when WebRTC brings no picture."""
    if not attempt.failed(state.lessons.last_frame(lesson_id)):
        return
    if state.settings.live == "auto":
        st.session_state[TRANSPORT], st.session_state[GO_ON] = "socket", True
        st.rerun()
    st.warning(say("live.no_webrtc"), icon=":material/wifi_off:")


def _begun() -> None:
    """Note that the picture started by itself: the next one waits for Start again."""
    st.session_state.pop(GO_ON, None)
