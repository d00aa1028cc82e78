"""Cameras over WebRTC without a browser: aiortc on both sides, the app's side in another process.

What answers a frame, and how frames wait for it, is what the page uses; offers and answers go over
a pipe instead of a page. Each frame carries its number as a row of black and white squares, so the
picture that comes back tells which one it is.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from streamlit_webrtc import VideoProcessorBase
from streamlit_webrtc.process import AsyncVideoProcessTrack

from fer.bench.feed import LENGTH, gallery
from fer.bench.live.socket import Tally
from fer.errors import FerError
from fer.faces import Picture
from fer.server.state import State
from fer.settings import Settings
from fer.ui.live.webrtc import NewestOnly, bgr, frame_callback, to_frame

Answer = Callable[[av.VideoFrame], av.VideoFrame]

SQUARE: Final = 16  # pixels; VP8's blocks, so they come through as they are
BITS: Final = 10
PATIENCE: Final = 60.0  # seconds for the app's side to load, or to answer a word


def mark(picture: Picture, number: int) -> None:
    """Draws the number into the lower left corner."""
    for bit in range(BITS):
        picture[-SQUARE:, bit * SQUARE : (bit + 1) * SQUARE] = 255 * (number >> bit & 1)


def marked(picture: Picture) -> int:
    """The number in the lower left corner."""
    row = picture[-SQUARE * 3 // 4 : -SQUARE // 4, : BITS * SQUARE].mean(axis=(0, 2))
    middles = row.reshape(BITS, SQUARE)[:, SQUARE // 4 : -SQUARE // 4].mean(axis=1)
    return sum(1 << bit for bit in np.flatnonzero(middles > 127).tolist())


class Camera(VideoStreamTrack):
    """A class that moves, at thirty frames a second."""

    def __init__(self, faces: int, tally: Tally) -> None:
        super().__init__()
        self.taken: dict[int, float] = {}  # by the number in the picture
        self._frames = [gallery(faces, at) for at in range(LENGTH)]
        self._tally, self._number = tally, 0

    async def recv(self) -> av.VideoFrame:
        """The next frame, when it is time for it."""
        pts, time_base = await self.next_timestamp()
        self._number = (self._number + 1) % (1 << BITS)
        picture = self._frames[self._number % LENGTH].copy()
        mark(picture, self._number)
        frame = to_frame(picture)
        frame.pts, frame.time_base = pts, time_base
        self.taken[self._number] = time.monotonic()
        self._tally.sent.append(self.taken[self._number])
        return frame


class Watching:
    """Notes when each picture comes back for the first time."""

    def __init__(self, camera: Camera, tally: Tally) -> None:
        self._camera, self._tally = camera, tally

    async def follow(self, track: Any) -> None:
        """Reads until the connection ends."""
        while True:
            try:
                picture = bgr(await track.recv())
            except MediaStreamError:
                return
            # While an answer is worked on, the last one is sent again: that is no new answer.
            if (taken := self._camera.taken.pop(marked(picture), None)) is not None:
                self._tally.answered.append((taken, time.monotonic() - taken))


class Processor(VideoProcessorBase):
    """What streamlit-webrtc makes of a page's callback: the newest frame is answered."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def recv_queued(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        """The answer to the last of those that came since."""
        return [self._answer(frames[-1])]


def measure(
    settings: Settings, faces: int, count: int, warm_up: float, seconds: float
) -> tuple[list[Tally], float, float]:
    """The cameras' tallies, and the processor seconds of the app's side and of this one."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, settings))
    process.start()
    try:
        return asyncio.run(_cameras(here, faces, count, warm_up, seconds))
    finally:
        here.send(None)
        process.join(20)
        if process.is_alive():
            process.kill()


async def _cameras(
    pipe: Connection, faces: int, count: int, warm_up: float, seconds: float
) -> tuple[list[Tally], float, float]:
    await _asked(pipe, "load")
    tallies = [Tally() for _ in range(count)]
    pairs = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(count)]
    try:
        for pair, tally in zip(pairs, tallies, strict=True):
            await _call(pipe, pair, faces, tally)
        await _all_answered(tallies)
        await asyncio.sleep(warm_up)
        begun, own, before = time.monotonic(), time.process_time(), await _asked(pipe, "cpu")
        await asyncio.sleep(seconds)
        spent, after = time.process_time() - own, await _asked(pipe, "cpu")
        await asyncio.sleep(1)  # for the last pictures
    finally:
        await asyncio.gather(*(pair.close() for pair in pairs))
    return [one.between(begun, begun + seconds) for one in tallies], after - before, spent


async def _all_answered(tallies: Sequence[Tally]) -> None:
    end = time.monotonic() + PATIENCE
    while not all(one.answered for one in tallies):
        if time.monotonic() > end:
            raise FerError("no picture came back over WebRTC")
        await asyncio.sleep(0.05)


async def _call(pipe: Connection, pair: Any, faces: int, tally: Tally) -> None:
    camera = Camera(faces, tally)
    pair.addTrack(camera)
    watching: set[asyncio.Task[None]] = set()  # a task that nobody holds may be lost

    def follow(track: Any) -> None:
        watching.add(asyncio.create_task(Watching(camera, tally).follow(track)))

    pair.on("track", follow)
    await pair.setLocalDescription(await pair.createOffer())
    answer = await _asked(pipe, (pair.localDescription.sdp, pair.localDescription.type))
    await pair.setRemoteDescription(RTCSessionDescription(*answer))


async def _asked(pipe: Connection, word: Any) -> Any:
    pipe.send(word)
    if not await asyncio.to_thread(pipe.poll, PATIENCE):
        raise FerError("the app's side of WebRTC doesn't answer")
    return pipe.recv()


def _serve(pipe: Connection, settings: Settings) -> None:
    """The app's side: answers offers until it is told to end."""
    asyncio.run(_answer_all(pipe, State.of(settings)))


async def _answer_all(pipe: Connection, state: State) -> None:
    pairs: list[Any] = []
    while (word := await asyncio.to_thread(pipe.recv)) is not None:
        if word == "load":
            await asyncio.to_thread(state.warm_up)
            pipe.send(state.not_ready)
        elif word == "cpu":
            pipe.send(time.process_time())
        else:
            pairs.append(await _accepted(state, RTCSessionDescription(*word)))
            said = pairs[-1].localDescription
            pipe.send((said.sdp, said.type))
    await asyncio.gather(*(pair.close() for pair in pairs))
    state.lessons.close()


async def _accepted(state: State, offer: Any) -> Any:
    live = state.lessons.open(None, "webrtc")
    pair = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    relay = NewestOnly()

    def answer(track: Any) -> None:
        processor = Processor(frame_callback(lambda: live))
        answered = AsyncVideoProcessTrack(relay.subscribe(track), processor, stop_timeout=2.0)
        pair.addTrack(relay.subscribe(answered))

    pair.on("track", answer)
    await pair.setRemoteDescription(offer)
    await pair.setLocalDescription(await pair.createAnswer())
    return pair
