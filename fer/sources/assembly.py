"""A recording's pictures and its original's sound, put together in one MP4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from fer.errors import DataError
from fer.sources.videos import Video, open_media

# What players expect in an MP4; other sound is encoded again.
COPIED: Final = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "flac", "alac"})
RATE: Final = 48_000
BITS: Final = 128_000
# Sound that comes this long before the first picture stays: encoders start with a little silence.
LEAD: Final = 0.1

Packets = Iterator["Packet[Any]"]  # quoted: only its type stub takes brackets


def assemble(pictures: Path, video: Video, to: Path, sound_until: float | None) -> str | None:
    """Write the MP4, with the sound up to a time or all of it; what is missing, in one line."""
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
            container = stack.enter_context(open_media(video.path))
            try:
                tracks.append(_sound(container, out, video.start, sound_until))
            except (av.FFmpegError, ValueError) as fault:
                lacks = f"the sound is missing: its kind cannot be read ({fault})"
        # In the order of time, or the writer would hold one track in memory until the other comes.
        for packet in merge(*tracks, key=_time):
            out.mux(packet)
    return lacks


def _sound(
    container: InputContainer, out: OutputContainer, start: float, until: float | None
) -> Packets:
    """The first sound track's packets for the MP4, on the pictures' clock."""
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
    """A track's packets up to where the file breaks off; the pictures' reader has told of that."""
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
        return []  # a click in the sound


def _time(packet: Packet[Any]) -> float:
    return float((packet.dts or 0) * packet.time_base)
