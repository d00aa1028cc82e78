"""A video file as frames with their times: turned upright, and as far as a damaged file goes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fer.errors import DataError, UsageError
from fer.faces import Picture
from fer.vision.media.pictures import DecodeLimits

USUAL_RATE: Final = 25.0  # frames a second, for a file that doesn't say
FASTEST: Final = 480.0  # more is a clock's ticks mistaken for frames
SHORT: Final = 0.5  # seconds that may lack at the end before a video counts as cut off
# Named, because FFmpeg would also play pictures, text files and lists that name other files.
FORMATS: Final = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mpegvideo,h264,hevc"


class Video:
    """A video's frames as (seconds from the start, BGR frame); it can be read more than once.

    With `every`, only the first frame in each such stretch of seconds. After reading, `broken`
    says what was wrong on the way, in one line; None for a whole video.
    """

    size: tuple[int, int]  # width and height of every frame, upright
    rate: float  # frames a second, on average
    duration: float | None  # seconds; None where the file doesn't say
    start: float  # the first frame's time on the file's own clock
    has_sound: bool
    broken: str | None = None

    def __init__(self, path: str | Path, every: float | None = None) -> None:
        if every is not None and not every > 0:
            raise UsageError("the seconds between frames must be more than 0")
        self.path, self.every = Path(path), every
        self._open: InputContainer | None = None
        with open_media(self.path) as container:
            stream = self._stream(container)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise DataError(f"{path}: no frame can be read: it is damaged; fetch it again")
            self.size = _upright_size(first, stream)
            self.start = first.time or 0.0
            rates = (float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate)
            self.rate = next((rate for rate in rates if rate <= FASTEST), USUAL_RATE)
            self.has_sound = bool(container.streams.audio)
            self.duration, self._whole_length = _durations(container, stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.close()

    def __iter__(self) -> Iterator[tuple[float, Picture]]:
        self.broken = None
        time, end, due = -1.0, 0.0, 0.0
        with open_media(self.path) as container:
            self._open = container
            stream = self._stream(container)
            for frame in self._decoded(container, stream):
                now = time + 1 / self.rate if frame.time is None else frame.time - self.start
                # A broken clock may stand still or go back; nobody after this should have to care.
                time = max(now, time + 1e-3, 0.0)
                end = time + float((frame.duration or 0) * (frame.time_base or 0))
                if self.every is not None:
                    if time < due - 1e-6:
                        continue
                    # A little later than it is: 0.6 is not three times 0.2 in binary.
                    due = ((time + 1e-6) // self.every + 1) * self.every
                yield time, self._upright(frame)
            self._open = None
        length = self._whole_length
        if self.broken is None and length is not None and end < length - SHORT:
            self.broken = f"the video breaks off at {end:.1f} s of {length:.1f} s"

    def _stream(self, container: InputContainer) -> VideoStream:
        cover = Disposition.attached_pic  # a song's cover is a "video" of one picture
        streams = [s for s in container.streams.video if not s.disposition & cover]
        if not streams:
            if container.streams.audio:
                said = f"{self.path}: there is nothing but sound in it; choose a video file"
                raise DataError(said, "sound")
            raise DataError(f"{self.path}: there is nothing in it; choose a video file")
        streams = [s for s in streams if s.codec_context is not None]
        if not streams:
            said = f"{self.path}: its kind of video is unknown; convert it to MP4 (H.264)"
            raise DataError(said, "kind")
        stream = max(streams, key=lambda s: s.width * s.height)
        most = DecodeLimits().pixels
        if stream.width * stream.height > most:
            raise DataError(
                f"{self.path}: {stream.width} × {stream.height} is more than the "
                f"{most / 1e6:.0f} megapixels a frame that are read; make it smaller first",
                "pixels",
            )
        return stream

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """All frames that can be had; the first fault is kept in `broken`."""
        # The decoder's default of threads by slices stays: by frames measured no less work.
        packets = container.demux(stream)
        at = 0.0
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as fault:
                self._note(at, fault)
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError as fault:  # one bad packet; what comes after it may be good
                self._note(at, fault)
                continue
            for frame in frames:
                at = frame.time if frame.time is not None else at
                yield frame

    def _note(self, at: float, fault: Exception) -> None:
        if self.broken is None:
            reason = getattr(fault, "strerror", None) or fault
            seconds = max(at - getattr(self, "start", 0.0), 0.0)
            self.broken = f"the video is damaged at {seconds:.1f} s ({reason})"

    def _upright(self, frame: VideoFrame) -> Picture:
        # The frames are small enough that a second thread only costs.
        picture = np.asarray(frame.to_ndarray(format="bgr24", threads=1), np.uint8)
        swap, mirror, flip = _turn(frame)
        if swap:
            picture = picture.transpose(1, 0, 2)
        picture = picture[:: -1 if flip else 1, :: -1 if mirror else 1]
        if picture.shape[1::-1] != self.size:  # a new size midway, or pixels that aren't square
            resized = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
            return np.asarray(resized, np.uint8)
        return np.ascontiguousarray(picture)


def open_media(path: Path) -> InputContainer:
    """A video or sound file, opened for reading; nothing else is opened on its behalf."""
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty; fetch it again")
        # "file:" keeps a colon in a name from meaning a protocol.
        return av.open(
            f"file:{os.fspath(path)}",
            "r",
            metadata_errors="replace",
            container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
        )
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the name") from None
    except (av.InvalidDataError, av.ArgumentError):  # unknown, or none of the formats above
        raise DataError(
            f"{path}: this is not a video that can be read, or its recording was cut off before it "
            "was finished; take an MP4, MOV, MKV, WebM or AVI"
        ) from None
    except (av.FFmpegError, OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise DataError(f"{path}: cannot be opened ({reason})") from fault


def _turn(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """What stands the frame upright: rows for columns, then left for right, then top for bottom."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    # x goes to a·x + c·y and y to b·x + d·y; videos are only ever turned by quarters.
    a, b, _, c, d = np.frombuffer(cast(bytes, matrix), np.int32)[:5].tolist()
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def _upright_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height as the frame is shown, with square pixels."""
    width, height = frame.width, frame.height
    aspect = float(stream.sample_aspect_ratio or 1)
    if aspect != 1 and 0.25 < aspect < 4:
        width = max(round(width * aspect), 1)
    return (height, width) if _turn(frame)[0] else (width, height)


def _durations(container: InputContainer, stream: VideoStream) -> tuple[float | None, float | None]:
    """How long the file says it lasts, and how long its pictures do, where that is known."""
    whole = container.duration / av.time_base if container.duration else None
    length = (
        float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    )
    kind = container.format.name
    if kind.startswith("mov"):
        return length or whole, length
    if not kind.startswith("matroska"):  # the others' lengths are guesses from the first seconds
        return length or whole, None
    written = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if written:
        hours, minutes, seconds = map(float, written.groups())
        return whole, hours * 3600 + minutes * 60 + seconds
    # Sound may go on after the last picture, so with sound the file's length proves nothing.
    return whole, None if container.streams.audio else whole
