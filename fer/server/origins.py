"""Check the Origin of calls: pages of this site and of named sites may call.

Streamlit checks nothing on the routes beside its pages.
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
    """Compares origins with the site's own and those that are named in the settings."""

    def __init__(self, origins: tuple[str, ...] = (), trust_proxy: bool = False) -> None:
        self.origins = frozenset(map(plain_origin, origins))
        self._trust_proxy = trust_proxy

    def lets_socket(self, request: HTTPConnection) -> bool:
        """Return True if a WebSocket may open. It needs an Origin, which browsers always send."""
        return self._lets(request, request.headers.get("origin"))

    def lets_api(self, request: HTTPConnection) -> bool:
        """Return True if a call of the API may pass. Without an Origin it comes from no page.

        A program can send any Origin, so refusing one without would protect nothing. The API uses
        no cookie and no sign-in, so a page cannot use anybody's rights; the check keeps other
        sites' pages from the server's time and from a server inside a closed network.
        """
        origin = request.headers.get("origin")
        return origin is None or self._lets(request, origin)

    def client(self, request: HTTPConnection) -> str:
        """Return whom to count a call for: an IPv4 address, or one customer's IPv6 network."""
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

    def _lets(self, request: HTTPConnection, origin: str | None) -> bool:
        if origin is None:
            return False
        said, own = plain_origin(origin), self.own_origin(request)
        if said and said in self.origins | {own}:
            return True
        LOG.warning(
            "refused a page of %.100r: this site is %.100r; behind a proxy set FER_TRUST_PROXY=1, "
            "for another site's pages FER_ORIGINS",
            origin,
            own,
        )
        return False


def plain_origin(origin: str) -> str:
    """Return an origin in lower case without its scheme's usual port; "" if it is malformed."""
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
    """Return the value that our proxy added: the last one. Earlier ones come from the client."""
    return ",".join(request.headers.getlist(name)).split(",")[-1].strip()
