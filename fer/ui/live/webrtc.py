"""A camera over WebRTC: frames to the server, the picture with its boxes back.

streamlit-webrtc makes the connection. This module adds servers and credentials for each lesson, and
a bounded output, so that a busy server drops frames instead of showing old ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaRelay
from streamlit.runtime.runtime import Runtime
from streamlit_webrtc import WebRtcMode, webrtc_streamer
from streamlit_webrtc.eventloop import get_global_event_loop, loop_context

from fer.errors import LiveError
from fer.faces import Picture
from fer.net import Ice
from fer.server.clock import DelayGauge
from fer.server.lessons import LiveLesson
from fer.vision.draw import draw

RELAY: Final = "streamlit-webrtc-global-relay"  # where streamlit-webrtc keeps its relay
CAMERA: Final = {
    "video": {"width": {"ideal": 1280}, "height": {"ideal": 720}, "frameRate": {"ideal": 30}},
    "audio": False,
}


# Opens the lesson to feed when its first frame comes: a page that is only looked at takes no place.
# Raises LiveError where that is not possible.
OpenLesson = Callable[[], LiveLesson]
State = Literal["idle", "connecting", "live"]


class NewestOnly(MediaRelay):
    """A relay that passes on the newest video frame only.

    The usual relay queues without bound: on a busy server the picture lags by ever more seconds.
    """

    def subscribe(self, track: MediaStreamTrack, buffered: bool = True) -> MediaStreamTrack:
        """Return a copy of the track for one more reader."""
        return super().subscribe(track, buffered=buffered and track.kind != "video")


@dataclass(frozen=True)
class CameraOptions:
    """What a camera's widget shows, and the boundaries that tests replace."""

    blur: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)  # as streamlit-webrtc names them
    streamer: Callable[..., Any] = webrtc_streamer
    now: Callable[[], float] = time.time


def camera(
    lesson_id: str,
    open_lesson: OpenLesson,
    ice: Ice,
    *,
    key: str = "camera",
    options: CameraOptions | None = None,
) -> State:
    """Show Start and Stop and the picture with its boxes; return the connection's state."""
    options = options or CameraOptions()
    bound_the_output()
    # Both sides get the same dict: an object would be replaced by a public STUN server.
    servers = ice.configuration(lesson_id, options.now())
    state = options.streamer(
        key=key,
        mode=WebRtcMode.SENDRECV,
        frontend_rtc_configuration=servers,
        server_rtc_configuration={"iceServers": servers["iceServers"]},
        media_stream_constraints=CAMERA,
        video_frame_callback=answering(open_lesson, blur=options.blur),
        sendback_audio=False,
        translations=dict(options.texts),
    ).state
    if state.playing:
        return "live"
    return "connecting" if state.signalling else "idle"


def answering(
    open_lesson: OpenLesson, *, blur: bool = False
) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """Return the callback for every frame; it runs in a thread without Streamlit's context."""
    delays = DelayGauge()

    def answer(frame: av.VideoFrame) -> av.VideoFrame:
        begun = time.monotonic()
        said = begun if frame.time is None else frame.time
        delays.arrived(said, begun)
        try:
            live = open_lesson()
            picture = bgr(frame)
            faces = live.feed(picture, said)
        except LiveError:  # the page shows why; the picture goes on without boxes
            return frame
        draw(picture, faces, blur=blur)
        live.note_delay(delays.delay(said, time.monotonic()))
        return planes(picture)

    return answer


def bgr(frame: av.VideoFrame) -> Picture:
    """Return a frame's picture, to be drawn on."""
    if frame.format.name == "yuv420p" and not (frame.width % 2 or frame.height % 2):
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def planes(picture: Picture) -> av.VideoFrame:
    """Return the picture as the encoder takes it; OpenCV does that in a tenth of PyAV's time."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return av.VideoFrame.from_ndarray(picture, format="bgr24")
    made = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return av.VideoFrame.from_ndarray(made, format="yuv420p")


def bound_the_output() -> None:
    """Make streamlit-webrtc send the newest frame only; its own relay queues without bound.

    streamlit-webrtc keeps its relay as an attribute of Streamlit's runtime and has no setting for
    it, so this is the one place that knows the private name.
    """
    runtime = Runtime.instance() if Runtime.exists() else None
    if runtime is not None and not isinstance(getattr(runtime, RELAY, None), NewestOnly):
        with loop_context(get_global_event_loop()):
            setattr(runtime, RELAY, NewestOnly())
