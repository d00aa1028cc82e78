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
from fer.bench.live.socket import Client, Tally, feed
from fer.server.state import State
from fer.settings import Settings

FACES: Final = 25
CLIENTS: Final = (1, 4, 8)
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
    fps: float  # frames answered per second, of all clients
    delay_p50_ms: float | None  # None without answers
    delay_p95_ms: float | None
    dropped: int
    sent: int
    fairness: float  # answers of the client with the fewest, divided by the most
    app_cores: float  # processors that the app kept busy, for each client
    app_cpu_ms: float  # for each frame
    clients_cores: float  # processors that the clients kept busy, together


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

    async def run() -> tuple[float, float, float]:
        begun = time.monotonic() + warm_up
        until = begun + seconds
        jobs = [asyncio.create_task(one) for one in _runs(app, state, clients, until)]
        await asyncio.sleep(warm_up)
        before, own = await asyncio.to_thread(app.figures), time.process_time()
        await asyncio.sleep(max(until - time.monotonic(), 0))
        after, spent = await asyncio.to_thread(app.figures), time.process_time() - own
        await asyncio.gather(*jobs)
        return begun, after.cpu - before.cpu, spent

    begun, cpu, spent = asyncio.run(run())
    tallies = [one.tally.between(begun, begun + seconds) for one in clients]
    load = "flood" if in_flight is None else "paced"
    return row("socket", load, tallies, seconds, cpu, spent)


def cameras(settings: Settings, count: int, seconds: float, warm_up: float = WARM_UP) -> Row:
    """Return the figures of `count` cameras over WebRTC at once."""
    tallies, cpu, spent = webrtc.measure(settings, FACES, count, warm_up, seconds)
    return row("webrtc", "flood", tallies, seconds, cpu, spent)


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
    cpu: float,
    spent: float,
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
        fps=round(len(delays) / seconds, 1),
        delay_p50_ms=p50,
        delay_p95_ms=p95,
        dropped=sent - len(delays),
        sent=sent,
        fairness=round(min(answers) / max(*answers, 1), 3),
        app_cores=round(cpu / seconds / len(tallies), 3),
        app_cpu_ms=round(1000 * cpu / max(len(delays), 1), 1),
        clients_cores=round(spent / seconds, 2),
    )


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result as lines for a terminal."""
    out = [
        f"live pictures of {result['faces']} faces at 1280x720 over loopback",
        "                 clients  frames/s  delay p50     p95  dropped/sent  least/most"
        "  cores a client  CPU-ms a frame",
    ]
    for one in result["rows"]:
        out.append(
            f"{one['transport']:8}{one['load']:8}{one['clients']:>8}{one['fps']:>10.1f}"
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
