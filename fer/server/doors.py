"""The doors: one middleware in front of everything, Streamlit's own routes included.

It checks each call's host and origin, counts sockets, their messages and uploaded bytes, keeps
shown files to their visitor, and adds the headers that browsers obey. Its only exceptions are
static files, and health checks, which come by IP address.
"""

from __future__ import annotations

import json
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.server import health, protocol
from fer.server.floods import SocketLimits
from fer.server.headers import security_headers
from fer.server.limits import Limits
from fer.server.origins import OriginCheck
from fer.server.uploads import Uploads, is_media

STATIC: Final = ("/static/", "/browser/")
MISDIRECTED: Final = 421
FOREIGN_HOST: Final = (
    "This server is not set up for this host name: its operator can add it to FER_HOSTS."
)
FOREIGN_PAGE: Final = "Pages of this site may not call this server (see FER_ORIGINS)."


class Doors:
    """ASGI middleware that refuses what no page of this site would ask for."""

    def __init__(
        self, app: ASGIApp, origins: OriginCheck, uploads: Uploads, limits: Limits | None = None
    ) -> None:
        self._app, self._origins, self._uploads = app, origins, uploads
        self._sockets = SocketLimits(limits or Limits())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        client = self._origins.client(request)
        scope["client"] = (client, 0)  # for the pages and the log, which know of no proxies
        send = self._with_headers(request, send)
        refusal = None if is_open(scope) else self._refusal(request, client)
        if refusal is not None:
            await refuse(scope, send, *refusal)
        elif scope["type"] == "websocket":
            await self._sockets.serve(self._app, client, scope, receive, send)
        else:
            with self._uploads.counted(request, client):
                await self._app(scope, receive, send)

    def _refusal(self, request: HTTPConnection, client: str) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal; None if the call may pass."""
        if not self._origins.allows_host(request):
            return MISDIRECTED, FOREIGN_HOST
        if not self._origins.allows_origin(request):
            return 403, FOREIGN_PAGE
        if request.scope["type"] == "websocket":
            reason = self._sockets.refusal(client)
            return None if reason is None else (403, reason)
        if not self._uploads.shows(request):
            return 404, "There is no such file."
        return self._uploads.refusal(request, client)

    def _with_headers(self, request: HTTPConnection, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(request, self._origins).items():
                    headers[name] = value
                if is_media(request):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return with_headers


def is_open(scope: Scope) -> bool:
    """Return True for a health check or a static file, which every host name may ask for."""
    path = scope["path"]
    reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return reads and (path in (*health.PATHS, *health.STRICT_PATHS) or path.startswith(STATIC))


async def refuse(scope: Scope, send: Send, status: int, line: str) -> None:
    """Answer with this status and one line of text; a WebSocket gets a bare 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": protocol.POLICY, "reason": line})
        return
    api = scope["path"].startswith("/api/")
    body = (json.dumps({"error": line}) if api else f"{line}\n").encode()
    headers = [
        (b"content-type", b"application/json" if api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),  # a body that may follow is not going to be read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
