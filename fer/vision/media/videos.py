"""Read a video file as upright frames with their times, up to where a damaged file breaks off."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
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

Source = Path | int  # a file, or the descriptor of an open one
USUAL_RATE: Final = 25.0  # frames a second, for a file without a rate
FASTEST: Final = 480.0  # frames a second; a higher rate in a file is its clock's ticks by mistake
SHORT: Final = 0.5  # seconds that may lack at the end before a video counts as cut off
# A list, because FFmpeg would also open pictures, text files and playlists of other files.
FORMATS: Final = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mpegvideo,h264,hevc"


@dataclass(frozen=True)
class VideoLimits:
    """Limits on a video, checked before any frame is decoded. The defaults are for own files."""

    pixels: int = DecodeLimits.pixels  # of a frame; a decoder may keep 32 of them
    threads: int = 0  # for decoding; 0 leaves the number to FFmpeg


class Video:
    """Yields a video's frames as (seconds from the start, BGR frame). It can be read repeatedly.

    With `every`, only the first frame in each interval of so many seconds. After reading, `broken`
    is one line about the first damage, None for an undamaged video.
    """

    size: tuple[int, int]  # width and height of every frame, upright
    rate: float  # frames a second, on average
    duration: float | None  # seconds; None if unknown
    start: float  # the first frame's time on the file's own clock
    has_sound: bool
    created: str  # when it was recorded, as the file says it; often empty
    broken: str | None = None

    def __init__(
        self,
        source: str | Source,
        every: float | None = None,
        limits: VideoLimits | None = None,
        name: str | None = None,
    ) -> None:
        """Open a file, or the open one with this descriptor; `name` is for the errors."""
        if every is not None and not every > 0:
            raise UsageError("give more than 0 seconds between frames")
        self.source = source if isinstance(source, int) else Path(source)
        self.every, self.limits = every, limits or VideoLimits()
        self.name = str(source) if name is None else name
        self._open: InputContainer | None = None
        with open_media(self.source, self.name) as container:
            stream = self._stream(container)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise DataError(f"{self.name}: damaged, no frame can be read; fetch it again")
            self.size = _upright_size(first, stream)
            self._check_size(*self.size)  # pixels that aren't square make it wider
            self.created = container.metadata.get("creation_time", "")
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
        with open_media(self.source, self.name) as container:
            self._open = container
            stream = self._stream(container)
            for frame in self._decoded(container, stream):
                now = time + 1 / self.rate if frame.time is None else frame.time - self.start
                # A damaged file's times may repeat or go back; callers rely on rising ones.
                time = max(now, time + 1e-3, 0.0)
                end = time + float((frame.duration or 0) * (frame.time_base or 0))
                if self.every is not None:
                    if time < due - 1e-6:
                        continue
                    # Add a little, because 0.6 is not three times 0.2 in floating point.
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
                raise DataError(f"{self.name}: it holds only sound; choose a video file", "sound")
            raise DataError(f"{self.name}: it holds no video; choose a video file")
        streams = [s for s in streams if s.codec_context is not None]
        if not streams:
            message = f"{self.name}: its video codec is unknown; convert it to MP4 (H.264)"
            raise DataError(message, "kind")
        stream = max(streams, key=lambda s: s.width * s.height)
        self._check_size(stream.width, stream.height)
        # The default (threads by slices) is kept: threads by frames measured no less work.
        if self.limits.threads:
            stream.codec_context.thread_count = self.limits.threads
        return stream

    def _check_size(self, width: int, height: int) -> None:
        most = self.limits.pixels
        if width * height > most:
            raise DataError(
                f"{self.name}: {width} × {height} pixels exceed the limit of "
                f"{most / 1e6:.1f} megapixels per frame; make the video smaller first",
                "pixels",
            )

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Yield all frames that can be decoded; note the first damage in `broken`."""
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
                self._check_size(frame.width, frame.height)  # it may be another one midway
                at = frame.time if frame.time is not None else at
                yield frame

    def _note(self, at: float, fault: Exception) -> None:
        if self.broken is None:
            reason = getattr(fault, "strerror", None) or fault
            seconds = max(at - getattr(self, "start", 0.0), 0.0)
            self.broken = f"the video is damaged at {seconds:.1f} s ({reason})"

    def _upright(self, frame: VideoFrame) -> Picture:
        # One thread: for frames of this size a second one costs more than it saves.
        picture = np.asarray(frame.to_ndarray(format="bgr24", threads=1), np.uint8)
        swap, mirror, flip = _turn(frame)
        if swap:
            picture = picture.transpose(1, 0, 2)
        picture = picture[:: -1 if flip else 1, :: -1 if mirror else 1]
        if picture.shape[1::-1] != self.size:  # a new size midway, or pixels that aren't square
            resized = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
            return np.asarray(resized, np.uint8)
        return np.ascontiguousarray(picture)


