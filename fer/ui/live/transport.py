"""Choose how a camera sends its frames: over WebRTC if that can work, else over the socket."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from fer.net import Ice, is_local

Transport = Literal["webrtc", "socket"]
Wanted = Literal["auto", "webrtc", "socket"]
PATIENCE: Final = 4.0  # seconds to wait for WebRTC's first frame; it usually takes 1 or 2
RELAY: Final = re.compile(r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(\w+))?")
USUAL_PORTS: Final = {"turn": 3478, "turns": 5349}


def answers(url: str, seconds: float = 1.0) -> bool:
    """Return True if a TURN server answers at `url`. UDP addresses count as answering, untried."""
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


def first_transport(
    wanted: Wanted, page: str, ice: Ice, answers: Callable[[str], bool] = answers
) -> Transport:
    """Return the transport to try first, for a page at this address."""
    if wanted != "auto":
        return wanted
    # Check first: both sides would wait ten seconds for a relay that doesn't answer.
    works = any(map(answers, ice.relays)) if ice.relays else is_local(urlsplit(page).hostname or "")
    return "webrtc" if works else "socket"


@dataclass
class Attempt:
    """A browser's attempt to send its camera over WebRTC: decides when it has failed."""

    now: Callable[[], float] = field(default=time.monotonic, repr=False)
    began: float | None = None  # when Start was pressed; None while stopped

    def update(self, state: Literal["idle", "connecting", "live"]) -> None:
        """Take in the widget's state."""
        if state == "idle":
            self.began = None
        elif self.began is None:
            self.began = self.now()

    def failed(self, last_frame: float | None) -> bool:
        """Return whether Start was pressed more than PATIENCE ago and no frame came since."""
        if self.began is None or (last_frame is not None and last_frame >= self.began):
            return False
        return self.now() - self.began > PATIENCE
