"""Who may call: pages of this site and of named ones. Streamlit checks nothing on these routes."""

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
    """Knows the site's own address and who else was named."""

    def __init__(self, origins: tuple[str, ...] = (), trust_proxy: bool = False) -> None:
        self.origins = frozenset(map(plain_origin, origins))
        self._trust_proxy = trust_proxy

    def lets_socket(self, request: HTTPConnection) -> bool:
        """Whether a WebSocket may open: browsers always say whose page asks, so it must be said."""
        return self._lets(request, request.headers.get("origin"))

    def lets_api(self, request: HTTPConnection) -> bool:
        """Whether a call of the API may pass. Without an Origin it comes from no page.

        A program without a browser could write any Origin, so nothing is lost by letting it in.
        And as no cookie or login is used, a page can't borrow anybody's rights either; what is
        kept from other sites' pages is the server's time and what its network alone can reach.
        """
        origin = request.headers.get("origin")
        return origin is None or self._lets(request, origin)

    def client(self, request: HTTPConnection) -> str:
        """Whom to count a call for: an address, of IPv6 the network, which one person can fill."""
        said = request.client.host if request.client else "unknown"
        if self._trust_proxy:
            said = _last(request, "x-forwarded-for") or said
        try:
            address = ipaddress.ip_address(said)
        except ValueError:
            return said[:64]
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return said

    def own_origin(self, request: HTTPConnection) -> str:
        """The site as the caller sees it."""
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
    """The origin in small letters and without its scheme's usual port; "" if it is none."""
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
    """Our proxy's word; what stands before it, in this line or an earlier one, is the client's."""
    return ",".join(request.headers.getlist(name)).split(",")[-1].strip()
