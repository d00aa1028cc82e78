"""Check the Origin header: only pages of this site and of sites in FER_ORIGINS may call.

Streamlit does not check the routes beside its pages.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

LOG: Final = logging.getLogger(__name__)
USUAL_PORTS: Final = {"http": 80, "https": 443}
SECURE: Final = ("https", "wss")


class OriginCheck:
    """Compares a call's origin with this site's and with those in the settings."""

    def __init__(self, origins: tuple[str, ...] = (), trust_proxy: bool = False) -> None:
        self.origins = frozenset(map(plain_origin, origins))
        self._trust_proxy = trust_proxy

    def allows_socket(self, request: HTTPConnection) -> bool:
        """Return True if a WebSocket may open. It needs an Origin, which browsers always send."""
        return self._allows(request, request.headers.get("origin"))

    def allows_api(self, request: HTTPConnection) -> bool:
        """Return True if the API may answer a call. A call without an Origin comes from a program.

        A program can send any Origin, so refusing a missing one would protect nothing. The API uses
        neither cookies nor a sign-in, so a page cannot misuse a visitor's rights. The check stops
        other sites' pages from using the server's time, or a server inside a closed network.
        """
        origin = request.headers.get("origin")
        return origin is None or self._allows(request, origin)

    def client(self, request: HTTPConnection) -> str:
        """Return the client for the limits: an IPv4 address, or an IPv6 network of one customer."""
        address_text = request.client.host if request.client else "unknown"
        if self._trust_proxy:
            address_text = _last(request, "x-forwarded-for") or address_text
        try:
            address = ipaddress.ip_address(address_text)
        except ValueError:
            return address_text[:64]
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return address_text

    def own_origin(self, request: HTTPConnection) -> str:
        """Return this site's origin as the caller sees it."""
        scheme, host = request.url.scheme, request.headers.get("host", "")
        if self._trust_proxy:
            scheme = _last(request, "x-forwarded-proto") or scheme
            host = _last(request, "x-forwarded-host") or host
        return plain_origin(f"{'https' if scheme in SECURE else 'http'}://{host}")

    def _allows(self, request: HTTPConnection, origin: str | None) -> bool:
        if origin is None:
            return False
        plain, own = plain_origin(origin), self.own_origin(request)
        if plain and plain in self.origins | {own}:
            return True
        LOG.warning(
            "refused a call from a page of %.100r: this site is %.100r; behind a proxy set "
            "FER_TRUST_PROXY=1, to allow another site add it to FER_ORIGINS",
            origin,
            own,
        )
        return False


def plain_origin(origin: str) -> str:
    """Return an origin in lower case without the scheme's usual port; "" if it is malformed."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        return ""
    beyond = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in USUAL_PORTS or not parts.hostname or beyond:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, USUAL_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def _last(request: HTTPConnection, name: str) -> str:
    """Return the last value of a header: our proxy added it, earlier ones come from the client."""
    return ",".join(request.headers.getlist(name)).split(",")[-1].strip()
