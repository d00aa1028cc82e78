"""Write an annotated video frame by frame: H.264 in MP4 with the original's times and sound.

The frames first go to a temporary file beside the final one, as a fragmented MP4, which can be
played even if writing breaks off. At the end frames and sound are written to an MP4 for streaming.
If that fails, the temporary file gets the final name.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from fer.errors import DataError, FerError
from fer.faces import Picture
from fer.vision.media.videos import Video, open_media

CLOCK: Final = 60_000  # ticks a second: a multiple of all usual rates, and MPEG-4's maximum
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Fast rather than small: detection needs the processor too.
H264: Final = {"preset": "veryfast", "crf": "23"}
SECONDS_A_FRAGMENT: Final = 4  # lost in a power cut at most; also a player's step when seeking
BITS_A_PIXEL: Final = 0.15  # for MPEG-4, which has no setting for constant quality


class Recording:
    """Writes a video: `with Recording(path, size, video) as out: out.add(time, frame)`.

    If the block fails, the frames added so far are kept as a video that plays. Afterwards `kept`,
    `seconds` and `lacks` describe what was written.
    """

    def __init__(
        self, path: str | Path, size: tuple[int, int], video: Video, codec: str | None = None
    ) -> None:
        self.path, self.size = Path(path), size
        self.frames = 0
        self.seconds = 0.0  # the end of the last frame
        self.kept = False  # whether there is a file at `path` now
        self.lacks: str | None = None  # one line about a missing sound; None if all is there
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

    def add(self, time: float, frame: Picture) -> None:
        """Append a frame; each time must be later than the last."""
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
        """Write the encoder's last frames and the file's end. Return the error, if any."""
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
        """Write the final file with sound, or keep the frames alone if that fails."""
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
            what = f"cannot be written ({_reason(fault)}); choose another folder"
        return DataError(f"{self.path}: {what}")


def _prepared(frame: Picture, tick: int) -> VideoFrame:
    """Return the frame for the encoder, with even sides."""
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
    """Return how many seconds of a recording without its end can be played."""
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


# Sound formats that players support in an MP4; others are encoded again.
COPIED: Final = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "flac", "alac"})
RATE: Final = 48_000
BITS: Final = 128_000
# Seconds of sound kept before the first frame: encoders start with a little silence.
LEAD: Final = 0.1

Packets = Iterator["Packet[Any]"]  # quoted: only its type stub takes brackets


def assemble(pictures: Path, video: Video, to: Path, sound_until: float | None) -> str | None:
    """Write the MP4 with the sound up to a time, None for all. Return one line if it lacks any."""
    lacks: str | None = None
    with ExitStack() as stack:
        source = stack.enter_context(open_media(pictures))
        if not source.streams.video:  # not even the first piece got onto the disk
            raise DataError(f"{pictures}: nothing in it")
        out = stack.enter_context(
            av.open(f"file:{to}", "w", format="mp4", options={"movflags": "faststart"})
        )
        given = source.streams.video[0]
        target = out.add_stream_from_template(given, opaque=True)
        tracks = [_copied(source, given, target, 0.0, None)]
        if video.has_sound:
            container = stack.enter_context(open_media(video.source))
            try:
                tracks.append(_sound(container, out, video.start, sound_until))
            except (av.FFmpegError, ValueError) as fault:
                lacks = f"the sound is missing: its kind cannot be read ({fault})"
        # In the order of time, or the muxer would hold one track in memory until the other comes.
        for packet in merge(*tracks, key=_time):
            out.mux(packet)
    return lacks


def _sound(
    container: InputContainer, out: OutputContainer, start: float, until: float | None
) -> Packets:
    """Yield the packets of the first sound track for the MP4, on the frames' clock."""
    given = container.streams.audio[0]
    if given.codec_context is None:
        raise ValueError("unknown codec")
    for stream in container.streams:
        if stream.index != given.index:
            stream.discard = Discard.all
    if given.codec_context.codec.canonical_name in COPIED:
        target = out.add_stream_from_template(given, opaque=True)
        return _copied(container, given, target, start, until)
    made: AudioStream = out.add_stream("aac", rate=RATE)
    made.codec_context.layout = "mono" if given.codec_context.channels == 1 else "stereo"
    made.codec_context.bit_rate = BITS
    return _encoded(container, given, made, start, until)


def _copied(
    container: InputContainer, given: Stream, target: Stream, start: float, until: float | None
) -> Packets:
    """Yield a track's packets unchanged but for their times."""
    for packet in _readable(container, given):
        if packet.pts is None or packet.dts is None:
            continue
        time = float(packet.pts * packet.time_base) - start
        if until is not None and time >= until:
            return
        if time >= -LEAD:
            ticks = round(start / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, target
            yield packet


def _encoded(
    container: InputContainer, given: Stream, made: AudioStream, start: float, until: float | None
) -> Packets:
    """Yield a sound track's packets, encoded again."""
    begun = False
    for packet in _readable(container, given):
        for frame in _frames(packet):
            if frame.pts is None or not frame.time_base:
                continue
            time = float(frame.pts * frame.time_base) - start
            if time < 0:
                continue
            if until is not None and time >= until:
                break
            frame.pts -= round(start / frame.time_base)
            begun = True
            yield from made.encode(frame)
    if begun:
        yield from made.encode(None)


def _readable(container: InputContainer, stream: Stream) -> Packets:
    """Yield a track's packets until the file breaks off; `Video.broken` has reported that."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        yield packet


def _frames(packet: Packet[AudioStream]) -> list[AudioFrame]:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []  # one damaged packet is only a click in the sound


def _time(packet: Packet[Any]) -> float:
    return float((packet.dts or 0) * packet.time_base)
