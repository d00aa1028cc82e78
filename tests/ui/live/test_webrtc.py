import asyncio
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from aiortc import VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack

from fer.errors import BusyError
from fer.faces import Faces
from fer.net import Ice
from fer.ui.live.webrtc import CameraOptions, NewestOnly, bgr, camera, frame_callback, to_frame


class Lesson:
    """A live lesson that finds one face in each frame."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.delays: list[float] = []

    def feed(self, frame: np.ndarray, time: float) -> Faces:
        self.times.append(time)
        happy = [[0, 0, 0, 1, 0, 0, 0]]
        return Faces.of([[60, 40, 60, 60]], probabilities=happy, ids=[3])

    def note_delay(self, seconds: float) -> None:
        self.delays.append(seconds)


def frame(shape: tuple[int, int] = (160, 200), pts: int = 0) -> av.VideoFrame:
    picture = np.full((*shape, 3), 90, np.uint8)
    made = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
    made.pts, made.time_base = pts, Fraction(1, 30)
    return made


@pytest.mark.parametrize("shape", [(160, 200), (161, 200), (160, 201)])
def test_a_picture_survives_both_ways(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    picture[:80] = (40, 120, 200)
    back = bgr(to_frame(picture))
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture)[:78].max() <= 4


def test_the_answer_is_the_picture_with_boxes() -> None:
    lesson = Lesson()
    answer = frame_callback(lambda: lesson)
    shown = bgr(answer(frame(pts=45)))
    assert lesson.times == [1.5]
    assert len(lesson.delays) == 1
    assert (np.abs(shown.astype(int) - 90).max(axis=2) > 30).sum() > 100


def test_a_frame_without_a_time_gets_one() -> None:
    lesson = Lesson()
    bare = frame()
    bare.pts = None
    frame_callback(lambda: lesson)(bare)
    assert lesson.times[0] > 0


WORDS = {"start": "Iniciar"}


@pytest.mark.parametrize(
    ("playing", "signalling", "state"),
    [(True, False, "live"), (False, True, "connecting"), (False, False, "idle")],
)
def test_both_sides_are_told_the_same_servers_as_dicts(
    playing: bool, signalling: bool, state: str
) -> None:
    told: dict[str, Any] = {}

    def streamer(**words: Any) -> SimpleNamespace:
        told.update(words)
        return SimpleNamespace(state=SimpleNamespace(playing=playing, signalling=signalling))

    ice = Ice(turn_urls=("turns:a.org",), turn_secret="secret", relay_only=True)
    shown = camera(
        "lesson", Lesson, ice, options=CameraOptions(False, WORDS, streamer, lambda: 0.0)
    )
    assert shown == state
    assert told["translations"] == WORDS
    browser, server = told["frontend_rtc_configuration"], told["server_rtc_configuration"]
    assert browser["iceServers"] == server["iceServers"]
    assert browser["iceServers"][0]["username"].endswith(":lesson")
    assert type(server) is dict
    assert browser["iceTransportPolicy"] == "relay"
    assert told.get("async_processing", True)


def test_a_frame_that_nobody_takes_goes_back_as_it_came() -> None:
    def busy() -> Lesson:
        raise BusyError("16 lessons run")

    came = frame()
    assert frame_callback(busy)(came) is came


def test_the_way_out_holds_one_picture_and_no_queue() -> None:
    async def subscribed() -> tuple[Any, Any]:
        relay = NewestOnly()
        tracks = [VideoStreamTrack(), AudioStreamTrack()]
        copies = [relay.subscribe(track) for track in tracks]
        queues = [copy._queue for copy in copies]
        for track in tracks:
            track.stop()
        return queues[0], queues[1]

    video, sound = asyncio.run(subscribed())
    assert video is None
    assert sound is not None
