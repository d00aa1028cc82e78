"""What stands in front of everything, Streamlit's own routes and its socket included."""

import http.client
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fer.server import Limits, middleware
from fer.server.identity import COOKIE, owner_of
from fer.server.uploads import VisitFiles
from fer.settings import Settings
from tests.server.server import serving, wait_until

STREAM = "/_stcore/stream"


class Pages:
    """Stands behind the doors as Streamlit does: a socket that never waits between messages."""

    def __init__(self) -> None:
        self.seen = 0

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await socket.receive_bytes()
                self.seen += 1
                time.sleep(0.002)  # Streamlit starts a thread for each message

    async def page(self, request: Request) -> PlainTextResponse:
        if request.method == "PUT":
            await request.body()
        return PlainTextResponse(request.url.path)


@contextmanager
def doors(
    settings: Settings | None = None,
    limits: Limits | None = None,
    files: VisitFiles | None = None,
) -> Iterator[tuple[str, Pages]]:
    """Serve stand-in pages behind the doors; yield the address and the pages."""
    pages = Pages()
    app = Starlette(
        routes=[
            WebSocketRoute(STREAM, pages.socket),
            Route("/{rest:path}", pages.page, methods=["GET", "POST", "PUT"]),
        ],
        middleware=middleware(settings or Settings(), limits, files),
    )
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}", pages


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with doors(Settings(site="https://school.example")) as (url, _):
        yield url


def stream(
    url: str, origin: str | None = "", host: str | None = None, **options: Any
) -> ClientConnection:
    """Return a client of Streamlit's socket; `host` is a name that was made to point here."""
    address = url.replace("http", "ws", 1) + STREAM
    if host is not None:
        port = port_of(url)
        options["sock"] = socket.create_connection(("127.0.0.1", port))
        address = f"ws://{host}:{port}{STREAM}"
    return connect(
        address,
        origin=url if origin == "" else origin,  # type: ignore[arg-type]
        compression=None,
        open_timeout=10,
        close_timeout=2,
        **options,
    )


