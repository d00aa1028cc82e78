"""Live pictures over loopback: how many frames, how late, at what cost, and how fairly shared.

The app runs in a process of its own; the clients share another, whose processor time is told too,
as on one machine it is missing to the app.
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
CAMERAS: Final = (1, 3)  # over WebRTC
IN_FLIGHT: Final = 2
WARM_UP: Final = 3.0  # seconds in which faces are found, which don't count
SECONDS: Final = 6.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """What some clients saw together, and what it cost."""

    transport: str
    load: str  # "paced": a client waits for answers; "flood": it doesn't
    clients: int
    fps: float  # frames analysed a second, of all clients
    delay_p50_ms: float | None  # None where nothing was answered
    delay_p95_ms: float | None
    dropped: int
    sent: int
    fairness: float  # the least client's share of the answers by the most
    app_cores: float  # processors that the app kept busy, a client
    app_cpu_ms: float  # a frame
    clients_cores: float  # processors that the clients kept busy, together


def measure(
    settings: Settings, seconds: float = SECONDS, minutes: float = 0, say: Say = lambda line: None
) -> dict[str, Any]:
    """All rows, and the app's size each minute of a long run where one is asked for."""
    state = State.of(settings)  # for its tokens; nothing is loaded
    frames = feed(FACES)
    rows, sizes = [], []
    say("the app is started")
    with running() as app:
        steps = [(count, IN_FLIGHT) for count in CLIENTS] + [(max(CLIENTS), None)]
        for count, in_flight in steps:
            say(f"{count} clients over sockets for {WARM_UP + seconds:.0f} s")
            rows.append(sockets(app, state, frames, count, seconds, in_flight))
        if minutes:
            say(f"{max(CLIENTS)} clients for {minutes:g} minutes")
            sizes = growth(app, state, frames, minutes)
    for count in CAMERAS:
        say(f"{count} cameras over WebRTC for {WARM_UP + seconds:.0f} s")
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
    """So many clients of the socket at once."""
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
    """So many cameras over WebRTC at once."""
    tallies, cpu, spent = webrtc.measure(settings, FACES, count, warm_up, seconds)
    return row("webrtc", "flood", tallies, seconds, cpu, spent)


def growth(app: App, state: State, frames: Sequence[bytes], minutes: float) -> list[float]:
    """The app's memory in MB at the start and after each minute."""
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
    """The figures of some clients' tallies and the processor seconds of the app and their own."""
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
    """The result for a terminal."""
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
        told = " ".join(f"{size:.0f}" for size in sizes)
        out += ["", f"memory at the start and after each minute, MB: {told}"]
    return out


def _clients(frames: Sequence[bytes], count: int, in_flight: int | None) -> list[Client]:
    # Each at a place of its own in the feed, so that no two are alike in a moment.
    return [Client(frames, in_flight, at * len(frames) // count) for at in range(count)]


def _runs(app: App, state: State, clients: Sequence[Client], until: float) -> Any:
    # The same lessons in every step: others would have to wait until these are forgotten.
    for at, one in enumerate(clients):
        yield one.run(app.url, state.issue_token(f"benchmark-{at}")[1], until)
