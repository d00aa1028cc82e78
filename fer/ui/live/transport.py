"""How a camera's picture comes here: over WebRTC where that can work, else over the socket."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from fer.net import Ice, is_local

Way = Literal["webrtc", "socket"]
Wanted = Literal["auto", "webrtc", "socket"]
PATIENCE: Final = 4.0  # seconds that WebRTC may take to bring its first frame; it needs 1 or 2
RELAY: Final = re.compile(r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(\w+))?")
USUAL_PORTS: Final = {"turn": 3478, "turns": 5349}


def answers(url: str, seconds: float = 1.0) -> bool:
    """Whether somebody answers at a TURN server's address. One over UDP is taken at its word."""
    parts = RELAY.fullmatch(url)
    if parts is None:
        return False
    scheme, host, port, transport = parts.groups()
    if scheme == "turn" and transport != "tcp":
        return True
    try:
        address = (host.strip("[]"), int(port or USUAL_PORTS[scheme]))
        socket.create_connection(address, seconds).close()
    except OSError:
        return False
    return True


def first_way(wanted: Wanted, page: str, ice: Ice, answers: Callable[[str], bool] = answers) -> Way:
    """What to begin with, for a page at this address."""
    if wanted != "auto":
        return wanted
    # A relay that doesn't answer would hold up both sides for ten seconds.
    works = any(map(answers, ice.relays)) if ice.relays else is_local(urlsplit(page).hostname or "")
    return "webrtc" if works else "socket"


@dataclass
class Attempt:
    """A browser's tries to bring its camera by WebRTC: tells when one has failed."""

    now: Callable[[], float] = field(default=time.monotonic, repr=False)
    began: float | None = None  # when Start was pressed; None while nothing is tried

    def saw(self, state: Literal["idle", "connecting", "live"]) -> None:
        """The widget is so far."""
        if state == "idle":
            self.began = None
        elif self.began is None:
            self.began = self.now()

    def failed(self, last_frame: float | None) -> bool:
        """Whether Start was pressed too long ago for no frame to have come since."""
        if self.began is None or (last_frame is not None and last_frame >= self.began):
            return False
        return self.now() - self.began > PATIENCE
