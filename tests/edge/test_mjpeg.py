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
    """Return the next picture of a multipart stream."""
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


def view(server: MjpegServer) -> "requests.Response":
    return requests.get(f"{server.address}stream", stream=True, timeout=5)


def test_a_viewer_gets_each_new_frame(server: MjpegServer) -> None:
    assert not server.board.has_viewers
    with view(server) as stream:
        assert stream.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        assert stream.headers["Cache-Control"] == "no-store"
        assert server.board.has_viewers
        for value in (40, 200):
            server.board.show(shade(value))
            assert next_picture(stream).mean() == pytest.approx(value, abs=3)
    # Only a failed write shows that the viewer has left.
    assert until(lambda: server.board.show(shade(0)) or not server.board.has_viewers)


def test_a_slow_viewer_skips_frames(server: MjpegServer) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (720, 1280, 3)).astype(np.uint8)
    shown = 40
    with view(server) as slow:
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
    with view(server), view(server) as second:
        third = requests.get(f"{server.address}stream", timeout=5)
        assert third.status_code == 503
        second.close()
        assert until(lambda: server.board.show(shade(0)) or server.board.enter() is not None)
        server.board.leave()


def test_silent_connections_are_limited(server: MjpegServer) -> None:
    host, port = server.server_address[:2]
    silent = [socket.create_connection((host, port), 5) for _ in range(12)]
    try:
        refused = 0
        for one in silent:
            one.settimeout(0.1)
            with suppress(TimeoutError, ConnectionError):
                refused += one.recv(1) == b""
        assert refused == 2  # 12 connections, and room for 2 viewers and 8 others
    finally:
        for one in silent:
            one.close()

    def accepts() -> bool:
        try:
            return requests.get(f"{server.address}now", timeout=5).ok
        except requests.ConnectionError:  # not noticed yet: the others are closed
            return False

    assert until(accepts)


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
def test_a_host_name_of_another_site_is_refused(
    server: MjpegServer, host: str, status: int
) -> None:
    answer = requests.get(server.address, headers={"Host": host}, timeout=5)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 403), ("camera.school.example:8090", 200), ("127.0.0.1", 200)],
)
def test_a_server_for_everybody_answers_to_its_own_names_only(host: str, status: int) -> None:
    made = MjpegServer(Board(), "0.0.0.0", 0, names=("camera.school.example",))
    try:
        address = made.address.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(address, headers={"Host": host}, timeout=5).status_code == status
    finally:
        made.close()


def test_pages_of_other_sites_may_not_ask_or_frame_it(server: MjpegServer) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert requests.get(f"{server.address}now", headers=foreign, timeout=5).status_code == 403
    own = {"Origin": server.address.rstrip("/")}
    answer = requests.get(f"{server.address}now", headers=own, timeout=5)
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_close_ends_every_stream(server: MjpegServer) -> None:
    with view(server) as stream:
        server.close()
        assert stream.raw.read() == b""
    assert server.board.enter() is None
    with pytest.raises(requests.ConnectionError):
        requests.get(server.address, timeout=5)


def test_a_port_in_use_is_a_clear_error(server: MjpegServer) -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        MjpegServer(Board(), "127.0.0.1", server.server_address[1])
