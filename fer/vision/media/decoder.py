"""Decoders: what turns a visitor's bytes into frames.

A server uses `BoxedDecoder`: it decodes in limited processes (`box.py`), so that a file made to
harm takes at most its own box. `OwnDecoder` decodes in this process, for own files and for tests.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, get_args

import numpy as np

from fer.errors import BusyError, DataError, Fault
from fer.faces import Picture
from fer.machine import PACKAGE
from fer.vision.media import box
from fer.vision.media.box import FILM, LIVE, PHOTO, Box, Message
from fer.vision.media.pictures import BROUGHT, DecodeLimits, decode

LOG: Final = logging.getLogger(__name__)
PROGRAM: Final = "fer.vision.media.decode_child"
PASSED_ON: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")  # to find the libraries
START_SECONDS: Final = 60.0  # until the libraries are loaded, on a busy computer too
KEPT_ROOM: Final = 40_000_000  # bytes of shared memory that a box keeps: a phone's usual photo
LONG: Final = "takes too long to decode; save it again as a plain JPEG, or a video as MP4 (H.264)"
LARGE: Final = "takes too much memory to decode; make it smaller"
DAMAGED: Final = "cannot be read: it is damaged; fetch or save it again"
UNAVAILABLE: Final = "files cannot be decoded at the moment; try again in a minute"


class Film(Protocol):
    """A video that is read: `videos.Video`, or one in a box."""

    size: tuple[int, int]
    rate: float
    duration: float | None
    start: float
    created: str
    broken: str | None

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def __iter__(self) -> Iterator[tuple[float, Picture]]: ...


class Decoder(Protocol):
    """Decodes what visitors bring. For any thread. All raise DataError for what can't be read."""

    def start(self) -> None:
        """Prepare, so that the first file is decoded as quickly as the next."""

    def photo(self, data: bytes, name: str) -> AbstractContextManager[Picture]:
        """Give a photo's frame, which may be used within the block alone."""

    def frame(self, data: bytes | memoryview, name: str, limits: DecodeLimits) -> Picture:
        """Return a live picture's frame."""

    def film(self, path: Path, every: float, name: str) -> Film:
        """Return a video, of which one frame in `every` seconds is read."""

    def close(self) -> None:
        """End everything. What is asked later fails."""


class OwnDecoder:
    """Decodes in this process: for own files, for tests, and where no boxes can be made."""

    def start(self) -> None:
        """Do nothing."""

    @contextmanager
    def photo(self, data: bytes, name: str) -> Iterator[Picture]:
        """Give a photo's frame."""
        yield decode(data, name, BROUGHT)

    def frame(self, data: bytes | memoryview, name: str, limits: DecodeLimits) -> Picture:
        """Return a live picture's frame."""
        return decode(data, name, limits)

    def film(self, path: Path, every: float, name: str) -> Film:
        """Return a video."""
        # Imported here: a server that decodes in boxes does without PyAV's 20 MB.
        from fer.vision.media.videos import Video

        return Video(path, every, name=name)

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Costs:
    """What boxes have used, for tests and measurements."""

    answers: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # of files
    lost: Counter[str] = field(default_factory=Counter)  # boxes, by what ended them
    processor: float = 0.0  # seconds, of the costliest answer
    memory: int = 0  # bytes, of the largest box
    spent: float = 0.0  # seconds of all answers