def open_media(source: Source, name: str | None = None) -> InputContainer:
    """Open a video or sound file for reading; files or addresses that it names are not opened."""
    name = str(source) if name is None else name
    try:
        if isinstance(source, int):
            size = os.fstat(source).st_size
            os.lseek(source, 0, os.SEEK_SET)
            # FFmpeg reads from a duplicate of the descriptor, and opens nothing.
            address, protocol, options = "fd:", "fd", {"fd": str(source)}
        else:
            size = source.stat().st_size
            # "file:" keeps a colon in a name from meaning a protocol.
            address, protocol, options = f"file:{os.fspath(source)}", "file", {}
        if size == 0:
            raise DataError(f"{name}: the file is empty; fetch it again")
        return av.open(
            address,
            "r",
            metadata_errors="replace",
            options=options,
            container_options={"format_whitelist": FORMATS, "protocol_whitelist": protocol},
        )
    except FileNotFoundError:
        raise DataError(f"{name}: no such file; check the name") from None
    except (av.InvalidDataError, av.ArgumentError):  # unknown, or none of the formats above
        raise DataError(
            f"{name}: not a video, or its recording was cut off before the end; "
            "choose an MP4, MOV, MKV, WebM or AVI file"
        ) from None
    except (av.FFmpegError, OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise DataError(f"{name}: cannot be opened ({reason})") from fault


def _turn(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """Return how to turn the frame upright: swap rows and columns, mirror, flip top and bottom."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV reads all side data at once, and does not know the newest kinds
        # It knows quarters, but not mirroring.
        quarters = round(frame.rotation / 90) % 4
        return quarters % 2 == 1, quarters in (2, 3), quarters in (1, 2)
    if matrix is None:
        return False, False, False
    # The matrix maps x to a·x + c·y and y to b·x + d·y; videos are turned by quarters only.
    a, b, _, c, d = np.frombuffer(cast(bytes, matrix), np.int32)[:5].tolist()
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def _upright_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Return width and height of the upright frame with square pixels."""
    width, height = frame.width, frame.height
    aspect = float(stream.sample_aspect_ratio or 1)
    if aspect != 1 and 0.25 < aspect < 4:
        width = max(round(width * aspect), 1)
    return (height, width) if _turn(frame)[0] else (width, height)


def _durations(container: InputContainer, stream: VideoStream) -> tuple[float | None, float | None]:
    """Return the file's duration and that of its video stream, None where it is unknown."""
    whole = container.duration / av.time_base if container.duration else None
    length = (
        float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    )
    kind = container.format.name
    if kind.startswith("mov"):
        return length or whole, length
    if not kind.startswith("matroska"):  # other formats' durations are estimates
        return length or whole, None
    written = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if written:
        hours, minutes, seconds = map(float, written.groups())
        return whole, hours * 3600 + minutes * 60 + seconds
    # Sound may outlast the video, so with sound the file's duration is not the video's.
    return whole, None if container.streams.audio else whole
