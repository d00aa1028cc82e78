"""Gives a browser that has none the cookie by which it finds its own lessons again."""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.live.visitors import COOKIE, KNOWN
from fer.web.guard import Guard

DAYS: Final = 400  # the longest that browsers allow


class OwnerCookie:
    """ASGI middleware: gives the cookie to a browser that asks for a page without one."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        wanted = (
            scope["type"] == "http"
            and "text/html" in Headers(scope=scope).get("accept", "")
            and not KNOWN.fullmatch(HTTPConnection(scope).cookies.get(COOKIE, ""))
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
        one["secure"] = self._guard.own_origin(request).startswith("https:")
        return one.OutputString()
