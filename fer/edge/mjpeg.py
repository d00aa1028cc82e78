"""The annotated picture for browsers on the network: MJPEG, over Python's own HTTP server.

A viewer who is slow gets newer pictures, not all of them: each waits for the newest one after it
has sent its last, and nothing is queued. Pictures are compressed only while somebody looks.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import cv2

from fer.errors import UsageError
from fer.faces import Picture
from fer.net import is_local

VIEWERS: Final = 4
OTHERS: Final = 8  # connections at most beside the viewers'
QUALITY: Final = 80
BOUNDARY: Final = "picture"
IDLE: Final = 10.0  # seconds that a viewer may take nothing in, or say nothing
WAITING: Final = 128 << 10  # bytes on their way to a viewer: about one picture
PAGE: Final = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Class expressions</title>'
    b"<style>body{margin:0;background:#111}img{width:100vw;height:100vh;object-fit:contain}</style>"
    b'<img src="stream" alt="The class, with a box and a word for each face">'
)


class Board:
    """The newest picture and numbers, for as many viewers as there is room for."""

    def __init__(self, viewers: int = VIEWERS) -> None:
        self.closed = False
        self.numbers: dict[str, Any] = {}
        self._room = viewers
        self._viewers = self._shown = 0
        self._changed = threading.Condition()
        self._jpeg = b""

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return self._viewers > 0

    def show(self, picture: Picture) -> None:
        """Give the viewers this picture instead of the last."""
        made, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if made:
            with self._changed:
                self._jpeg, self._shown = jpeg.tobytes(), self._shown + 1
                self._changed.notify_all()

    def newer(self, than: int) -> tuple[int, bytes] | None:
        """The next picture after that number, once there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._shown > than or self.closed)
            return None if self.closed else (self._shown, self._jpeg)

    def enter(self) -> int | None:
        """A viewer comes: the number of the picture it needn't see; None if there is no room."""
        with self._changed:
            if self.closed or self._viewers >= self._room:
                return None
            self._viewers += 1
            return self._shown

    def leave(self) -> None:
        """A viewer goes; the last one takes the picture with it."""
        with self._changed:
            self._viewers -= 1
            if not self._viewers:
                self._jpeg = b""

    def close(self) -> None:
        """Send everybody away."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class Server(ThreadingHTTPServer):
    """A board on a port, until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, board: Board, host: str, port: int, viewers: int = VIEWERS) -> None:
        self.board, self.local = board, is_local(host)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._places = threading.BoundedSemaphore(viewers + OTHERS)
        try:
            super().__init__((host, port), Viewer)
        except (OSError, OverflowError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise UsageError(f"{host}, port {port}: cannot be listened on ({reason})") from fault
        name = f"[{host}]" if ":" in host else host
        self.address = f"http://{name}:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=(0.1,), name="stream", daemon=True).start()

    def close(self) -> None:
        """Takes no more viewers and lets go of those who are there."""
        self.board.close()
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Viewers come and go as they like; that is no fault to tell of."""


class Viewer(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    timeout = IDLE
    server_version, sys_version = "fer", ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        pages: dict[str, Callable[[], None]] = {
            "/": lambda: self._answer(PAGE, "text/html; charset=utf-8"),
            "/now": lambda: self._answer(
                json.dumps(self.server.board.numbers).encode(), "application/json"
            ),
            "/stream": self._stream,
        }
        if self.server.local and not is_local(urlsplit(f"//{self.headers['Host']}").hostname or ""):
            # A page from elsewhere whose name was made to point here.
            self.send_error(HTTPStatus.FORBIDDEN)
        elif path in pages:
            pages[path]()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Who looks is not logged."""

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")

    def _answer(self, body: bytes, kind: str) -> None:
        self._head(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        board = self.server.board
        seen = board.enter()
        if seen is None:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "As many watch as there is room for")
            return
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WAITING)
            self._head(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            while found := board.newer(seen):
                seen, jpeg = found
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                self.wfile.write(f"{head}Content-Length: {len(jpeg)}\r\n\r\n".encode())
                self.wfile.write(jpeg + b"\r\n")
        finally:
            board.leave()
