"""Serve the annotated frames to browsers on the network as MJPEG, with Python's own HTTP server.

No frame is queued: after each frame a connection waits for the newest one, so that a slow viewer
skips frames. Frames are compressed only while there are viewers.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import cv2

from fer.errors import UsageError
from fer.faces import Picture
from fer.net import HostNames

VIEWERS: Final = 4
OTHERS: Final = 8  # connections allowed in addition to the viewers'
QUALITY: Final = 80
BOUNDARY: Final = "picture"
IDLE: Final = 10.0  # seconds without a byte read or sent, after which a connection is closed
SEND_BUFFER: Final = 128 << 10  # bytes for each viewer: about one frame
POLICY: Final = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PAGE: Final = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Class expressions</title>'
    b"<style>body{margin:0;background:#111}img{width:100vw;height:100vh;object-fit:contain}</style>"
    b'<img src="stream" alt="The class, with a box and a word for each face">'
)


class Board:
    """Holds the newest frame and numbers for up to `viewers` viewers."""

    def __init__(self, viewers: int = VIEWERS) -> None:
        self.closed = False
        self.numbers: dict[str, Any] = {}
        self._room = viewers
        self._viewers = self._shown = 0
        self._changed = threading.Condition()
        self._jpeg = b""

    @property
    def has_viewers(self) -> bool:
        """Return True if there is a viewer."""
        return self._viewers > 0

    def show(self, picture: Picture) -> None:
        """Make this the frame that the viewers get next."""
        made, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if made:
            with self._changed:
                self._jpeg, self._shown = jpeg.tobytes(), self._shown + 1
                self._changed.notify_all()

    def newer(self, than: int) -> tuple[int, bytes] | None:
        """Wait for a frame after number `than` and return it; None once the board is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._shown > than or self.closed)
            return None if self.closed else (self._shown, self._jpeg)

    def enter(self) -> int | None:
        """Add a viewer and return the number of the newest frame, which is too old to send.

        Return None if there is no room.
        """
        with self._changed:
            if self.closed or self._viewers >= self._room:
                return None
            self._viewers += 1
            return self._shown

    def leave(self) -> None:
        """Remove a viewer; after the last one, delete the frame."""
        with self._changed:
            self._viewers -= 1
            if not self._viewers:
                self._jpeg = b""

    def close(self) -> None:
        """End every viewer's stream."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class MjpegServer(ThreadingHTTPServer):
    """Serves a board on a port until `close` is called."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        board: Board,
        host: str,
        port: int,
        viewers: int = VIEWERS,
        names: Sequence[str] = (),
    ) -> None:
        self.board, self.names = board, HostNames(frozenset({host.lower(), *names}))
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._places = threading.BoundedSemaphore(viewers + OTHERS)
        try:
            super().__init__((host, port), Viewer)
        except (OSError, OverflowError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise UsageError(
                f"cannot listen on {host}, port {port} ({reason}); "
                "choose another --host or --mjpeg-port"
            ) from fault
        name = f"[{host}]" if ":" in host else host
        self.address = f"http://{name}:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=(0.1,), name="stream", daemon=True).start()

    def close(self) -> None:
        """Accept no more connections and end the open ones."""
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
        """Print nothing for a broken connection: viewers may leave at any time."""


class Viewer(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: MjpegServer
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
        if not self._from_here():
            self.send_error(HTTPStatus.FORBIDDEN, "Unknown host name: name it in FER_HOSTS")
        elif path in pages:
            pages[path]()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _from_here(self) -> bool:
        """Return True if the call names this server, and no page of another site makes it."""
        hosts, origin = self.headers.get_all("Host", []), self.headers["Origin"]
        named = len(hosts) == 1 and self.server.names.allow(
            hosts[0], self.connection.getsockname()[0]
        )
        return named and origin in (None, f"http://{hosts[0]}")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: viewers are private."""

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("Content-Security-Policy", POLICY)

    def _answer(self, body: bytes, kind: str) -> None:
        self._head(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        board = self.server.board
        seen = board.enter()
        if seen is None:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "Too many viewers")
            return
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._head(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            while found := board.newer(seen):
                seen, jpeg = found
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                self.wfile.write(f"{head}Content-Length: {len(jpeg)}\r\n\r\n".encode())
                self.wfile.write(jpeg + b"\r\n")
        finally:
            board.leave()
