"""Hostile recordings: the worst ones by hand, the others by mutation of small good ones."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from PIL import Image

from tests.hostile.mutation import mutated

Make = Callable[[], bytes]


@dataclass(frozen=True)
class Coding:
    """How a video is written."""

    kind: str = "mp4"
    codec: str = "libx264"
    form: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    aspect: Fraction | None = None
    flat: bool = False  # one colour instead of noise


def video(width: int = 160, height: int = 120, frames: int = 12, **how: Any) -> bytes:
    """A video of noise or of one colour."""
    coding, file, dice = Coding(**how), io.BytesIO(), np.random.default_rng(0)
    with av.open(file, "w", format=coding.kind) as out:
        stream = out.add_stream(coding.codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, coding.form
        stream.options = coding.options
        if coding.aspect is not None:
            stream.sample_aspect_ratio = coding.aspect
        for at in range(frames):
            frame = av.VideoFrame(width, height, coding.form)
            for plane in frame.planes:
                size = plane.buffer_size
                plane.update(b"\x64" * size if coding.flat else dice.bytes(size))
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


REFERENCES = {
    "preset": "ultrafast",
    "crf": "51",
    "x264-params": "ref=16:bframes=0:rc-lookahead=0:threads=1:sync-lookahead=0:scenecut=0:"
    "keyint=1000",
}


def many_references(width: int, height: int, frames: int, form: str = "yuv420p") -> bytes:
    """A few kilobytes that have the decoder keep 16 frames."""
    return video(width, height, frames, options=REFERENCES, flat=True, form=form)


def jpeg_of(orientation: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A JPEG as a camera writes it, with EXIF data."""
    told = Image.Exif()
    told[0x0112] = orientation
    picture = io.BytesIO()
    few = np.random.default_rng(0).integers(0, 255, (3, 4, 3), np.uint8)
    Image.fromarray(few).resize(size).save(picture, "JPEG", exif=told)
    return picture.getvalue()


def mjpeg(kind: str, orientation: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A video of such JPEGs."""
    picture = jpeg_of(orientation, size)
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as out:
        stream = out.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
        for at in range(5):
            packet = av.Packet(picture)
            packet.stream, packet.pts, packet.dts = stream, at, at
            packet.time_base = Fraction(1, 10)
            out.mux(packet)
    return file.getvalue()


def joined(kind: str = "mpegts") -> bytes:
    """A stream whose frames become larger midway."""
    sizes = ((160, 120, 12), (640, 480, 12), (3840, 2160, 3), (5000, 3000, 2))
    fast = {"preset": "ultrafast"}
    return b"".join(video(*size, kind=kind, options=fast, flat=True) for size in sizes)


def many_streams(count: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        streams = [out.add_stream("mpeg4", rate=5) for _ in range(count)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in streams:
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return file.getvalue()


def sound() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        tone = out.add_stream("aac", rate=48_000)
        tone.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 24_000), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        out.mux(tone.encode(frame))
        out.mux(tone.encode(None))
    return file.getvalue()


WORST: dict[str, Make] = {
    "references-4k": lambda: many_references(4096, 2304, 24),
    "references-12mp": lambda: many_references(4096, 3072, 3),
    "references-4k-deep": lambda: many_references(4096, 2304, 20, "yuv444p"),
    "frames-49mp": lambda: many_references(8160, 6000, 1),
    "aspect-4k": lambda: video(
        3840, 2160, 2, aspect=Fraction(7, 2), options={"preset": "ultrafast"}, flat=True
    ),
    "wide-17k": lambda: video(17_000, 64, 2, kind="matroska", codec="ffv1", flat=True),
    "wide-40k": lambda: video(40_000, 32, 2, kind="matroska", codec="ffv1", flat=True),
    "grows-midway": joined,
    "streams-200": lambda: many_streams(200),
    "mjpeg-avi-exif": lambda: mjpeg("avi", 6),
    "mjpeg-avi-upright": lambda: mjpeg("avi", 1),
    "mjpeg-mov-exif": lambda: mjpeg("mov", 6),
    "mjpeg-4k": lambda: mjpeg("avi", 3, (3840, 2160)),
    "sound": sound,
    "empty": lambda: b"",
    "zip": lambda: b"PK\x03\x04" + bytes(5000),
    "playlist": lambda: b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n",
    "concat": lambda: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp": lambda: b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "matroska-endless": lambda: b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" * 200_000,
    "mp4-deep": lambda: b"".join((200_000 - 8 * at).to_bytes(4) + b"moov" for at in range(20_000)),
    "mpegts-zeros": lambda: (b"G" + bytes(187)) * 60_000,
    "picture": lambda: mjpeg("avi", 1)[:200],
    "cut": lambda: video(640, 480, options={"preset": "ultrafast"})[:300_000],
}
# Those of WORST that take seconds to make or to read.
SLOW = {"references-4k", "references-4k-deep", "frames-49mp"}


@cache
def good() -> tuple[bytes, ...]:
    """Small videos of every container and the usual codecs."""
    return (
        video(options={"preset": "ultrafast"}),
        video(kind="matroska", options={"preset": "ultrafast", "bf": "2"}),
        video(kind="mpegts", options={"preset": "ultrafast"}),
        video(kind="mov", codec="mpeg4"),
        video(kind="avi", codec="mpeg4"),
        video(kind="webm", codec="libvpx", options={"deadline": "realtime"}),
        video(kind="flv", codec="flv"),
        video(kind="mpegts", codec="mpeg2video", frames=6),
        mjpeg("avi", 6),
        mjpeg("mov", 8),
        sound(),
    )


def corpus(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many mutated recordings with their names."""
    for at in range(count):
        dice = random.Random(f"recording-{seed}-{at}")
        yield f"recording-{seed}-{at}", mutated(good(), dice)
