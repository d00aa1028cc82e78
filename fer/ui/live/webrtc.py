"""A camera over WebRTC: frames to the server, the picture with its boxes back.

streamlit-webrtc does the talking. What is added: servers and credentials for each lesson, and a
bounded way out, so a busy server drops frames instead of showing the past.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

import av
import cv2
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaRelay
from streamlit.runtime.runtime import Runtime
from streamlit_webrtc import WebRtcMode, webrtc_streamer
from streamlit_webrtc.eventloop import get_global_event_loop, loop_context

from fer.errors import LiveError
from fer.faces import Faces
from fer.net import Ice
from fer.server.clock import DelayGauge
from fer.vision.draw import draw

BGR = npt.NDArray[np.uint8]

RELAY: Final = "streamlit-webrtc-global-relay"  # where streamlit-webrtc keeps its relay
CAMERA: Final = {
    "video": {"width": {"ideal": 1280}, "height": {"ideal": 720}, "frameRate": {"ideal": 30}},
    "audio": False,
}


class Feedable(Protocol):
    """What takes the frames: fer.server.live_sessions.LiveSession."""

    def feed(self, frame: BGR, time: float) -> Faces: ...
    def note_delay(self, seconds: float) -> None: ...


# The lesson to feed, opened when its first frame comes: whoever only looks at the page has none.
# LiveError where it can't be.
Find = Callable[[], Feedable]
State = Literal["idle", "connecting", "live"]


class NewestOnly(MediaRelay):
    """Hands on the newest video frame only. The usual relay queues without bound: on a busy server
    the picture then lags by seconds, and ever more."""

    def subscribe(self, track: MediaStreamTrack, buffered: bool = True) -> MediaStreamTrack:
        """A copy of the track for one more reader."""
        return super().subscribe(track, buffered=buffered and track.kind != "video")


def camera(
    name: str,
    find: Find,
    ice: Ice,
    *,
    blur: bool = False,
    words: Mapping[str, str] | None = None,
    key: str = "camera",
    streamer: Callable[..., Any] = webrtc_streamer,
    now: Callable[[], float] = time.time,
) -> State:
    """Shows start and stop and the picture with its boxes; how far it has got.

    `words` are what its buttons and faults say, as streamlit-webrtc names them.
    """
    _bound_the_way_out()
    # Both sides get the same dict: an object would be replaced by a public STUN server.
    told = ice.configuration(name, now())
    state = streamer(
        key=key,
        mode=WebRtcMode.SENDRECV,
        frontend_rtc_configuration=told,
        server_rtc_configuration={"iceServers": told["iceServers"]},
        media_stream_constraints=CAMERA,
        video_frame_callback=answering(find, blur=blur),
        sendback_audio=False,
        translations=dict(words or {}),
    ).state
    if state.playing:
        return "live"
    return "connecting" if state.signalling else "idle"


def answering(find: Find, *, blur: bool = False) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """What is called with every frame, in a thread that knows nothing of Streamlit."""
    delays = DelayGauge()

    def answer(frame: av.VideoFrame) -> av.VideoFrame:
        begun = time.monotonic()
        said = begun if frame.time is None else frame.time
        delays.arrived(said, begun)
        try:
            lesson = find()
            picture = bgr(frame)
            faces = lesson.feed(picture, said)
        except LiveError:  # the page says why; the picture goes on without boxes
            return frame
        draw(picture, faces, blur=blur)
        lesson.note_delay(delays.delay(said, time.monotonic()))
        return planes(picture)

    return answer


def bgr(frame: av.VideoFrame) -> BGR:
    """A frame's picture, to be drawn on."""
    if frame.format.name == "yuv420p" and not (frame.width % 2 or frame.height % 2):
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def planes(picture: BGR) -> av.VideoFrame:
    """The picture as the encoder takes it; OpenCV does that in a tenth of the usual time."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return av.VideoFrame.from_ndarray(picture, format="bgr24")
    made = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return av.VideoFrame.from_ndarray(made, format="yuv420p")


def _bound_the_way_out() -> None:
    runtime = Runtime.instance() if Runtime.exists() else None
    if runtime is not None and not isinstance(getattr(runtime, RELAY, None), NewestOnly):
        with loop_context(get_global_event_loop()):
            setattr(runtime, RELAY, NewestOnly())
