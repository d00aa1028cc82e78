"""Identify visitors without a sign-in, by a cookie that scripts cannot read.

Pages and the store get only a digest of the cookie, so that nobody can use an entry of the database
as a cookie.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.server.origins import OriginCheck

COOKIE: Final = "fer_owner"
VALID: Final = re.compile(r"[A-Za-z0-9_-]{32}")


def owner_of(cookies: Mapping[str, str]) -> str | None:
    """Return the id of the owner with these cookies; None without a valid cookie."""
    value = cookies.get(COOKIE)
    if not isinstance(value, str) or not VALID.fullmatch(value):
        return None
    return hashlib.sha256(value.encode()).hexdigest()[:32]


DAYS: Final = 400  # the longest that browsers allow


class OwnerCookie:
    """ASGI middleware that sets the cookie when a browser without one asks for a page."""

    def __init__(self, app: ASGIApp, origins: OriginCheck) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and set the cookie in its answer if it is missing."""
        wanted = (
            scope["type"] == "http"
            and "text/html" in Headers(scope=scope).get("accept", "")
            and not VALID.fullmatch(HTTPConnection(scope).cookies.get(COOKIE, ""))
        )
        if not wanted:
            await self._app(scope, receive, send)
            return
        cookie = self._cookie(HTTPConnection(scope))

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_cookie)

    def _cookie(self, request: HTTPConnection) -> str:
        cookie: SimpleCookie = SimpleCookie({COOKIE: secrets.token_urlsafe(24)})
        one = cookie[COOKIE]
        one["path"], one["max-age"] = "/", DAYS * 24 * 3600
        one["httponly"], one["samesite"] = True, "Lax"
        one["secure"] = self._origins.own_origin(request).startswith("https:")
        return one.OutputString()
