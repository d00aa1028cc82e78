"""Token buckets: burst, rate, one for each client, bounded memory."""

import pytest

from fer.server.limits import Bucket, Buckets, Limits
from tests.server.fakes import Clock


def test_what_one_client_may_use() -> None:
    """Whoever changes one of these changes what the server holds in memory or lets somebody do."""
    limits = Limits()
    assert limits.frame_bytes == 3_000_000
    assert (limits.frame_pixels, limits.frames_a_second) == (8_000_000, 60)
    assert (limits.idle_seconds, limits.send_seconds, limits.photo_seconds) == (30, 5, 30)
    assert limits.photo_bytes == 15_000_000
    assert (limits.photos_waiting, limits.photos_of_one) == (8, 4)
    assert (limits.photo_burst, limits.photos_a_second) == (10, 1)
    assert (limits.messages_burst, limits.messages_a_second) == (20, 10)
    assert (limits.client_messages_burst, limits.client_messages_a_second) == (40, 40)
    assert (limits.sockets_burst, limits.sockets_a_second) == (60, 3)
    assert (limits.sockets_of_one, limits.sockets) == (100, 400)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    now = Clock()
    bucket = Bucket(rate=2.0, burst=3.0, now=now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now.at += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now.at += 3600
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_refusals_cost_nothing() -> None:
    now = Clock()
    bucket = Bucket(rate=1.0, burst=1.0, now=now)
    assert bucket.take()
    for _ in range(100):
        now.at += 0.009
        assert not bucket.take()
    now.at += 0.2
    assert bucket.take()


def test_a_clients_use_is_its_own() -> None:
    buckets = Buckets(rate=1.0, burst=1.0, now=Clock())
    assert buckets.take("one")
    assert not buckets.take("one")
    assert buckets.take("another")


@pytest.mark.parametrize("seen_again", [True, False])
def test_who_was_unseen_for_longest_is_forgotten(seen_again: bool) -> None:
    buckets = Buckets(rate=0.0, burst=1.0, now=Clock())
    assert buckets.take("first")
    for at in range(4095):
        assert buckets.take(str(at))
    if seen_again:
        assert not buckets.take("first")
    assert buckets.take("one more")
    assert len(buckets) == 4096
    assert buckets.take("first") is not seen_again
