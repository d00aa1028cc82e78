"""Know a call's site, its origin and its client.

Streamlit takes any Host, and looks up this computer's public address for each origin that it does
not know. `fer.server.doors` asks here before Streamlit sees a call.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from fer.net import HostNames, host_name, plain_address
from fer.settings import Settings

LOG: Final = logging.getLogger(__name__)
USUAL_PORTS: Final = {"http": 80, "https": 443}
SECURE: Final = ("https", "wss")


class OriginCheck:
    """Compares a call's host and origin with the site's, which the settings name."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self._site, self._proxies = plain_origin(settings.site), settings.proxies
        self._site_host = host_name(self._site.partition("://")[2])
        names = (*settings.hosts, self._site_host) if self._site_host else settings.hosts
        self._hosts = HostNames(frozenset(names))
        self.origins = frozenset(filter(None, map(plain_origin, settings.origins)))

    def allows_host(self, request: HTTPConnection) -> bool:
        """Return True if the call's one Host header names this site."""
        hosts = request.headers.getlist("host")
        server = request.scope.get("server")
        if len(hosts) == 1 and self._hosts.allow(hosts[0], server[0] if server else None):
            return True
        LOG.warning(
            "refused a call to the host %.100r: if this site is called so, name it in FER_SITE or "
            "FER_HOSTS",
            ", ".join(hosts),
        )
        return False

    def allows_origin(self, request: HTTPConnection) -> bool:
        """Return True if a page of this site, or of one in FER_ORIGINS, makes the call.

        A WebSocket needs an Origin, which browsers always send. Another call without one comes from
        a program or from a link. A program can send any Origin, so refusing a missing one would
        protect nothing.
        """
        origin = request.headers.get("origin")
        if origin is None:
            return bool(request.scope["type"] != "websocket")
        plain, own = plain_origin(origin), self.own_origin(request)
        if plain and plain in self.origins | {own, self._site}:
            return True
        LOG.warning(
            "refused a call from a page of %.100r: this site is %.100r; behind a proxy set "
            "FER_SITE, or FER_PROXIES=1; to allow another site add it to FER_ORIGINS",
            origin,
            own,
        )
        return False

    def client(self, request: HTTPConnection) -> str:
        """Return the client for the limits: an IPv4 address, or an IPv6 network of one customer."""
        address_text = request.client.host if request.client else "unknown"
        if self._proxies:
            address_text = _values(request, "x-forwarded-for", self._proxies) or address_text
        address = plain_address(address_text)
        if address is None:
            return address_text[:64]
        if address.version == 6 and not address.is_loopback:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    def own_origin(self, request: HTTPConnection) -> str:
        """Return this site's origin as the caller sees it. X-Forwarded-Host is not believed."""
        host = request.headers.get("host", "")
        if self._site_host and host_name(host) == self._site_host:
            return self._site
        scheme = request.scope.get("scheme", "http")
        if self._proxies:
            scheme = _values(request, "x-forwarded-proto") or scheme
        return plain_origin(f"{'https' if scheme in SECURE else 'http'}://{host}")

    def is_secure(self, request: HTTPConnection) -> bool:
        """Return True if the caller's browser reaches this site over TLS."""
        return self.own_origin(request).startswith("https:")


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


def _values(request: HTTPConnection, name: str, back: int = 1) -> str:
    """Return the value that is `back` from a header's end, or the first one if there are fewer.

    The nearest proxy added the last value, the one before it the last but one. What stands further
    ahead comes from the client.
    """
    values = ",".join(request.headers.getlist(name)).split(",")
    return values[max(len(values) - back, 0)].strip()
