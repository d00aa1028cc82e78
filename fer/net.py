"""The ICE servers that connect a browser with this server over WebRTC, and names of servers.

On one machine no server is needed, but a firewall may require a TURN server. For coturn, this
module makes credentials for each lesson. They expire, so no lasting password gets into a page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from fer.errors import UsageError

HOURS: Final = 12  # least validity of a TURN credential, longer than any lesson
IceServer = dict[str, Any]


@dataclass(frozen=True)
class Ice:
    """The ICE servers that the settings name."""

    # In the form of browsers. No hash, as dicts have none; not shown, as they may hold a password.
    servers: tuple[IceServer, ...] = field(default=(), hash=False, repr=False)
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = field(default=None, repr=False)
    relay_only: bool = False  # never try a direct connection

    def __post_init__(self) -> None:
        if self.turn_urls and not self.turn_secret:
            raise UsageError("a TURN address needs its server's secret too: set both")
        for url in self.turn_urls:
            if not url.startswith(("turn:", "turns:")):
                raise UsageError(
                    f"{url!r} is not a TURN address: write it like turns:HOST?transport=tcp"
                )
        if self.relay_only and not self.relays:
            raise UsageError("relay-only needs a relay, and none is set: name a TURN server")

    @property
    def relays(self) -> tuple[str, ...]:
        """Return the addresses of all TURN servers."""
        given = [url for server in self.servers for url in _urls(server)]
        return self.turn_urls + tuple(url for url in given if url.startswith(("turn:", "turns:")))

    def for_lesson(self, lesson_id: str, now: float) -> list[IceServer]:
        """Return the ICE servers for a lesson, with credentials made for it; `now` is Unix time."""
        servers = [dict(server) for server in self.servers]
        if self.turn_urls and self.turn_secret:
            # Rounded to hours, so that a page that reruns every second gets the same credentials.
            until = (int(now) // 3600 + HOURS + 1) * 3600
            username = f"{until}:{lesson_id}"
            digest = hmac.new(self.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
            servers.append(
                {
                    "urls": sorted(self.turn_urls, key=_rank),
                    "username": username,
                    "credential": base64.b64encode(digest).decode(),
                }
            )
        return servers

    def configuration(self, lesson_id: str, now: float) -> dict[str, Any]:
        """Return a browser's RTCConfiguration for this lesson.

        The list of servers is written even if empty: without it a public STUN server would be used.
        """
        servers: dict[str, Any] = {"iceServers": self.for_lesson(lesson_id, now)}
        return servers | ({"iceTransportPolicy": "relay"} if self.relay_only else {})


def servers_from(text: str) -> tuple[IceServer, ...]:
    """Return the ICE servers in a JSON list in the form of browsers.

    >>> servers_from('[{"urls": "stun:stun.example.org"}]')
    ({'urls': 'stun:stun.example.org'},)
    """
    try:
        servers = json.loads(text)
    except ValueError as fault:
        raise UsageError(f"the ICE servers are not JSON ({fault})") from fault
    if not isinstance(servers, list) or not all(isinstance(s, dict) and _urls(s) for s in servers):
        raise UsageError('the ICE servers must be a list such as [{"urls": "stun:HOST"}]')
    return tuple(servers)


def _urls(server: IceServer) -> Sequence[str]:
    urls = server.get("urls")
    found = [urls] if isinstance(urls, str) else urls
    return found if isinstance(found, list) and all(isinstance(u, str) for u in found) else []


def _rank(url: str) -> int:
    # aiortc uses only the first address; TCP under TLS gets through most firewalls.
    return 2 - url.startswith("turns:") - ("transport=tcp" in url)


def is_local(host: str) -> bool:
    """Return True if a host name or address means this computer."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True)
class HostNames:
    """The host names of a server: loopback names, the given ones, and its own address.

    A page of another site can point its own name to this server (DNS rebinding) and then read its
    answers. The browser sends that name as Host, so a name that is not listed is refused.
    """

    names: frozenset[str] = frozenset()  # "*.school.example" stands for every name below it

    def allow(self, host: str, arrived_at: str | None = None) -> bool:
        """Return True if a Host header names this server.

        `arrived_at` is the local address of the connection. A browser sends an address as Host only
        if a person or a page of that address named it.
        """
        name = host_name(host)
        if not name:
            return False
        if is_local(name) or name in self.names:
            return True
        if any(one.startswith("*.") and name.endswith(one[1:]) for one in self.names):
            return True
        address = plain_address(name)
        return address is not None and address == plain_address(arrived_at or "")


def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case and without the port; "" if malformed.

    >>> host_name("School.example:8501")
    'school.example'
    """
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError if it is no port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return ""
    return (parts.hostname or "").rstrip(".")


def plain_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text, an IPv4 one also if it is mapped to IPv6; else None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
