"""Small pictures and videos for the tests, in which every rotation and mirroring is visible."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]

SIZE = (160, 120)
RATE = 25
SECONDS = 2.0
TIMES = tuple(at / RATE for at in range(round(SECONDS * RATE)))
SOUND_RATE = 48_000
RED, BLUE, GREY = (0, 0, 255), (255, 0, 0), (60, 60, 60)


def flag(width: int = SIZE[0], height: int = SIZE[1]) -> Frame:
    """Grey with a red patch at the top left and a blue one at the top right."""
    picture = np.full((height, width, 3), GREY, np.uint8)
    picture[: height // 3, : width // 4] = RED
    picture[: height // 3, -(width // 4) :] = BLUE
    return picture


def patches(picture: Frame) -> dict[str, str]:
    """Return the names of the four corners' colours."""
    height, width = picture.shape[:2]
    places = {
        "top left": (height // 8, width // 8),
        "top right": (height // 8, width - 1 - width // 8),
        "bottom left": (height - 1 - height // 8, width // 8),
        "bottom right": (height - 1 - height // 8, width - 1 - width // 8),
    }
    names = {"red": RED, "blue": BLUE, "grey": GREY}
    return {
        place: min(names, key=lambda n: int(np.abs(picture[at].astype(int) - names[n]).sum()))
        for place, at in places.items()
    }


UPRIGHT = {"top left": "red", "top right": "blue", "bottom left": "grey", "bottom right": "grey"}


def write_video(
    path: Path,
    times: Sequence[float] = TIMES,
    *,
    size: tuple[int, int] = SIZE,
    sound: str | None = "aac",
    turned: tuple[float, bool] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """A video of the flag with a moving ball, and a tone that lasts as long."""
    clock = 60_000
    with av.open(str(path), "w", options=options or {}) as out:
        pictures = out.add_stream(codec, rate=RATE, time_base=Fraction(1, clock))
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        pictures.codec_context.gop_size, pictures.codec_context.max_b_frames = RATE // 5, 0
        if turned is not None:
            pictures.set_display_rotation(turned[0], hflip=turned[1])
        tone = out.add_stream(sound, rate=SOUND_RATE) if sound else None
        if tone is not None:
            tone.layout = "mono"
        for at, time in enumerate(times):
            drawn = cv2.circle(flag(*size), (40 + at % 60, size[1] // 2), 9, (255, 255, 255), -1)
            frame = av.VideoFrame.from_ndarray(drawn, "bgr24")
            frame.pts, frame.time_base = round(time * clock), Fraction(1, clock)
            out.mux(pictures.encode(frame))
            if tone is not None:
                until = times[at + 1] if at + 1 < len(times) else time + 1 / RATE
                out.mux(tone.encode(_tone(time, until)))
        out.mux(pictures.encode())
        if tone is not None:
            out.mux(tone.encode())
    return path


def write_sound(path: Path, seconds: float = 0.5) -> Path:
    """Write a sound file without video."""
    with av.open(str(path), "w") as out:
        tone = out.add_stream("aac", rate=SOUND_RATE)
        tone.layout = "mono"
        out.mux(tone.encode(_tone(0, seconds)))
        out.mux(tone.encode())
    return path


def lengths(path: Path) -> dict[str, float]:
    """Return each track's duration by its packets."""
    ends: dict[str, float] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                kind = packet.stream.type
                ends[kind] = max(ends.get(kind, 0.0), end)
    return ends


def codecs(path: Path) -> dict[str, str]:
    """Return each track's type and codec."""
    with av.open(str(path)) as container:
        return {s.type: s.codec_context.codec.canonical_name for s in container.streams}


def cut(path: Path, share: float) -> Path:
    """Write a copy of the file without its end."""
    short = path.with_stem(path.stem + "_cut")
    data = path.read_bytes()
    short.write_bytes(data[: round(len(data) * share)])
    return short


def _tone(begin: float, end: float) -> av.AudioFrame:
    ticks = np.arange(round(begin * SOUND_RATE), round(end * SOUND_RATE))
    wave = (np.sin(2 * np.pi * 440 * ticks / SOUND_RATE) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
    frame.sample_rate, frame.pts = SOUND_RATE, int(ticks[0])
    frame.time_base = Fraction(1, SOUND_RATE)
    return frame
