"""The process that boxes are forked from, and what a box does: decode, and nothing else.

Started by `decoder.py` as a program of its own, so that it has none of the server's memory, files
or secrets. It loads the decoders once; a box then takes milliseconds to start. It has one thread
and computes nothing itself, and ends when the server does; its boxes end with it.
"""

from __future__ import annotations

import gc
import importlib
import io
import mmap
import os
import pkgutil
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import av
import cv2
import numpy as np
from PIL import Image

from fer.errors import DataError
from fer.faces import Picture
from fer.machine import give_back
from fer.vision.media import box, sandbox
from fer.vision.media.box import Box, Message
from fer.vision.media.pictures import BROUGHT, DecodeLimits, decode
from fer.vision.media.videos import Video, VideoLimits

SPARE: Final = 2  # descriptors beside those that a box has: FFmpeg reads from a duplicate
LARGE: Final = 4_000_000  # pixels; what a larger picture took is given back at once
LONGEST: Final = 400  # letters of an error


def main(link_number: int) -> None:
    """Start boxes when told to, until the server has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this one
    link = socket.socket(fileno=link_number)
    _prepare()
    box.send(link, {"ready": os.getpid()})
    boxes: set[int] = set()
    while True:
        try:
            message, descriptors = box.receive(link, 3)
        except (EOFError, OSError):
            os._exit(0)
        if message["do"] == "start":
            started = _fork(link, message, descriptors)
            boxes.add(started)
            box.send(link, {"box": started})
        else:  # nothing but a box that was started here and not ended yet is killed
            ended = message["box"] in boxes and _end(message["box"])
            boxes.discard(message["box"])
            box.send(link, ended or {"signal": 0, "processor": 0.0, "memory": 0})


def _prepare() -> None:
    """Load what decoders load with their first picture: a box can open no files."""
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    for kind in BROUGHT.formats:
        for mode in ("RGB", "RGBA", "P", "L"):
            file = io.BytesIO()
            with suppress(OSError, ValueError):  # not every kind has every mode
                Image.new(mode, (32, 24)).save(file, kind)
            for data in (file.getvalue(), file.getvalue()[:-9]):
                with suppress(DataError):
                    decode(data, "")
    # Streams of other kinds than video have modules of their own, imported when one is met.
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.startswith(("av.__main__", "av.datasets")):
            importlib.import_module(module.name)
    _read_sample_video()
    os.environ.clear()
    gc.collect()
    gc.freeze()  # boxes share these objects' memory for as long as nobody counts them


def _read_sample_video() -> None:
    """Write a video into memory and read it."""
    file = os.memfd_create("sample")
    with open(file, "wb", closefd=False) as sink, av.open(sink, "w", format="matroska") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            out.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24"))
            )
        out.mux(stream.encode(None))
    list(Video(file, limits=VideoLimits(threads=1)))
    os.close(file)


def _fork(link: socket.socket, message: Message, descriptors: list[int]) -> int:
    """Start a box; return its process's number."""
    starter, number = os.getpid(), os.fork()
    if number:
        for descriptor in descriptors:
            os.close(descriptor)
        return number
    try:
        link.close()
        sandbox.die_with_parent()
        if os.getppid() == starter:
            _run(Box(**message["box"]), message, descriptors)
    finally:
        os._exit(0)


def _end(number: int) -> Message:
    """End a box, and return what it was ended by and what it used."""
    os.kill(number, signal.SIGKILL)
    _, status, used = os.wait4(number, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024,
    }


def _run(limits: Box, message: Message, descriptors: list[int]) -> None:
    """Be a box until the server closes its end."""
    link_number, source, target = descriptors
    link = socket.socket(fileno=link_number)
    out = mmap.mmap(target, limits.room)
    os.close(target)
    given = None
    if limits.kind != "film":
        given = mmap.mmap(source, box.LARGEST_FILE)
        os.close(source)
    os.nice(limits.nice)
    sandbox.limit(limits.memory, max(descriptors) + 1 + SPARE)
    sealed = sandbox.seal()
    box.send(link, {"sealed": sealed})
    with suppress(EOFError, OSError):
        if given is None:
            _read_film(link, source, out, limits, message)
        else:
            _read_pictures(link, given, out, limits)


def _read_pictures(link: socket.socket, given: mmap.mmap, out: mmap.mmap, limits: Box) -> None:
    allocate = _into(out)
    while True:
        message, _ = box.receive(link)
        sandbox.limit_processor(limits.processor)

        def picture(asked: Message = message) -> Message:
            data = memoryview(given)[: asked["bytes"]]
            asked["limits"]["formats"] = tuple(asked["limits"]["formats"])
            frame = decode(data, asked["name"], DecodeLimits(**asked["limits"]), allocate)
            return {"size": [frame.shape[1], frame.shape[0]]}

        answer = _answered(picture)
        box.send(link, answer)
        if np.prod(answer.get("size", (0,))) > LARGE:
            give_back()


def _read_film(
    link: socket.socket, source: int, out: mmap.mmap, limits: Box, message: Message
) -> None:
    sandbox.limit_processor(limits.processor)
    opened: list[Video] = []

    def film() -> Message:
        video = Video(
            source, message["every"], VideoLimits(limits.pixels, threads=1), message["name"]
        )
        opened.append(video)
        return {
            "size": video.size,
            "rate": video.rate,
            "duration": video.duration,
            "start": video.start,
            "has_sound": video.has_sound,
            "created": video.created[:LONGEST],
        }

    box.send(link, _answered(film))
    if not opened:
        return
    frames, allocate = iter(opened[0]), _into(out)

    def following() -> Message:
        time, frame = next(frames, (None, None))
        if frame is None:
            return {"broken": opened[0].broken and opened[0].broken[:LONGEST]}
        allocate(*frame.shape[:2])[:] = frame
        return {"time": time, "size": [frame.shape[1], frame.shape[0]]}

    while True:
        box.receive(link)
        sandbox.limit_processor(limits.processor)
        box.send(link, _answered(following))


def _into(out: mmap.mmap) -> Callable[[int, int], Picture]:
    """Return what gives the shared memory as a frame of a height and width."""
    room = np.frombuffer(out, np.uint8)

    def allocate(height: int, width: int) -> Picture:
        if 3 * height * width > len(room):
            raise DataError("a frame of more pixels than were announced", "pixels")
        return room[: 3 * height * width].reshape(height, width, 3)

    return allocate


def _answered(work: Callable[[], Message]) -> Message:
    """Return the work's result or its fault, and what this process has used."""
    before = _used()
    try:
        answer = work()
    except DataError as fault:
        answer = {"fault": fault.fault, "text": " ".join(str(fault).split())[:LONGEST]}
    except MemoryError:
        answer = {"fault": "costly", "text": ""}
    except Exception as fault:
        answer = {"fault": "unreadable", "text": "", "unknown": type(fault).__name__}
    after = _used()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer | {"processor": spent, "memory": after.ru_maxrss * 1024}


def _used() -> Any:
    return resource.getrusage(resource.RUSAGE_SELF)


if __name__ == "__main__":
    main(int(sys.argv[1]))
