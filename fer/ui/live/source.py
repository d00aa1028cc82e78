"""The source of a live lesson: a shared window or a camera, over the socket or over WebRTC."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from fer.lesson.lesson import new_id
from fer.server.identity import owner_of
from fer.server.state import State
from fer.ui.layout import fragment
from fer.ui.live.browser_view import Source, ViewOptions, live_view
from fer.ui.live.transport import Attempt, Transport, first_transport
from fer.ui.text import emotions, text, texts_below

ATTEMPT: Final = "live_attempt"
TRANSPORT: Final = "live_transport"
VISIT: Final = "live_visit"  # lets the browser distinguish the next lesson from a lost server
GO_ON: Final = "live_go_on"  # Start was pressed for WebRTC, so the socket starts by itself


def source(state: State, lesson_id: str) -> None:
    """Show the choice of source, and the picture with its boxes."""
    icons: dict[Source, str] = {
        "screen": f":material/screen_share: {text('live.screen')}",
        "camera": f":material/videocam: {text('live.camera')}",
    }
    chosen = st.segmented_control(
        text("live.source"),
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
    """Return how this visit's camera sends its frames; chosen once per visit."""
    kept = st.session_state
    if TRANSPORT not in kept:
        kept[TRANSPORT] = first_transport(
            state.settings.live, st.context.url or "", state.settings.ice
        )
    found: Transport = kept[TRANSPORT]
    return found


def by_socket(state: State, lesson_id: str, source: Source) -> None:
    """Show the live view, which sends frames over the socket.

    It is not in a fragment: Streamlit may remove one for a moment, which would stop the capture.
    """
    kept = st.session_state
    _, token = state.issue_token(lesson_id, owner_of(st.context.cookies) or "")
    live_view(
        token,
        lesson_id,
        source,
        visit=kept.setdefault(VISIT, new_id()),
        options=ViewOptions(
            texts=texts_below("browser.live"),
            emotions=emotions(),
            autostart=source == "camera" and GO_ON in kept,
            on_begun=_begun,
        ),
    )


def by_webrtc(state: State, lesson_id: str) -> None:
    """Show the camera over WebRTC, and change to the socket or show advice if that fails."""
    # Imported here, because the widget must be registered while a server runs.
    from fer.ui.live.webrtc import CameraOptions, camera

    attempt: Attempt = st.session_state.setdefault(ATTEMPT, Attempt())
    client = st.context.ip_address or ""  # none for this computer
    open_lesson = partial(state.lessons.open, lesson_id, "webrtc", client)
    options = CameraOptions(texts=texts_below("browser.webrtc"))
    # One widget per lesson, so that its camera is switched off when the lesson is ended elsewhere.
    key = f"camera-{lesson_id}"
    attempt.update(camera(lesson_id, open_lesson, state.settings.ice, key=key, options=options))
    check_webrtc(state, lesson_id, attempt)


@fragment(every=0.5)
def check_webrtc(state: State, lesson_id: str, attempt: Attempt) -> None:
    """Change to the socket, or show a warning, if no frame comes over WebRTC."""
    if not attempt.failed(state.lessons.last_frame(lesson_id)):
        return
    if state.settings.live == "auto":
        st.session_state[TRANSPORT], st.session_state[GO_ON] = "socket", True
        st.rerun()
    st.warning(text("live.no_webrtc"), icon=":material/wifi_off:")


def _begun() -> None:
    """Reset GO_ON after an automatic start, so that the next source waits for Start."""
    st.session_state.pop(GO_ON, None)
