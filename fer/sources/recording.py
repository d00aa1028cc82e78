"""An annotated video, written as it is made: H.264 in MP4 with the original's times and sound.

The pictures first go to a file beside the final one, in a form that can be played at every moment.
At the end they and the sound are put into an MP4 that starts to play before it has arrived whole,
and only that, or what there is when something goes wrong, gets the final name.
"""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from fer.errors import DataError, FerError
from fer.sources.assembly import assemble
from fer.sources.videos import Video, open_media

Frame = npt.NDArray[np.uint8]

CLOCK: Final = 60_000  # ticks a second: all usual rates come out even, and MPEG-4 takes no finer
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Fast rather than small: the faces have to be found in the same time.
H264: Final = {"preset": "veryfast", "crf": "23"}
SECONDS_A_FRAGMENT: Final = 4  # what a power cut may cost, and how finely a player can jump
BITS_A_PIXEL: Final = 0.15  # for MPEG-4, which has no setting for constant quality


class Recording:
    """A sink: `with Recording(path, size, video) as out: out.add(time, frame)`.

    However it ends, there is then a video that plays at `path` with what was added, or none:
    `kept`, `seconds` and `lacks` tell.
    """

    def __init__(
        self, path: str | Path, size: tuple[int, int], video: Video, codec: str | None = None
    ) -> None:
        self.path, self.size = Path(path), size
        self.frames = 0
        self.seconds = 0.0  # up to where the frames go
        self.kept = False  # whether there is a file at `path` now
        self.lacks: str | None = None  # what is missing in it besides, in one line
        self._video = video
        self._codec = codec or ("libx264" if "libx264" in av.codecs_available else "mpeg4")
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._step = video.every or 1 / video.rate  # how long the last frame is shown
        self._tick = -1

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._out: OutputContainer = av.open(
                f"file:{self._part}", "w", format="mp4", options={"movflags": "hybrid_fragmented"}
            )
        except OSError as fault:
            raise self._error(fault) from fault
        self._stream = self._encoder()
        return self

    def add(self, time: float, frame: Frame) -> None:
        """The next frame; the times rise."""
        if frame.shape[1::-1] != self.size:
            raise ValueError(f"a frame of {frame.shape[1::-1]} for a video of {self.size}")
        self._tick = max(round(time * CLOCK), self._tick + 1)
        try:
            self._out.mux(self._stream.encode(_prepared(frame, self._tick)))
        except OSError as fault:
            raise self._error(fault) from fault
        self.frames += 1
        self.seconds = time + self._step

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            unwritten = self._close()
            self._keep(sound_until=None if kind is None and unwritten is None else self.seconds)
        finally:
            self._part.unlink(missing_ok=True)
        if unwritten is not None and fault is None:
            raise self._error(unwritten) from unwritten

    def _encoder(self) -> VideoStream:
        width, height = (side + side % 2 for side in self.size)  # half-size colours need even sides
        rate = max(Fraction(1 / self._step).limit_denominator(1001), Fraction(1, 1001))
        stream = cast(VideoStream, self._out.add_stream(self._codec, rate=rate))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, CLOCK)
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.gop_size = max(round(rate * SECONDS_A_FRAGMENT), 1)
        stream.codec_context.max_b_frames = 0  # with them, uneven times give a wrong duration
        if self._codec == "libx264":
            stream.options = dict(H264)
        else:
            stream.codec_context.bit_rate = round(width * height * rate * BITS_A_PIXEL)
        return stream

    def _close(self) -> OSError | None:
        """Write what the encoder still holds, and the file's end; what kept it from that."""
        unwritten = None
        try:
            self._out.mux(self._stream.encode())
        except OSError as fault:
            unwritten = fault
        try:
            self._out.close()
        except OSError as fault:
            unwritten = unwritten or fault
        return unwritten

    def _keep(self, sound_until: float | None) -> None:
        """Give the final name to the best there is: with sound, or else the pictures alone."""
        if not self.frames:
            return
        whole = self.path.with_name(f".{self.path.name}.whole")
        try:
            self.lacks = assemble(self._part, self._video, whole, sound_until)
            whole.replace(self.path)
            self.kept = True
        except (OSError, av.FFmpegError, FerError, KeyboardInterrupt) as fault:
            self.seconds = _plays_up_to(self._part)
            if self.seconds:
                self._part.replace(self.path)
                self.kept = True
                if self._video.has_sound:
                    self.lacks = f"the sound could not be added ({_reason(fault)})"
            if isinstance(fault, KeyboardInterrupt):
                raise
        finally:
            whole.unlink(missing_ok=True)

    def _error(self, fault: OSError) -> DataError:
        if fault.errno in FULL:
            what = "the disk is full; make room or choose another folder"
        else:
            what = f"cannot be written ({_reason(fault)})"
        return DataError(f"{self.path}: {what}")


def _prepared(frame: Frame, tick: int) -> VideoFrame:
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = np.asarray(
            cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
        )
    made = VideoFrame.from_ndarray(frame, "bgr24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    made.pts, made.time_base = tick, Fraction(1, CLOCK)
    return made


def _plays_up_to(path: Path) -> float:
    """How many seconds of a recording that may lack its end can be played."""
    seconds = 0.0
    try:
        with open_media(path) as container:
            for packet in container.demux(container.streams.video):
                if packet.pts is not None and packet.duration is not None:
                    seconds = float((packet.pts + packet.duration) * packet.time_base)
    except (av.FFmpegError, FerError):
        return seconds
    return seconds


def _reason(fault: BaseException) -> str:
    return getattr(fault, "strerror", None) or str(fault) or "stopped"