class Starter:
    """The process that starts boxes; it is started anew if it has ended. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(self) -> None:
        """Start the process unless it runs."""
        with self._lock:
            self._started()

    def ask(self, message: Message, descriptors: tuple[int, ...] = ()) -> Message:
        """Return the process's answer; raise BusyError if there is none."""
        with self._lock:
            for _ in range(2):
                link = self._started()
                try:
                    box.send(link, message, descriptors)
                    return box.receive(link)[0]
                except (EOFError, OSError, ValueError) as fault:
                    LOG.warning("the process that starts boxes has ended (%r)", fault)
                    self._end()
            raise BusyError(UNAVAILABLE)

    def close(self) -> None:
        """End the process, and with it all boxes."""
        with self._lock:
            self._closed = True
            self._end()

    def _started(self) -> socket.socket:
        if self._closed:
            raise BusyError("the server is ending")
        if self._link is not None:
            return self._link
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(START_SECONDS)
        places = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environ |= {"PYTHONPATH": os.pathsep.join(filter(None, places)), "LC_ALL": "C.UTF-8"}
        environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", PROGRAM, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env=environ,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # libraries write there what a file makes them write
                )
            self._link = ours
            box.receive(ours)
        except (EOFError, OSError, ValueError) as fault:
            LOG.error("the process that decodes files cannot be started: %r", fault)
            self._end()
            raise BusyError(UNAVAILABLE) from fault
        return ours

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Child:
    """A box that runs, and the memory that is shared with it. For one thread at a time."""

    def __init__(
        self,
        limits: Box,
        starter: Starter,
        costs: Costs,
        source: int | None = None,
        message: Message | None = None,
    ) -> None:
        self.limits, self.fit = limits, True
        self._starter, self._costs, self._uses = starter, costs, 0
        self._given_bytes = self._out_bytes = 0  # that the last picture took
        given = os.memfd_create("given", os.MFD_CLOEXEC) if source is None else source
        out = os.memfd_create("out", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.settimeout(limits.wall)
        try:
            # Only what is written takes memory. Sealed: a box that made it shorter would end us.
            os.ftruncate(out, limits.room)
            _seal_size(out)
            self._out = mmap.mmap(out, limits.room)
            if source is None:
                os.ftruncate(given, box.LARGEST_FILE)
                self._given = mmap.mmap(given, box.LARGEST_FILE)
            asked = {"do": "start", "box": asdict(limits), **(message or {})}
            self.number: int = starter.ask(asked, (theirs.fileno(), given, out))["box"]
        finally:
            os.close(out)
            theirs.close()
            if source is None:
                os.close(given)
        self.sealed = self.ask(None, "")["sealed"]

    @property
    def alive(self) -> bool:
        """False if the box has ended since it answered last."""
        self._link.settimeout(0)
        try:
            return bool(self._link.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self._link.settimeout(self.limits.wall)

    def picture(self, data: bytes | memoryview, name: str, limits: DecodeLimits) -> Picture:
        """Return the frame, in memory that the next picture is written to."""
        if len(data) > box.LARGEST_FILE:
            raise DataError(f"{name}: too large a file; make the picture smaller first", "size")
        self._given_bytes = len(data)
        self._given[: len(data)] = data
        self._uses += 1
        self.fit = self._uses < self.limits.uses
        asked = {"bytes": len(data), "name": name[:200], "limits": asdict(limits)}
        return self.shared(self.ask(asked, name))

    def shared(self, answer: Message) -> Picture:
        """Return the frame that an answer tells of."""
        width, height = (int(side) for side in answer["size"])
        if not (width > 0 and height > 0 and 3 * width * height <= self.limits.room):
            raise self._lost("answered nonsense", "", DAMAGED, "unreadable")
        self._out_bytes = 3 * width * height
        return np.frombuffer(self._out, np.uint8, self._out_bytes).reshape(height, width, 3)

    def ask(self, message: Message | None, name: str) -> Message:
        """Send a message if there is one; return the answer, or raise what is wrong with a file."""
        try:
            if message is not None:
                box.send(self._link, message)
            answer, _ = box.receive(self._link)
        except TimeoutError:
            raise self._lost("took too long", name, LONG, "costly") from None
        except (EOFError, OSError, ValueError):
            raise self._ended(name) from None
        if "sealed" in answer:
            return answer
        return self._counted(answer, name)

    def forget(self) -> None:
        """Clear the shared memory, and give back what a large picture took of it."""
        for shared, used in ((self._given, self._given_bytes), (self._out, self._out_bytes)):
            if used > KEPT_ROOM:
                shared.madvise(mmap.MADV_REMOVE)
            elif used:
                np.frombuffer(shared, np.uint8, used)[:] = 0
        self._given_bytes = self._out_bytes = 0

    def end(self) -> Message:
        """End the box; return what it was ended by and what it has used."""
        self.fit = False
        self._link.close()
        if self.number < 0:
            return {"signal": 0, "memory": 0}
        number, self.number = self.number, -1
        with suppress(BusyError):
            used = self._starter.ask({"do": "end", "box": number})
            self._costs.memory = max(self._costs.memory, used["memory"])
            return used
        return {"signal": 0, "memory": 0}

    def _counted(self, answer: Message, name: str) -> Message:
        costs = self._costs
        costs.answers += 1
        costs.spent += answer["processor"]
        costs.processor = max(costs.processor, answer["processor"])
        costs.memory = max(costs.memory, answer["memory"])
        fault = answer.get("fault")
        if fault is None:
            return answer
        if fault not in get_args(Fault):
            raise self._lost("answered nonsense", name, DAMAGED, "unreadable")
        costs.faults[fault] += 1
        if "unknown" in answer:  # an error of ours, or of a library that promised another
            LOG.warning("a box failed with %.60s", answer["unknown"])
        # What ran out of memory or time may have left anything behind.
        self.fit = self.fit and fault != "costly" and "unknown" not in answer
        usual = LARGE if fault == "costly" else DAMAGED
        raise DataError(str(answer["text"])[:500] or f"{name}: {usual}", fault)

    def _ended(self, name: str) -> DataError:
        """Return the error for a file with which the box has ended."""
        by = self.end()["signal"]
        if by == signal.SIGXCPU:
            return self._lost("took too much processor time", name, LONG, "costly")
        if by == signal.SIGKILL:  # by the kernel, which was out of memory
            return self._lost("was killed", name, LARGE, "costly")
        return self._lost(f"crashed by signal {by}", name, DAMAGED, "unreadable")

    def _lost(self, how: str, name: str, said: str, fault: Fault) -> DataError:
        LOG.warning("a box for a %s %s", self.limits.kind, how)
        self._costs.lost[how] += 1
        self.end()
        return DataError(f"{name}: {said}", fault)


class Boxes:
    """The boxes of one kind: some at work, the others ready. For any thread."""

    def __init__(self, limits: Box, starter: Starter, costs: Costs) -> None:
        self.limits = limits
        self._starter, self._costs = starter, costs
        self._places = threading.BoundedSemaphore(limits.at_once)
        self._lock = threading.Lock()
        self._ready: list[Child] = []

    @contextmanager
    def child(self, source: int | None = None, message: Message | None = None) -> Iterator[Child]:
        """Give a box for the block: one that is ready, or for a film a new one."""
        if not self._places.acquire(timeout=self.limits.wall):
            raise BusyError("the server is busy with other files; try again soon")
        try:
            child = self._take() if source is None else self._new(source, message)
            try:
                yield child
            finally:
                self._put_back(child)
        finally:
            self._places.release()

    def close(self) -> None:
        """End those that are ready; the others end with what they do."""
        with self._lock:
            ready, self._ready = self._ready, []
        for child in ready:
            child.end()

    def prepare(self) -> None:
        """Have a box ready."""
        with self.child():
            pass

    def _take(self) -> Child:
        while True:
            with self._lock:
                child = self._ready.pop() if self._ready else None
            if child is None:
                return self._new()
            if child.alive:
                return child
            child.end()

    def _new(self, source: int | None = None, message: Message | None = None) -> Child:
        try:
            return Child(self.limits, self._starter, self._costs, source, message)
        except (DataError, OSError) as fault:  # it ended before it was ready, or no memory is left
            raise BusyError(UNAVAILABLE) from fault

    def _put_back(self, child: Child) -> None:
        film = self.limits.kind == "film"
        if film or not child.fit:
            child.end()
        if film:
            return
        # At once, so that nobody waits for the next one.
        with suppress(BusyError):
            child = child if child.fit else self._new()
            if self.limits.kind == "photo":  # the others' frames are copied, and the next is near
                child.forget()
            with self._lock:
                self._ready.append(child)


class BoxedDecoder:
    """Decodes in boxes, which are started before they are needed."""

    def __init__(self, photo: Box = PHOTO, live: Box = LIVE, film: Box = FILM) -> None:
        self.costs, self._starter = Costs(), Starter()
        self._photos, self._live, self._films = (
            Boxes(limits, self._starter, self.costs) for limits in (photo, live, film)
        )

    def start(self) -> None:
        """Start one box for photos and one for live pictures."""
        begun = time.monotonic()
        for boxes in (self._photos, self._live):
            boxes.prepare()
        with self._live.child() as child:
            sealed = child.sealed
        if not sealed:
            LOG.warning(
                "this kernel or machine has no filter of system calls: boxes are limited in "
                "memory, time, files and processes, and not kept from the network"
            )
        LOG.info("boxes for decoding are ready after %.1f s", time.monotonic() - begun)

    @contextmanager
    def photo(self, data: bytes, name: str) -> Iterator[Picture]:
        """Give a photo's frame, which may be used within the block alone."""
        with self._photos.child() as child:
            yield child.picture(data, name, BROUGHT)

    def frame(self, data: bytes | memoryview, name: str, limits: DecodeLimits) -> Picture:
        """Return a live picture's frame."""
        with self._live.child() as child:
            return child.picture(data, name, limits).copy()

    def film(self, path: Path, every: float, name: str) -> Film:
        """Return a video that a box reads."""
        return BoxedFilm(self._films, path, every, name)

    def close(self) -> None:
        """End all boxes."""
        for boxes in (self._photos, self._live, self._films):
            boxes.close()
        self._starter.close()


class BoxedFilm:
    """A video whose frames are decoded by a box: one while it is looked at, one while it's read."""

    def __init__(self, boxes: Boxes, path: Path, every: float, name: str) -> None:
        self._boxes, self._path = boxes, path
        self._message: Message = {"every": every, "name": name}
        self.broken: str | None = None
        with self._opened() as (_, told):
            self.size = (int(told["size"][0]), int(told["size"][1]))
            self.rate, self.start = float(told["rate"]), float(told["start"])
            self.duration = None if told["duration"] is None else float(told["duration"])
            self.created = str(told["created"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[tuple[float, Picture]]:
        self.broken = None
        name = self._message["name"]
        with self._opened() as (child, _):
            while True:
                answer = child.ask({"do": "next"}, name)
                if "time" not in answer:
                    self.broken = answer["broken"] and str(answer["broken"])
                    return
                yield float(answer["time"]), child.shared(answer).copy()

    @contextmanager
    def _opened(self) -> Iterator[tuple[Child, dict[str, Any]]]:
        name = self._message["name"]
        try:
            # Opened anew, also where it has no name any more: with a place of its own to read at.
            source = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as fault:
            raise DataError(f"{name}: cannot be opened ({fault.strerror or fault})") from fault
        try:
            with self._boxes.child(source, self._message) as child:
                yield child, child.ask(None, name)
        finally:
            os.close(source)


def server_decoder() -> Decoder:
    """Return the decoder for what visitors bring to a server."""
    if sys.platform == "linux" and sys.executable:
        return BoxedDecoder()
    LOG.warning("this system has no boxes for decoding: files are decoded in the server's process")
    return OwnDecoder()


def _seal_size(descriptor: int) -> None:
    """Have memory keep its size."""
    import fcntl  # Linux only, like all of this class

    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
