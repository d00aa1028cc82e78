"""Measure live lessons on this computer: frames read, delay, processor time, fairness.

The app runs in its own process, the clients in another. The clients' processor time is measured
too, because the app cannot use it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from fer.bench.live import webrtc
from fer.bench.live.app import App, running
from fer.bench.live.page import Page
from fer.bench.live.socket import Client, Tally, feed
from fer.server.state import State
from fer.settings import Settings

FACES: Final = 25
CLIENTS: Final = (1, 4, 8)
LESSONS: Final = 6  # measured without and with their pages open
CAMERAS: Final = (1, 3)  # numbers of clients over WebRTC
IN_FLIGHT: Final = 2
WARM_UP: Final = 3.0  # first seconds, which are not counted: faces are found in them
SECONDS: Final = 6.0
Log = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """The figures of clients that ran at the same time."""

    transport: str
    load: str  # "paced": clients wait for answers; "flood": they do not
    clients: int
    pages: int  # open in browsers meanwhile
    fps: float  # frames answered per second, of all clients
    delay_p50_ms: float | None  # None without answers
    delay_p95_ms: float | None
    dropped: int
    sent: int
    fairness: float  # answers of the client with the fewest, divided by the most
    app_cores: float  # processors that the app kept busy, for each client
    app_cpu_ms: float  # for each frame
    clients_cores: float  # processors that the clients kept busy, together


@dataclass(frozen=True)
class Spent:
    """Processor seconds of a measurement that began at that time, by time.monotonic()."""

    begun: float
    app: float
    clients: float


def measure(
    settings: Settings, seconds: float = SECONDS, minutes: float = 0, log: Log = lambda line: None
) -> dict[str, Any]:
    """Return all rows and, if `minutes` is given, the app's memory after each minute."""
    state = State.of(settings)  # only for its tokens; no network is loaded
    frames = feed(FACES)
    rows, sizes = [], []
    log("starting the app")
    with running() as app:
        steps = [(count, IN_FLIGHT) for count in CLIENTS] + [(max(CLIENTS), None)]
        for count, in_flight in steps:
            log(f"{count} clients over sockets for {WARM_UP + seconds:.0f} s")
            rows.append(sockets(app, state, frames, count, seconds, in_flight))
        if minutes:
            log(f"{max(CLIENTS)} clients for {minutes:g} minutes")
            sizes = growth(app, state, frames, minutes)
    for pages in (0, LESSONS) * 2:  # by turns, since the machine's speed changes
        log(f"{LESSONS} lessons with {pages} open pages for {WARM_UP + seconds:.0f} s")
        with running() as app:  # a new one: each page takes a place for a lesson of its own
            rows.append(lessons(app, state, frames, pages, seconds))
    for count in CAMERAS:
        log(f"{count} cameras over WebRTC for {WARM_UP + seconds:.0f} s")
        rows.append(cameras(settings, count, seconds))
    return {"faces": FACES, "rows": [asdict(row) for row in rows], "rss_mb": sizes}


def sockets(
    app: App,
    state: State,
    frames: Sequence[bytes],
    count: int,
    seconds: float,
    in_flight: int | None,
    warm_up: float = WARM_UP,
) -> Row:
    """Return the figures of `count` clients of the live socket at once."""
    clients = _clients(frames, count, in_flight)

    async def run() -> Spent:
        until = time.monotonic() + warm_up + seconds
        return await _measured(app, _runs(app, state, clients, until), until, seconds)

    spent = asyncio.run(run())
    load = "flood" if in_flight is None else "paced"
    return row("socket", load, _tallies(clients, spent, seconds), seconds, spent)


def lessons(
    app: App,
    state: State,
    frames: Sequence[bytes],
    pages: int,
    seconds: float,
    warm_up: float = WARM_UP,
) -> Row:
    """Return the figures of LESSONS clients, of which so many have their page Live open."""
    clients, opened = _clients(frames, LESSONS, IN_FLIGHT), [Page() for _ in range(pages)]

    async def run() -> Spent:
        closing = asyncio.Event()
        jobs = [asyncio.create_task(page.run(app.url, closing)) for page in opened]
        try:
            tokens = [await page.ready() for page in opened]
            until = time.monotonic() + warm_up + seconds
            free = _runs(app, state, clients[pages:], until)
            own = (
                client.run(app.url, token, until)
                for client, token in zip(clients, tokens, strict=False)
            )
            return await _measured(app, [*free, *own], until, seconds)
        finally:
            closing.set()
            await asyncio.gather(*jobs)

    spent = asyncio.run(run())
    return row("socket", "paced", _tallies(clients, spent, seconds), seconds, spent, pages)


