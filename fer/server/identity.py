"""Identify visitors without a sign-in, by a cookie that scripts cannot read.

Pages and the store get only a digest of the cookie, so that nobody can use an entry of the database
as a cookie.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.errors import FerError
from fer.server.origins import OriginCheck

LOG: Final = logging.getLogger(__name__)

COOKIE: Final = "fer_owner"
HOST_COOKIE: Final = "__Host-fer_owner"  # under TLS
VALID: Final = re.compile(r"[A-Za-z0-9_-]{32}")


def owner_of(cookies: Mapping[str, str]) -> str | None:
    """Return the id of the owner with these cookies; None without a valid cookie.

    A sister domain can set COOKIE for this site, but not HOST_COOKIE, which therefore goes first.
    """
    for name in (HOST_COOKIE, COOKIE):
        value = cookies.get(name)
        if isinstance(value, str) and VALID.fullmatch(value):
            return _owner(value)
    return None


def _owner(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]


DAYS: Final = 400  # the longest that browsers allow
TakeOver = Callable[[str, str], None]


class OwnerCookie:
    """ASGI middleware that sets the cookie when a browser without one asks for a page.

    Under TLS its name begins with __Host-, and a browser that has only the older name gets a new
    value: `take_over` then gives the old owner's lessons to the new one, once, so that whoever
    knows or has planted the old value has nothing of it.
    """

    def __init__(
        self, app: ASGIApp, origins: OriginCheck, take_over: TakeOver | None = None
    ) -> None:
        self._app, self._origins, self._take_over = app, origins, take_over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and set the cookie in its answer if it is missing."""
        asks = scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")
        added = await self._cookies(HTTPConnection(scope)) if asks else []

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                for cookie in added:
                    MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_cookies if added else send)

    async def _cookies(self, request: HTTPConnection) -> list[str]:
        """Return the cookies to set in the answer to a call for a page."""
        secure = self._origins.is_secure(request)
        name = HOST_COOKIE if secure else COOKIE
        if VALID.fullmatch(request.cookies.get(name, "")):
            return []
        new, old = secrets.token_urlsafe(24), request.cookies.get(COOKIE, "")
        if not secure or not VALID.fullmatch(old):
            return [_cookie(name, new, secure)]
        if self._take_over is not None:
            try:
                await asyncio.to_thread(self._take_over, _owner(old), _owner(new))
            except FerError as fault:
                LOG.warning("lessons keep their older cookie until the next page: %s", fault)
                return []
        return [_cookie(name, new, secure), _cookie(COOKIE, "", secure, days=0)]


def _cookie(name: str, value: str, secure: bool, days: int = DAYS) -> str:
    cookie: SimpleCookie = SimpleCookie({name: value})
    one = cookie[name]
    one["path"], one["max-age"] = "/", days * 24 * 3600
    one["httponly"], one["samesite"], one["secure"] = True, "Lax", secure
    return one.OutputString()
