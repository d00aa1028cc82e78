"""Measure WebRTC without a browser: aiortc on both sides, the app's side in another process.

Frames wait and are answered by the page's own code; offers and answers go over a pipe instead of a
page. Each frame carries its number as a row of black and white squares, so that it can be
recognized when it comes back.
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

SQUARE: Final = 16  # pixels: the size of VP8's blocks, so that the squares stay sharp
BITS: Final = 10
PATIENCE: Final = 60.0  # seconds for the app's side to load, or to answer a request


def mark(picture: Picture, number: int) -> None:
    """Draw a number into the lower left corner."""
    for bit in range(BITS):
        picture[-SQUARE:, bit * SQUARE : (bit + 1) * SQUARE] = 255 * (number >> bit & 1)


def read_mark(picture: Picture) -> int:
    """Return the number in the lower left corner."""
    row = picture[-SQUARE * 3 // 4 : -SQUARE // 4, : BITS * SQUARE].mean(axis=(0, 2))
    middles = row.reshape(BITS, SQUARE)[:, SQUARE // 4 : -SQUARE // 4].mean(axis=1)
    return sum(1 << bit for bit in np.flatnonzero(middles > 127).tolist())


class Camera(VideoStreamTrack):
    """A video track of moving faces, with thirty frames a second."""

    def __init__(self, faces: int, tally: Tally) -> None:
        super().__init__()
        self.taken: dict[int, float] = {}  # by the number in the picture
        self._frames = [gallery(faces, at) for at in range(LENGTH)]
        self._tally, self._number = tally, 0

    async def recv(self) -> av.VideoFrame:
        """Return the next frame when it is due."""
        pts, time_base = await self.next_timestamp()
        self._number = (self._number + 1) % (1 << BITS)
        picture = self._frames[self._number % LENGTH].copy()
        mark(picture, self._number)
        frame = to_frame(picture)
        frame.pts, frame.time_base = pts, time_base
        self.taken[self._number] = time.monotonic()
        self._tally.sent.append(self.taken[self._number])
        return frame


class Receiver:
    """Notes when each frame comes back for the first time."""

    def __init__(self, camera: Camera, tally: Tally) -> None:
        self._camera, self._tally = camera, tally

    async def follow(self, track: Any) -> None:
        """Receive frames until the connection ends."""
        while True:
            try:
                picture = bgr(await track.recv())
            except MediaStreamError:
                return
            # While a frame is being read, the last answer is sent again; that one is not counted.
            if (taken := self._camera.taken.pop(read_mark(picture), None)) is not None:
                self._tally.answered.append((taken, time.monotonic() - taken))


class Processor(VideoProcessorBase):
    """Answers the newest frame, as streamlit-webrtc does with a page's callback."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def recv_queued(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        """Return the answer to the newest of these frames."""
        return [self._answer(frames[-1])]


def measure(
    settings: Settings, faces: int, count: int, warm_up: float, seconds: float
) -> tuple[list[Tally], float, float]:
    """Return the cameras' tallies, and the processor seconds of the app and of the cameras."""
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
    await _ask(pipe, "load")
    tallies = [Tally() for _ in range(count)]
    pairs = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(count)]
    try:
        for pair, tally in zip(pairs, tallies, strict=True):
            await _call(pipe, pair, faces, tally)
        await _all_answered(tallies)
        await asyncio.sleep(warm_up)
        begun, own, before = time.monotonic(), time.process_time(), await _ask(pipe, "cpu")
        await asyncio.sleep(seconds)
        spent, after = time.process_time() - own, await _ask(pipe, "cpu")
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
    tasks: set[asyncio.Task[None]] = set()  # a task without a reference may be lost

    def follow(track: Any) -> None:
        tasks.add(asyncio.create_task(Receiver(camera, tally).follow(track)))

    pair.on("track", follow)
    await pair.setLocalDescription(await pair.createOffer())
    answer = await _ask(pipe, (pair.localDescription.sdp, pair.localDescription.type))
    await pair.setRemoteDescription(RTCSessionDescription(*answer))


async def _ask(pipe: Connection, request: Any) -> Any:
    """Send a request to the app's side and return its answer."""
    pipe.send(request)
    if not await asyncio.to_thread(pipe.poll, PATIENCE):
        raise FerError("the app's side of WebRTC does not answer")
    return pipe.recv()


def _serve(pipe: Connection, settings: Settings) -> None:
    """Run the app's side: answer requests until None comes."""
    asyncio.run(_answer_all(pipe, State.of(settings)))


async def _answer_all(pipe: Connection, state: State) -> None:
    pairs: list[Any] = []
    while (request := await asyncio.to_thread(pipe.recv)) is not None:
        if request == "load":
            await asyncio.to_thread(state.warm_up)
            pipe.send(state.not_ready)
        elif request == "cpu":
            pipe.send(time.process_time())
        else:
            pairs.append(await _accept(state, RTCSessionDescription(*request)))
            answer = pairs[-1].localDescription
            pipe.send((answer.sdp, answer.type))
    await asyncio.gather(*(pair.close() for pair in pairs))
    state.lessons.close()


async def _accept(state: State, offer: Any) -> Any:
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