async def _measured(app: App, runs: Any, until: float, seconds: float) -> Spent:
    """Run the clients until then; return what the last seconds took."""
    jobs = [asyncio.create_task(one) for one in runs]
    begun = until - seconds
    await asyncio.sleep(max(begun - time.monotonic(), 0))
    before, own = await asyncio.to_thread(app.figures), time.process_time()
    await asyncio.sleep(max(until - time.monotonic(), 0))
    after, spent = await asyncio.to_thread(app.figures), time.process_time() - own
    await asyncio.gather(*jobs)
    return Spent(begun, after.cpu - before.cpu, spent)


def _tallies(clients: Sequence[Client], spent: Spent, seconds: float) -> list[Tally]:
    return [one.tally.between(spent.begun, spent.begun + seconds) for one in clients]


def cameras(settings: Settings, count: int, seconds: float, warm_up: float = WARM_UP) -> Row:
    """Return the figures of `count` cameras over WebRTC at once."""
    tallies, cpu, spent = webrtc.measure(settings, FACES, count, warm_up, seconds)
    return row("webrtc", "flood", tallies, seconds, Spent(0.0, cpu, spent))


def growth(app: App, state: State, frames: Sequence[bytes], minutes: float) -> list[float]:
    """Return the app's memory in MB at the start and after each minute."""
    clients = _clients(frames, max(CLIENTS), IN_FLIGHT)
    sizes: list[float] = []

    async def run() -> None:
        until = time.monotonic() + WARM_UP + 60 * minutes
        jobs = [asyncio.create_task(one) for one in _runs(app, state, clients, until)]
        await asyncio.sleep(WARM_UP)
        while True:
            sizes.append(round((await asyncio.to_thread(app.figures)).rss / 1e6, 1))
            left = until - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, 60))
        await asyncio.gather(*jobs)

    asyncio.run(run())
    return sizes


def row(
    transport: str,
    load: str,
    tallies: Sequence[Tally],
    seconds: float,
    spent: Spent,
    pages: int = 0,
) -> Row:
    """Return a row from the clients' tallies and the processor seconds of app and clients."""
    delays = [delay for one in tallies for _, delay in one.answered]
    answers = [len(one.answered) for one in tallies]
    sent = sum(len(one.sent) for one in tallies)
    p50, p95 = (
        [round(1000 * float(one), 1) for one in np.percentile(delays, (50, 95))]
        if delays
        else (None, None)
    )
    return Row(
        transport,
        load,
        clients=len(tallies),
        pages=pages,
        fps=round(len(delays) / seconds, 1),
        delay_p50_ms=p50,
        delay_p95_ms=p95,
        dropped=sent - len(delays),
        sent=sent,
        fairness=round(min(answers) / max(*answers, 1), 3),
        app_cores=round(spent.app / seconds / len(tallies), 3),
        app_cpu_ms=round(1000 * spent.app / max(len(delays), 1), 1),
        clients_cores=round(spent.clients / seconds, 2),
    )


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result as lines for a terminal."""
    out = [
        f"live pictures of {result['faces']} faces at 1280x720 over loopback",
        "                 clients  pages  frames/s  delay p50     p95  dropped/sent  least/most"
        "  cores a client  CPU-ms a frame",
    ]
    for one in result["rows"]:
        out.append(
            f"{one['transport']:8}{one['load']:8}{one['clients']:>8}{one['pages']:>7}{one['fps']:>10.1f}"
            f"{one['delay_p50_ms'] or 0:>8.0f} ms{one['delay_p95_ms'] or 0:>5.0f} ms"
            f"{one['dropped']:>8}/{one['sent']:<5}{one['fairness']:>12.2f}"
            f"{one['app_cores']:>16.2f}{one['app_cpu_ms']:>16.1f}"
        )
    if sizes := result["rss_mb"]:
        shown = " ".join(f"{size:.0f}" for size in sizes)
        out += ["", f"memory at the start and after each minute, MB: {shown}"]
    return out


def _clients(frames: Sequence[bytes], count: int, in_flight: int | None) -> list[Client]:
    # Each begins at another frame, so that no two send the same frame at the same time.
    return [Client(frames, in_flight, at * len(frames) // count) for at in range(count)]


def _runs(app: App, state: State, clients: Sequence[Client], until: float) -> Any:
    # The same lessons in every step: new ones would need places that these still hold.
    for at, one in enumerate(clients):
        yield one.run(app.url, state.issue_token(f"benchmark-{at}")[1], until)
