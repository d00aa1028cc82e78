"""What becomes of hostile files: each goes the way that a visitor's file goes through a server."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from fer.errors import FerError
from fer.server import protocol
from fer.server.limits import Limits
from fer.server.protocol import RefusedError
from fer.vision.analyzer import Analyzer
from fer.vision.media.decoder import BoxedDecoder, Costs
from fer.vision.photos import Photos

MOST_MEMORY = 450_000_000  # bytes, of the server and of each box
MOST_PROCESSOR = 10.0  # seconds for an answer, of the server and the box
Files = Iterable[tuple[str, bytes]]


@dataclass
class Result:
    """What became of the files."""

    answers: int = 0
    refusals: int = 0
    tracebacks: list[str] = field(default_factory=list)
    over_memory: list[str] = field(default_factory=list)
    over_time: list[str] = field(default_factory=list)
    server: int = 0  # bytes, at most
    box: int = 0
    processor: float = 0.0  # seconds, at most
    lost: Counter[str] = field(default_factory=Counter)  # boxes, by what ended them
    costliest: str = ""
    largest: str = ""

    @property
    def tried(self) -> int:
        return self.answers + self.refusals + len(self.tracebacks)

    def row(self, name: str) -> str:
        """Return the table's row."""
        numbers = (self.tried, self.answers, self.refusals, len(self.tracebacks))
        lost = ", ".join(f"{how} {count}" for how, count in self.lost.items()) or "none"
        return (
            f"| {name} | {' | '.join(map(str, numbers))} | {len(self.over_memory)} | "
            f"{len(self.over_time)} | {self.server / 1e6:.0f} | {self.box / 1e6:.0f} "
            f"({self.largest}) | {self.processor:.1f} ({self.costliest}) | {lost} |"
        )


HEAD = (
    "| files | tried | answers | refusals | tracebacks | over 450 MB | over 10 s | most memory of "
    "the server, MB | of a box, MB | most processor time, s | boxes ended |\n"
    "|-|-|-|-|-|-|-|-|-|-|-|"
)


class Server:
    """What a server reads visitors' files with, in this process."""

    def __init__(self, analyzer: Analyzer | None = None) -> None:
        self.decoder = BoxedDecoder()
        self.decoder.start()
        self.analyzer = analyzer or Analyzer()
        self.analyzer.load()
        self.photos = Photos(self.analyzer, self.decoder)
        self.stream = self.analyzer.live()

    def picture(self, data: bytes) -> None:
        """Read a photo as the page does."""
        photo = self.photos.read(data, "a.bin")
        self.photos.drawn(data, "a.bin", photo.faces)

    def live(self, data: bytes) -> None:
        """Read a live frame as the socket does."""
        frame = protocol.decode(memoryview(data), Limits().frame_pixels, self.decoder)
        self.stream.feed(frame, time.monotonic())

    def recording(self, data: bytes) -> None:
        """Read a recording as the queue does."""
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            film = self.decoder.film(Path(file.name), 0.5, "a.bin")
            for _ in zip(self.analyzer.video(film), range(200), strict=False):
                pass

    def close(self) -> None:
        self.stream.close()
        self.decoder.close()


def tried(server: Server, read: Callable[[bytes], None], files: Files) -> Result:
    """Have all files read, and count what became of them."""
    result = Result()
    for name, data in files:
        costs = server.decoder.costs
        costs.__dict__.update(Costs().__dict__)
        forget_peak()
        before = time.process_time()
        try:
            read(data)
            result.answers += 1
        except (FerError, RefusedError):
            result.refusals += 1
        except Exception as fault:
            where = traceback.extract_tb(fault.__traceback__)[-1]
            result.tracebacks.append(f"{name}: {fault!r:.200} ({where.filename}:{where.lineno})")
        # A recording's answers are many, and the whole may take long.
        spent = time.process_time() - before + costs.processor
        note(result, name, spent if costs.answers < 4 else costs.processor, costs)
    return result


def note(result: Result, name: str, spent: float, costs: Costs) -> None:
    """Add what a file has cost."""
    server = peak()
    if spent > result.processor:
        result.processor, result.costliest = spent, name
    if costs.memory > result.box:
        result.box, result.largest = costs.memory, name
    result.server = max(result.server, server)
    result.lost += costs.lost
    if max(server, costs.memory) > MOST_MEMORY:
        result.over_memory.append(name)
    if spent > MOST_PROCESSOR + 1.5:  # the kernel counts whole seconds
        result.over_time.append(name)


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def forget_peak() -> None:
    """Begin to count anew."""
    Path("/proc/self/clear_refs").write_text("5")


def from_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder: those that take much memory to make."""
    for path in sorted(folder.iterdir()):
        yield path.name, path.read_bytes()
