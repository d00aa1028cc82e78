"""Slow heads, floods of pings and of empty pieces: what ends before the app sees it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect

from fer.server import connections
from fer.server.connections import HttpConnection, SocketConnection
from tests.server.server import wait_until

UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\x80\0\0\0\0"
EMPTY_PIECE = b"\x00\x80\0\0\0\0"
EMPTY_MESSAGE = b"\x82\x80\0\0\0\0"


class Impatient(HttpConnection):
    head_seconds = 0.5


async def page(_: Request) -> PlainTextResponse:
    return PlainTextResponse("a page")


async def echo(client: WebSocket) -> None:
    await client.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await client.send_bytes(await client.receive_bytes())


class Small(HttpConnection):
    most = 5


@contextmanager
def serving(kind: type[HttpConnection] = Impatient) -> Iterator[int]:
    """Serve with these protocols until the block ends; yield the port."""
    app = Starlette(routes=[Route("/", page), WebSocketRoute("/socket", echo)])
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        http=kind,
        ws=SocketConnection,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


def raw(port: int, data: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), 5)
    line.sendall(data)
    return line


def ended(line: socket.socket) -> bool:
    """Return True if the server ends this connection before the socket's timeout."""
    try:
        while line.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("head", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_never_ends_is_not_waited_for(port: int, head: bytes) -> None:
    begun = time.monotonic()
    with raw(port, head) as line:
        assert ended(line)
    assert time.monotonic() - begun < 3


def test_a_byte_now_and_then_gains_no_time(port: int) -> None:
    with raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ") as line:
        begun = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - begun < 4:
                line.sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - begun < 3


def test_the_head_of_a_second_request_is_not_waited_for_either(port: int) -> None:
    with raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as line:
        while not line.recv(65536).endswith(b"a page"):
            pass
        line.sendall(b"GET / HT")
        assert ended(line)


def test_requests_in_time_are_answered(port: int) -> None:
    with requests.Session() as caller:
        for _ in range(3):
            assert caller.get(f"http://127.0.0.1:{port}/", timeout=5).text == "a page"
            time.sleep(0.3)


def test_an_open_socket_outlives_the_time_for_its_head(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/socket", compression=None, max_size=None) as client:
        time.sleep(1)
        for size in (0, 10, 1_000_000):
            client.send(bytes(size))
            assert client.recv(timeout=5) == bytes(size)
        assert client.ping().wait(5)
        client.send([bytes(100_000)] * 20)  # large pieces, as browsers make them
        assert len(client.recv(timeout=5)) == 2_000_000


@pytest.mark.parametrize(
    "flood",
    [PING * 20_000, b"\x02\x80\0\0\0\0" + EMPTY_PIECE * 20_000, EMPTY_MESSAGE * 20_000],
    ids=["pings", "empty pieces", "empty messages"],
)
def test_a_flood_of_frames_is_cut_off(port: int, flood: bytes) -> None:
    with raw(port, UPGRADE) as line:
        assert b"101" in line.recv(65536)
        with suppress(ConnectionError):
            for _ in range(20):
                line.sendall(flood)
        begun = time.monotonic()
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=10).ok
        assert time.monotonic() - begun < 1
        assert ended(line)


def test_connections_are_bounded() -> None:
    with serving(Small) as port, ExitStack() as stack:
        lines = [stack.enter_context(raw(port, b"")) for _ in range(12)]
        for line in lines:
            line.settimeout(0.2)
        assert sum(ended(line) for line in lines) == 7
    assert connections.most_connections() <= connections.MOST_CONNECTIONS
