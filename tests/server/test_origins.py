"""Which pages may call: directly, behind a proxy, on other ports, over IPv6."""

import logging

import pytest
from starlette.requests import HTTPConnection

from fer.server.origins import OriginCheck, plain_origin


def call(
    *headers: tuple[str, str], scheme: str = "http", client: str | None = "10.0.0.7"
) -> HTTPConnection:
    """Return a request with these headers; a name may occur several times."""
    scope = {
        "type": "http",
        "scheme": scheme,
        "path": "/api/photo",
        "query_string": b"",
        "server": ("127.0.0.1", 8501),
        "client": None if client is None else (client, 55555),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    return HTTPConnection(scope)


@pytest.mark.parametrize(
    ("host", "origin", "scheme", "own"),
    [
        ("localhost:8501", "http://localhost:8501", "http", True),
        ("LOCALHOST:8501", "http://localhost:8501", "ws", True),
        ("school.example", "http://school.example:80", "http", True),
        ("school.example:80", "http://school.example", "ws", True),
        ("school.example", "https://school.example:443", "wss", True),
        ("[::1]:8501", "http://[::1]:8501", "http", True),
        ("[2001:DB8::1]", "https://[2001:db8::1]", "https", True),
        ("localhost:8501", "http://localhost:8502", "http", False),
        ("localhost:8501", "http://localhost", "http", False),
        ("localhost:8501", "http://127.0.0.1:8501", "http", False),
        ("school.example", "https://school.example", "http", False),
        ("school.example", "http://school.example.evil.example", "http", False),
        ("school.example", "http://evil.example?school.example", "http", False),
        ("school.example", "http://school.example@evil.example", "http", False),
        ("school.example", "http://school.example/", "http", False),
        ("school.example", "http://school.example#", "http", True),  # an empty fragment is ignored
        ("school.example", "null", "http", False),
        ("school.example", "", "http", False),
        ("school.example", "file://", "http", False),
        ("school.example", "http://school.example:99999", "http", False),
        ("school.example", "http://[::1", "http", False),
        ("school.example", "http://sch\xfcl.example", "http", False),
        ("", "http://", "http", False),
        ("evil.example/x", "http://evil.example/x", "http", False),
    ],
)
def test_only_the_same_site_is_allowed_by_default(
    host: str, origin: str, scheme: str, own: bool
) -> None:
    request = call(("host", host), ("origin", origin), scheme=scheme)
    assert OriginCheck().allows_socket(request) is own
    assert OriginCheck().allows_api(request) is own


def test_a_program_without_an_origin_may_call_the_api_only() -> None:
    bare = call(("host", "localhost:8501"))
    assert not OriginCheck().allows_socket(bare)
    assert OriginCheck().allows_api(bare)


@pytest.mark.parametrize(
    ("named", "origin", "lets"),
    [
        ("https://school.example", "https://school.example", True),
        ("https://school.example:443", "https://School.example", True),
        ("https://school.example", "http://school.example", False),
        ("https://school.example", "https://school.example:8443", False),
        ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444", True),
        ("no site", "", False),
    ],
)
def test_sites_in_the_settings_are_allowed(named: str, origin: str, lets: bool) -> None:
    request = call(("host", "app.example"), ("origin", origin))
    assert OriginCheck((named,)).allows_socket(request) is lets


PROXY = (("x-forwarded-proto", "https"), ("x-forwarded-host", "school.example"))


def test_a_proxys_headers_count_only_if_it_is_trusted() -> None:
    request = call(("host", "10.1.2.3:8501"), ("origin", "https://school.example"), *PROXY)
    assert not OriginCheck().allows_socket(request)
    assert OriginCheck(trust_proxy=True).allows_socket(request)


def test_a_proxy_that_keeps_the_host_need_only_send_the_scheme() -> None:
    request = call(("host", "school.example"), ("origin", "https://school.example"), PROXY[0])
    assert OriginCheck(trust_proxy=True).allows_socket(request)


@pytest.mark.parametrize(
    "lines", [["https://evil.example, school.example"], ["evil.example", "school.example"]]
)
def test_the_last_of_several_values_is_the_proxys_own(lines: list[str]) -> None:
    """A proxy may extend the client's header, or add another one."""
    hosts = [("x-forwarded-host", line) for line in lines]
    common = (("host", "10.1.2.3"), ("x-forwarded-proto", "http, https"), *hosts)
    guard = OriginCheck(trust_proxy=True)
    assert guard.allows_socket(call(("origin", "https://school.example"), *common))
    assert not guard.allows_socket(call(("origin", "https://evil.example"), *common))


@pytest.mark.parametrize(
    ("passed", "trusted", "client"),
    [
        ((), True, "10.0.0.7"),
        (("203.0.113.9",), False, "10.0.0.7"),
        (("203.0.113.9",), True, "203.0.113.9"),
        (("1.1.1.1, 203.0.113.9",), True, "203.0.113.9"),
        (("1.1.1.1", "203.0.113.9"), True, "203.0.113.9"),
        (("2001:db8:1:2:3:4:5:6",), True, "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1",), True, "2001:db8:1:2::/64"),
        (("::ffff:203.0.113.9",), True, "::ffff:203.0.113.9"),
        (("x" * 500,), True, "x" * 64),
        (("",), True, "10.0.0.7"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(
    passed: tuple[str, ...], trusted: bool, client: str
) -> None:
    lines = [("x-forwarded-for", line) for line in passed]
    assert OriginCheck(trust_proxy=trusted).client(call(*lines)) == client


def test_a_client_without_an_address_still_counts() -> None:
    assert OriginCheck().client(call(client=None)) == "unknown"
    assert OriginCheck().client(call(client="fe80::1%eth0")).startswith("fe80::")


def test_the_log_names_the_settings_to_change(caplog: pytest.LogCaptureFixture) -> None:
    origin = "https://evil.example\x1b[2J" + "x" * 500
    with caplog.at_level(logging.WARNING, "fer.server.origins"):
        assert not OriginCheck().allows_api(call(("host", "a.example"), ("origin", origin)))
    line = caplog.messages[0]
    assert "FER_TRUST_PROXY" in line
    assert "FER_ORIGINS" in line
    assert "\x1b" not in line
    assert len(line) < 400


@pytest.mark.parametrize("none", ["", "null", "https://", "ftp://a.org", "a.org", "http://a.org/x"])
def test_a_malformed_origin_is_empty(none: str) -> None:
    assert plain_origin(none) == ""
