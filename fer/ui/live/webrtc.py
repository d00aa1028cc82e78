"""A camera over WebRTC: frames go to the server, the picture with its boxes comes back.

streamlit-webrtc makes the connection. This module adds ICE servers and credentials for each lesson,
and makes a busy server drop frames instead of sending old ones.
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


# Opens the lesson at its first frame, so that an open page without a camera takes no place on the
# server. Raises LiveError if the server is full.
OpenLesson = Callable[[], LiveLesson]
State = Literal["idle", "connecting", "live"]


class NewestOnly(MediaRelay):
    """A relay that passes on the newest video frame only.

    The usual relay queues frames without a limit, so a busy server's picture falls ever further
    behind.
    """

    def subscribe(self, track: MediaStreamTrack, buffered: bool = True) -> MediaStreamTrack:
        """Return a copy of the track for one more reader."""
        return super().subscribe(track, buffered=buffered and track.kind != "video")


@dataclass(frozen=True)
class CameraOptions:
    """Options of the camera widget; tests replace `streamer` and `now`."""

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
    """Show the camera widget with its buttons; return the connection's state."""
    options = options or CameraOptions()
    send_newest_only()
    # A dict for both sides: streamlit-webrtc replaces an object by a public STUN server.
    servers = ice.configuration(lesson_id, options.now())
    state = options.streamer(
        key=key,
        mode=WebRtcMode.SENDRECV,
        frontend_rtc_configuration=servers,
        server_rtc_configuration={"iceServers": servers["iceServers"]},
        media_stream_constraints=CAMERA,
        video_frame_callback=frame_callback(open_lesson, blur=options.blur),
        sendback_audio=False,
        translations=dict(options.texts),
    ).state
    if state.playing:
        return "live"
    return "connecting" if state.signalling else "idle"


def frame_callback(
    open_lesson: OpenLesson, *, blur: bool = False
) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """Return the callback that reads each frame and draws its boxes.

    It runs in a thread without Streamlit's context.
    """
    delays = DelayGauge()

    def answer(frame: av.VideoFrame) -> av.VideoFrame:
        begun = time.monotonic()
        taken = begun if frame.time is None else frame.time
        delays.arrived(taken, begun)
        try:
            live = open_lesson()
            picture = bgr(frame)
            faces = live.feed(picture, taken)
        except LiveError:  # the page shows the reason; the picture continues without boxes
            return frame
        draw(picture, faces, blur=blur)
        live.note_delay(delays.delay(taken, time.monotonic()))
        return to_frame(picture)

    return answer


def bgr(frame: av.VideoFrame) -> Picture:
    """Return a frame as a BGR picture that can be drawn on."""
    if frame.format.name == "yuv420p" and not (frame.width % 2 or frame.height % 2):
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def to_frame(picture: Picture) -> av.VideoFrame:
    """Return the picture as a frame for the encoder; OpenCV converts ten times as fast as PyAV."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return av.VideoFrame.from_ndarray(picture, format="bgr24")
    made = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return av.VideoFrame.from_ndarray(made, format="yuv420p")


def send_newest_only() -> None:
    """Make streamlit-webrtc send the newest frame only, by replacing its relay.

    It has no setting for that: its relay is an attribute of Streamlit's runtime, with the private
    name RELAY.
    """
    runtime = Runtime.instance() if Runtime.exists() else None
    if runtime is not None and not isinstance(getattr(runtime, RELAY, None), NewestOnly):
        with loop_context(get_global_event_loop()):
            setattr(runtime, RELAY, NewestOnly())
