"""Limits on what clients may use, and the token buckets that apply them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fer.vision.media.box import LIVE_PIXELS
from fer.vision.photos import LARGEST

Clock = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """The limits of the routes, for one client and for all together."""

    frame_bytes: int = 3_000_000
    frame_pixels: int = LIVE_PIXELS
    frames_a_second: float = 60.0
    idle_seconds: float = 30.0
    token_seconds: float = 5.0  # in which a client must send its token
    send_seconds: float = 5.0  # in which a client must receive an answer
    photo_bytes: int = LARGEST
    photo_seconds: float = 30.0  # in which a photo must arrive
    photos_waiting: int = 8  # of all clients, in memory at once
    photos_of_one: int = 4  # of one client, so that a slow one cannot take all places
    photo_burst: float = 10.0
    photos_a_second: float = 1.0
    # Streamlit's socket: an open page Live sends one to three messages a second. A school's pages
    # may share one address.
    messages_a_second: float = 10.0
    messages_burst: float = 20.0
    client_messages_a_second: float = 40.0  # beyond it they wait, for at most `message_seconds`
    client_messages_burst: float = 40.0
    message_seconds: float = 10.0
    sockets_a_second: float = 3.0  # opened by one client
    sockets_burst: float = 60.0
    sockets_of_one: int = 100
    sockets: int = 400


class Bucket:
    """A token bucket: it holds up to `burst` tokens and gains `rate` tokens a second."""

    def __init__(self, rate: float, burst: float, now: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._tokens, self._at = burst, now()

    def take(self) -> bool:
        """Take a token; return False if there is none."""
        now = self._now()
        self._tokens = min(self._tokens + (now - self._at) * self._rate, self._burst)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """A bucket for each client. Beyond MOST clients the least recently used is forgotten."""

    MOST = 4096

    def __init__(self, rate: float, burst: float, now: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> bool:
        """Take a token from the client's bucket; return False if there is none."""
        bucket = self._buckets.pop(client, None) or Bucket(self._rate, self._burst, self._now)
        self._buckets[client] = bucket
        if len(self._buckets) > self.MOST:
            self._buckets.popitem(last=False)
        return bucket.take()