def refused(*where: Any, **options: Any) -> None:
    """Fail unless the socket is refused before it opens."""
    with pytest.raises(InvalidStatus) as caught, stream(*where, **options):
        pass
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    "path", ["/", "/photo", "/_stcore/host-config", "/media/x.jpg", "/metrics"]
)
def test_another_host_name_is_refused_everywhere(
    site: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = requests.get(site + path, headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 421
    assert answer.text.count("\n") == 1 and "FER_HOSTS" in answer.text
    assert "FER_SITE" in caplog.text
    assert "evil.example" in caplog.text


@pytest.mark.parametrize(
    "path", ["/healthz", "/health", "/readyz", "/ready", "/static/js/x.js", "/browser/1/x.js"]
)
def test_health_checks_and_static_files_are_answered_by_any_name(site: str, path: str) -> None:
    answer = requests.get(site + path, headers={"Host": "10.1.2.3:8080"}, timeout=10)
    assert answer.status_code == 200
    answer = requests.post(site + path, headers={"Host": "10.1.2.3:8080"}, timeout=10)
    assert answer.status_code == 421


def test_no_host_at_all_is_refused(site: str) -> None:
    caller = http.client.HTTPConnection(site.partition("//")[2], timeout=10)
    caller.putrequest("GET", "/", skip_host=True)
    caller.endheaders()
    assert caller.getresponse().status in (400, 421)
    caller.close()


@pytest.mark.parametrize("host", ["school.example", "localhost:1", "127.0.0.1"])
def test_the_sites_names_are_answered(site: str, host: str) -> None:
    assert requests.get(f"{site}/photo", headers={"Host": host}, timeout=10).ok


def test_streamlits_socket_is_not_reached_from_another_site(site: str) -> None:
    """Streamlit would make two blocking calls to another computer for each foreign origin."""
    for origin in ("https://evil.example", "null", None):
        refused(site, origin)
    refused(site, "http://evil.example", host="evil.example")
    with stream(site) as client:
        assert client.response is not None and client.response.status_code == 101


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_pages_of_another_site_may_not_call(site: str, method: str) -> None:
    called = requests.request(
        method, f"{site}/_stcore/upload_file/a/b", headers={"Origin": "https://evil.example"}
    )
    assert called.status_code == 403
    called = requests.request(method, f"{site}/api/photo", headers={"Origin": "null"})
    assert called.status_code == 403
    assert "error" in called.json()


def closing(socket: ClientConnection) -> tuple[int, str]:
    with suppress(ConnectionClosed):
        socket.recv(timeout=10)
    assert socket.protocol.close_rcvd is not None
    return socket.protocol.close_rcvd.code, socket.protocol.close_rcvd.reason


def test_a_flood_of_messages_ends_its_socket_and_leaves_the_server_answering() -> None:
    with doors() as (url, pages), stream(url) as client:
        with suppress(ConnectionClosed):
            for _ in range(3000):
                client.send(b"\x5a\x00")
        begun = time.monotonic()
        assert requests.get(f"{url}/healthz", timeout=10).ok
        assert time.monotonic() - begun < 1
        assert closing(client) == (1008, "too many messages a second")
        assert pages.seen <= 30  # 20 at once, and 10 a second


def test_each_message_gives_the_loop_a_turn() -> None:
    limits = Limits(messages_burst=1000, client_messages_burst=1000)
    with doors(limits=limits) as (url, pages), stream(url) as client:
        for _ in range(500):  # one second of work
            client.send(b"x")
        begun = time.monotonic()
        assert requests.get(f"{url}/healthz", timeout=10).ok
        assert pages.seen < 450
        assert time.monotonic() - begun < 0.5


def test_messages_of_all_sockets_of_a_client_wait_for_their_turn() -> None:
    limits = Limits(client_messages_burst=50, client_messages_a_second=1)
    with doors(Settings(proxies=1), limits) as (url, pages), ExitStack() as stack:
        mine = {"X-Forwarded-For": "203.0.113.9"}
        for _ in range(3):
            client = stack.enter_context(stream(url, additional_headers=mine))
            for _ in range(20):
                client.send(b"x")
        wait_until(lambda: pages.seen >= 50)
        assert pages.seen <= 55
        other = {"X-Forwarded-For": "203.0.113.10"}
        neighbour = stack.enter_context(stream(url, additional_headers=other))
        before = pages.seen
        neighbour.send(b"x")
        wait_until(lambda: pages.seen > before, 0.5)
        wait_until(lambda: pages.seen > before + 3)  # those that waited come, one a second


def test_sockets_of_a_client_and_of_all_are_bounded() -> None:
    limits = Limits(sockets_of_one=3, sockets=5)
    with doors(Settings(proxies=1), limits) as (url, _), ExitStack() as stack:

        def opened(client: str) -> bool:
            headers = {"X-Forwarded-For": client}
            try:
                stack.enter_context(stream(url, additional_headers=headers))
            except InvalidStatus:
                return False
            return True

        assert [opened("203.0.113.9") for _ in range(4)] == [True, True, True, False]
        assert [opened("203.0.113.10") for _ in range(3)] == [True, True, False]


def test_a_socket_that_closes_makes_room() -> None:
    with doors(limits=Limits(sockets_of_one=1)) as (url, _):
        for _ in range(5):
            with stream(url):
                pass
            time.sleep(0.1)


def test_a_client_that_opens_sockets_all_the_time_is_slowed() -> None:
    limits = Limits(sockets_burst=3, sockets_a_second=0.01)
    with doors(limits=limits) as (url, _):
        for _ in range(3):
            with stream(url):
                pass
        refused(url)


MEGABYTE = 1024 * 1024
ONE, TWO = "a" * 32, "b" * 32  # cookies


class Files:
    """What visits hold, as a test says."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def uploaded(self) -> dict[str, int]:
        return self.held

    def owners(self, media_id: str) -> set[str | None]:
        return {owner_of({COOKIE: ONE})} if media_id == "shown" else set()


def put(url: str, visit: str, size: int, client: str = "203.0.113.9") -> int:
    """Return the status of an upload of this declared size, whose body never comes."""
    caller = http.client.HTTPConnection(url.partition("//")[2], timeout=10)
    try:
        caller.putrequest("PUT", f"/_stcore/upload_file/{visit}/file")
        caller.putheader("Content-Length", str(size))
        caller.putheader("X-Forwarded-For", client)
        caller.endheaders()
        if size <= 4:
            caller.send(b"x" * size)
        return caller.getresponse().status
    finally:
        caller.close()


def test_a_visit_a_client_and_all_hold_so_many_bytes_and_no_more() -> None:
    """Ten files of 40 MB to one visit were all kept; with 200 MB to a visit this is the end."""
    files = Files()
    with doors(Settings(max_upload=200, proxies=1), files=files) as (url, _):
        files.held = {"mine": 160 * MEGABYTE}
        assert put(url, "mine", 41 * MEGABYTE) == 413
        assert put(url, "mine", 4) == 200
        files.held = {"mine": 160 * MEGABYTE, "second": 160 * MEGABYTE}
        assert put(url, "second", 4) == 200  # now both are known as this client's
        assert put(url, "third", 81 * MEGABYTE) == 413
        files.held |= {"others": 200 * MEGABYTE}
        assert put(url, "new", 81 * MEGABYTE, "203.0.113.10") == 413
        files.held = {}
        assert put(url, "third", 4) == 200


def test_uploads_count_while_they_come_in() -> None:
    with doors(Settings(max_upload=200), files=Files()) as (url, _), ExitStack() as stack:
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(url))))
        head = "PUT /_stcore/upload_file/mine/one HTTP/1.1\r\nHost: localhost\r\n"
        slow.sendall(f"{head}Content-Length: {150 * MEGABYTE}\r\n\r\nx".encode())
        wait_until(lambda: put(url, "mine", 100 * MEGABYTE) == 413)
        slow.close()
        wait_until(lambda: put(url, "mine", 4) == 200)


def test_an_upload_of_unknown_length_is_refused(site: str) -> None:
    answer = requests.put(
        f"{site}/_stcore/upload_file/a/b", data=iter([b"x"]), timeout=10
    )  # in chunks
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("file", "cookie", "status"),
    [
        ("shown.jpg", ONE, 200),
        ("shown.jpg", TWO, 404),
        ("shown.jpg", None, 404),
        ("unknown.jpg", TWO, 200),  # Streamlit itself says that there is no such file
    ],
)
def test_a_picture_is_shown_to_its_visitor_only(file: str, cookie: str | None, status: int) -> None:
    with doors(files=Files()) as (url, _):
        cookies = {} if cookie is None else {COOKIE: cookie}
        answer = requests.get(f"{url}/media/{file}", cookies=cookies, timeout=10)
        assert answer.status_code == status
        assert answer.headers["Cache-Control"] == "no-store"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
