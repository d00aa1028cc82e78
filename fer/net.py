"""Which servers help a browser and this one to find each other over WebRTC.

On one machine none is needed. Through a firewall a TURN server is; coturn takes credentials that
are made here for each lesson and expire, so no password stands in a page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from fer.errors import UsageError

HOURS: Final = 12  # that a TURN credential holds at least: longer than any lesson
IceServer = dict[str, Any]


@dataclass(frozen=True)
class Ice:
    """What the settings say of ICE servers."""

    # Given whole, as browsers take them; dicts have no hash, and may hold a password.
    servers: tuple[IceServer, ...] = field(default=(), hash=False, repr=False)
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = field(default=None, repr=False)
    relay_only: bool = False  # no direct connection is even tried

    def __post_init__(self) -> None:
        if self.turn_urls and not self.turn_secret:
            raise UsageError("a TURN address needs its server's secret as well")
        for url in self.turn_urls:
            if not url.startswith(("turn:", "turns:")):
                raise UsageError(f"{url!r} is no TURN address: write turns:HOST?transport=tcp")
        if self.relay_only and not self.relays:
            raise UsageError("to use relays only, name a TURN server")

    @property
    def relays(self) -> tuple[str, ...]:
        """The TURN servers' addresses."""
        given = [url for server in self.servers for url in _urls(server)]
        return self.turn_urls + tuple(url for url in given if url.startswith(("turn:", "turns:")))

    def for_lesson(self, name: str, now: float) -> list[IceServer]:
        """The servers for one lesson, with credentials of its own where they are made here."""
        servers = [dict(server) for server in self.servers]
        if self.turn_urls and self.turn_secret:
            # To the full hour: the page runs anew every second, and must say the same each time.
            until = (int(now) // 3600 + HOURS + 1) * 3600
            username = f"{until}:{name}"
            digest = hmac.new(self.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
            servers.append(
                {
                    "urls": sorted(self.turn_urls, key=_last_resort),
                    "username": username,
                    "credential": base64.b64encode(digest).decode(),
                }
            )
        return servers

    def configuration(self, name: str, now: float) -> dict[str, Any]:
        """A browser's RTCConfiguration. An empty list of servers is said, not left out: without it
        a public STUN server would be asked."""
        told: dict[str, Any] = {"iceServers": self.for_lesson(name, now)}
        return told | ({"iceTransportPolicy": "relay"} if self.relay_only else {})


def servers_from(text: str) -> tuple[IceServer, ...]:
    """A JSON list of ICE servers, as browsers take them.

    >>> servers_from('[{"urls": "stun:stun.example.org"}]')
    ({'urls': 'stun:stun.example.org'},)
    """
    try:
        said = json.loads(text)
    except ValueError as fault:
        raise UsageError(f"the ICE servers are no JSON ({fault})") from fault
    if not isinstance(said, list) or not all(isinstance(s, dict) and _urls(s) for s in said):
        raise UsageError('the ICE servers must be a list such as [{"urls": "stun:HOST"}]')
    return tuple(said)


def _urls(server: IceServer) -> Sequence[str]:
    urls = server.get("urls")
    found = [urls] if isinstance(urls, str) else urls
    return found if isinstance(found, list) and all(isinstance(u, str) for u in found) else []


def _last_resort(url: str) -> int:
    # aiortc uses only the first address; TCP under TLS gets through most walls.
    return 2 - url.startswith("turns:") - ("transport=tcp" in url)


def is_local(host: str) -> bool:
    """Whether a name or address means this computer alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
