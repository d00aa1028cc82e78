""""""

import base64
import hashlib
import hmac

import pytest

from fer.errors import UsageError
from fer.net import HOURS, Ice, is_local, servers_from
from fer.settings import Settings

SECRET = "a secret of the school's own"


def test_credentials_are_made_for_each_lesson_in_coturns_form() -> None:
    ice = Ice(turn_urls=("turn:a.org",), turn_secret=SECRET)
    (server,) = ice.for_lesson("lesson", now=1000.0)
    expires, lesson_id = server["username"].split(":")
    assert (int(expires), lesson_id) == ((HOURS + 1) * 3600, "lesson")
    made = hmac.new(SECRET.encode(), server["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(server["credential"]) == made
    assert SECRET not in repr(ice)


def test_the_address_that_passes_most_firewalls_comes_first() -> None:
    urls = ("turn:a.org", "turn:a.org?transport=tcp", "turns:a.org?transport=tcp", "turns:a.org")
    (server,) = Ice(turn_urls=urls, turn_secret=SECRET).for_lesson("x", 0)
    assert server["urls"][0] == "turns:a.org?transport=tcp"
    assert server["urls"][-1] == "turn:a.org"


def test_an_empty_list_is_written_so_that_no_public_server_is_used() -> None:
    assert Ice().configuration("x", 0) == {"iceServers": []}


def test_the_browser_gets_the_relay_only_policy() -> None:
    ice = Ice(turn_urls=("turns:a.org",), turn_secret=SECRET, relay_only=True)
    assert ice.configuration("x", 0)["iceTransportPolicy"] == "relay"


def test_given_servers_are_passed_on() -> None:
    text = '[{"urls": ["stun:a.org"]}, {"urls": "turn:b.org", "username": "u", "credential": "c"}]'
    servers = servers_from(text)
    assert Ice(servers).for_lesson("x", 0) == list(servers)
    assert Ice(servers).relays
    assert not Ice(servers[:1]).relays


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '["stun:a"]', '[{"url": "stun:a"}]', '[{"urls": [1]}]']
)
def test_wrong_servers_are_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="the ICE servers"):
        servers_from(text)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"turn_urls": ("turn:a.org",)}, "needs its server's secret"),
        ({"turn_urls": ("https://a.org",), "turn_secret": SECRET}, "not a TURN address"),
        ({"relay_only": True}, "name a TURN server"),
    ],
)
def test_contradicting_options_are_one_line(options: dict[str, object], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        Ice(**options)  # type: ignore[arg-type]


def test_relays_are_found_wherever_they_are_named() -> None:
    servers = servers_from('[{"urls": ["stun:s.org", "turns:b.org"]}, {"urls": "turn:c.org"}]')
    ice = Ice(servers=servers, turn_urls=("turn:a.org",), turn_secret=SECRET)
    assert ice.relays == ("turn:a.org", "turns:b.org", "turn:c.org")
    assert Ice().relays == ()


def test_settings_with_servers_can_be_a_key_and_show_no_password() -> None:
    """The app keeps one state for each settings object, in a dictionary."""
    given = '[{"urls": "turn:b.org", "username": "u", "credential": "a password"}]'
    settings, same = (Settings.from_env({"FER_ICE_SERVERS": given}) for _ in range(2))
    assert {settings: 1}[same] == 1
    assert settings != Settings()
    assert "a password" not in repr(settings)


def test_local_addresses() -> None:
    assert is_local("127.0.0.1") and is_local("::1") and is_local("LOCALHOST")
    assert not is_local("0.0.0.0") and not is_local("10.0.0.1") and not is_local("a.example")
