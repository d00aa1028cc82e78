import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import cv2
import numpy as np
import pytest
import requests

from fer.edge.mjpeg import BOUNDARY, Board, MjpegServer
from fer.errors import UsageError
from tests.edge.feeds import Picture, until


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    board = Board(viewers=2)
    made = MjpegServer(board, "127.0.0.1", 0, viewers=2)
    yield made
    made.close()


def shade(value: int) -> Picture:
    return np.full((90, 160, 3), value, np.uint8)


def next_picture(lines: "requests.Response") -> Picture:
    """The next part of a multipart stream, decoded."""
    raw = lines.raw
    assert raw.readline().strip() == f"--{BOUNDARY}".encode()
    head = {}
    while line := raw.readline().strip():
        name, _, value = line.decode().partition(": ")
        head[name] = value
    assert head["Content-Type"] == "image/jpeg"
    body = raw.read(int(head["Content-Length"]))
    assert raw.readline() == b"\r\n"
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def watch(server: MjpegServer) -> "requests.Response":
    return requests.get(f"{server.address}stream", stream=True, timeout=5)


def test_a_viewer_gets_each_new_frame(server: MjpegServer) -> None:
    assert not server.board.watched
    with watch(server) as stream:
        assert stream.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        assert stream.headers["Cache-Control"] == "no-store"
        assert server.board.watched
        for value in (40, 200):
            server.board.show(shade(value))
            assert next_picture(stream).mean() == pytest.approx(value, abs=3)
    # The next write finds out that nobody is there any more.
    assert until(lambda: server.board.show(shade(0)) or not server.board.watched)


def test_a_slow_viewer_skips_frames(server: MjpegServer) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (720, 1280, 3)).astype(np.uint8)
    shown = 40
    with watch(server) as slow:
        for at in range(shown):
            noise[:90, :160] = 4 * at
            server.board.show(noise)
            time.sleep(0.01)
        got = [round(next_picture(slow)[8:80, 8:150].mean() / 4)]
        while got[-1] < shown - 1:
            got.append(round(next_picture(slow)[8:80, 8:150].mean() / 4))
    assert got == sorted(got)
    assert len(got) < shown / 2


def test_a_viewer_who_leaves_makes_room_for_another(server: MjpegServer) -> None:
    with watch(server), watch(server) as second:
        third = requests.get(f"{server.address}stream", timeout=5)
        assert third.status_code == 503
        second.close()
        assert until(lambda: server.board.show(shade(0)) or server.board.enter() is not None)
        server.board.leave()


def test_silent_connections_are_limited(server: MjpegServer) -> None:
    host, port = server.server_address[:2]
    silent = [socket.create_connection((host, port), 5) for _ in range(12)]
    try:
        turned_away = 0
        for one in silent:
            one.settimeout(0.1)
            with suppress(TimeoutError, ConnectionError):
                turned_away += one.recv(1) == b""
        assert turned_away == 2  # of 2 viewers' places and 8 others, 10 are taken
    finally:
        for one in silent:
            one.close()

    def lets_in() -> bool:
        try:
            return requests.get(f"{server.address}now", timeout=5).ok
        except requests.ConnectionError:  # the others' ends have not been seen yet
            return False

    assert until(lets_in)


def test_the_page_and_the_numbers(server: MjpegServer) -> None:
    server.board.numbers = {"faces": 3}
    page = requests.get(server.address, timeout=5)
    assert 'src="stream"' in page.text
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert requests.get(f"{server.address}now", timeout=5).json() == {"faces": 3}
    assert requests.get(f"{server.address}../etc/passwd", timeout=5).status_code == 404
    assert requests.post(server.address, timeout=5).status_code == 501


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 403), ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("", 403)],
)
def test_another_site_cannot_borrow_a_name_that_points_here(
    server: MjpegServer, host: str, status: int
) -> None:
    answer = requests.get(server.address, headers={"Host": host}, timeout=5)
    assert answer.status_code == status


def test_close_ends_every_stream(server: MjpegServer) -> None:
    with watch(server) as stream:
        server.close()
        assert stream.raw.read() == b""
    assert server.board.enter() is None
    with pytest.raises(requests.ConnectionError):
        requests.get(server.address, timeout=5)


def test_a_port_in_use_is_a_clear_error(server: MjpegServer) -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        MjpegServer(Board(), "127.0.0.1", server.server_address[1])
