"""Two hundred bad clients at a real server do not disturb a good one."""

import asyncio
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_and_wait

from fer.server import tokens
from tests.e2e.server import Server, free_port
from tests.server.server import heard, jpeg, message
from tests.server.test_protocol import claiming

SECRET = "for this test and no other"
BAD = 200
GIGABYTES = claiming(jpeg(), 60_000, 60_000)  # 10.8 GB if decoded
LARGE = 50_000_000
HEAVY = 5  # clients that send each kind of large frame
LATEST = 1.5  # seconds, at the 95th percentile; a quiet machine needs a thirtieth
# MB: a message is refused as soon as 16 have come of it, and these may all come at the same time;
# as much again for what a server of its threads and buffers takes for two hundred connections.
LARGEST = 2 * 2 * HEAVY * 16

# What a bad client does, and the codes with which it may be shown out.
CODES: dict[str, tuple[int, ...]] = {
    "another site": (403,),
    "no token": (1008,),
    "forged token": (1008,),
    "expired token": (1008,),
    "fifty megabytes": (1009,),
    # A client that goes on sending may lose the connection before it reads the code.
    "fifty megabytes in pieces": (1009, 1006),
    "garbage": (1007,),
    "drips": (1001,),
    "text": (1007,),
    "bomb": (1009,),
}


class Uvicorn(Server):
    """The app in plain uvicorn."""

    def command(self, address: str) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "app:app"),
            *("--host", address, "--port", str(self.port), "--log-level", "warning"),
        ]


@pytest.fixture(params=[Server, Uvicorn])
def server(request: pytest.FixtureRequest, tiny_model: Path, tmp_path: Path) -> Iterator[Server]:
    environ = {
        "FER_MODEL": str(tiny_model),
        "FER_DETECTOR": "haar",
        "FER_SECRET": SECRET,
        "FER_MAX_SESSIONS": str(
            2 * BAD
        ),  # enough for all, so that each is refused for its own reason
    }
    running = request.param("app.py", environ, tmp_path / "log", free_port())
    running.start()
    try:
        end = time.monotonic() + 60
        while running.answer("/healthz") is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield running
    finally:
        running.stop()


def address(url: str, token: str | None) -> str:
    query = "" if token is None else f"?token={token}"
    return url.replace("http", "ws") + "/ws/live" + query


async def misbehave(url: str, kind: str, number: int) -> int:
    """Return the code with which the server ends the connection."""
    secret, age = SECRET.encode(), 0.0
    if kind == "forged token":
        secret = b"guessed"
    if kind == "expired token":
        age = tokens.VALID + 5
    token = tokens.issue(secret, f"bad-lesson-{number}", "", time.time() - age)
    origin = "https://elsewhere.example" if kind == "another site" else url
    where = address(url, None if kind == "no token" else token)
    try:
        async with connect(
            where, origin=origin, open_timeout=60, close_timeout=15, compression=None
        ) as client:
            return await ending(client, kind)
    except InvalidStatus as refused:
        return refused.response.status_code


async def ending(client: ClientConnection, kind: str) -> int:
    try:
        if kind == "fifty megabytes":
            await client.send(bytes(LARGE))
        elif kind == "fifty megabytes in pieces":
            await client.send(bytes(LARGE // 50) for _ in range(50))
        elif kind == "garbage":
            await client.send(bytes(range(256)) * 40)
        elif kind == "drips":
            client.transport.write(b"\x82\xfe\x40")
        elif kind == "text":
            await client.send("hello")
        elif kind == "bomb":
            await client.send(message(data=bytes(GIGABYTES)))
        while True:
            await client.recv()
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd else 1006


def crowd(url: str) -> list[tuple[str, int]]:
    """Run all bad clients at once, in a process of their own; return each kind and its code."""

    large = [kind for kind in CODES if kind.startswith("fifty")]
    others = [kind for kind in CODES if kind not in large]
    kinds = large * HEAVY  # more of them would only measure how fast this machine copies memory
    kinds += [others[number % len(others)] for number in range(BAD - len(kinds))]

    async def run() -> list[tuple[str, int]]:
        jobs = (misbehave(url, kind, number) for number, kind in enumerate(kinds))
        return list(zip(kinds, await asyncio.gather(*jobs), strict=True))

    return asyncio.run(run())


def memory(server: Server) -> float:
    """Return the server's memory in MB; 0 if a busy machine does not answer in time."""
    text = server.answer("/metrics") or ""
    return (
        next(
            sample.value / 1e6
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "process_resident_memory_bytes"
        )
        if text
        else 0.0
    )


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports a process's memory")
def test_two_hundred_bad_clients_do_not_disturb_a_good_one(server: Server) -> None:
    picture = jpeg(640, 360)
    token = tokens.issue(SECRET.encode(), "good-lesson", "", time.time())
    before, sizes, delays = memory(server), [], []
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context) as pool,
        connect_and_wait(address(server.url, token), origin=server.url, compression=None) as good,
    ):
        heard(good)
        bad, seq = pool.submit(crowd, server.url), 0
        while not bad.done():
            seq += 1
            begun = time.monotonic()
            good.send(message(seq, picture, time=1000 * begun))
            assert heard(good)["seq"] == seq
            delays.append(time.monotonic() - begun)
            if seq % 5 == 0:
                sizes.append(memory(server))
            time.sleep(max(0.1 - delays[-1], 0))
        codes = bad.result()
    wrong = Counter((kind, code) for kind, code in codes if code not in CODES[kind])
    assert not wrong
    assert len(codes) == BAD
    assert seq > 100
    assert np.percentile(delays, 95) < LATEST
    assert max(sizes) - before < LARGEST
