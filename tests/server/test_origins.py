"""Which pages may call: directly, behind a proxy, on other ports, over IPv6."""

import logging

import pytest
from starlette.requests import HTTPConnection

from fer.server.origins import OriginCheck, plain_origin
from fer.settings import Settings


def call(
    *headers: tuple[str, str], scheme: str = "http", client: str | None = "10.0.0.7"
) -> HTTPConnection:
    """Return a request with these headers; a name may occur several times."""
    scope = {
        "type": "websocket" if scheme.startswith("ws") else "http",
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
    assert OriginCheck().allows_origin(request) is own


def test_a_program_without_an_origin_may_open_no_socket() -> None:
    assert OriginCheck().allows_origin(call(("host", "localhost:8501")))
    assert not OriginCheck().allows_origin(call(("host", "localhost:8501"), scheme="ws"))


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        (["localhost:8501"], True),
        (["127.0.0.1"], True),
        (["[::1]:8501"], True),
        (["192.168.1.5:8501"], True),  # the address that the connection came in at
        (["School.example"], True),
        (["school.example:443"], True),
        (["school.example."], True),
        (["a.b.example"], True),
        (["b.example"], False),
        (["evil.example"], False),
        (["school.example.evil.example"], False),
        (["192.168.1.6:8501"], False),
        (["evil.example@school.example"], False),
        (["school.example/evil.example"], False),
        (["school.example:evil"], False),
        (["school.example", "evil.example"], False),
        ([""], False),
        ([], False),
    ],
)
def test_only_named_hosts_are_answered(hosts: list[str], allowed: bool) -> None:
    check = OriginCheck(Settings(site="https://school.example", hosts=("*.b.example",)))
    request = call(*(("host", host) for host in hosts))
    request.scope["server"] = ("::ffff:192.168.1.5", 8501)
    assert check.allows_host(request) is allowed


def test_by_default_a_server_answers_to_no_name_but_this_computers() -> None:
    assert OriginCheck().allows_host(call(("host", "localhost:8501")))
    assert not OriginCheck().allows_host(call(("host", "school.example")))


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
    assert OriginCheck(Settings(origins=(named,))).allows_origin(request) is lets


TLS = ("x-forwarded-proto", "https")


def test_a_proxys_scheme_counts_only_if_it_is_trusted() -> None:
    request = call(("host", "school.example"), ("origin", "https://school.example"), TLS)
    assert not OriginCheck().allows_origin(request)
    assert OriginCheck(Settings(proxies=1)).allows_origin(request)


def test_a_forwarded_host_is_never_believed() -> None:
    """Cloud Run passes a client's X-Forwarded-Host on as it is."""
    request = call(
        ("host", "school.example"),
        ("origin", "https://evil.example"),
        ("x-forwarded-host", "evil.example"),
        TLS,
    )
    assert not OriginCheck(Settings(proxies=1)).allows_origin(request)


def test_the_sites_own_name_needs_no_headers_of_a_proxy() -> None:
    check = OriginCheck(Settings(site="https://school.example"))
    for host in ("school.example", "127.0.0.1:8501"):  # a proxy may pass on its own name for us
        assert check.allows_origin(call(("host", host), ("origin", "https://school.example")))
    assert check.is_secure(call(("host", "school.example")))
    assert not check.is_secure(call(("host", "localhost:8501")))


@pytest.mark.parametrize("lines", [["http, https"], ["http", "https"]])
def test_the_last_of_several_schemes_is_the_proxys_own(lines: list[str]) -> None:
    """A proxy may extend the client's header, or add another one."""
    schemes = [("x-forwarded-proto", line) for line in lines]
    check = OriginCheck(Settings(proxies=1))
    assert check.is_secure(call(("host", "school.example"), *schemes))


@pytest.mark.parametrize(
    ("passed", "proxies", "client"),
    [
        ((), 1, "10.0.0.7"),
        (("203.0.113.9",), 0, "10.0.0.7"),
        (("203.0.113.9",), 1, "203.0.113.9"),
        (("1.1.1.1, 203.0.113.9",), 1, "203.0.113.9"),  # as Cloud Run writes
        (("1.1.1.1", "203.0.113.9"), 1, "203.0.113.9"),
        (("2001:db8:1:2:3:4:5:6",), 1, "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1",), 1, "2001:db8:1:2::/64"),
        (("::ffff:203.0.113.9",), 1, "203.0.113.9"),
        (("::1",), 1, "::1"),
        (("x" * 500,), 1, "x" * 64),
        (("",), 1, "10.0.0.7"),
        (("1.1.1.1, 203.0.113.9, 34.120.5.5",), 2, "203.0.113.9"),  # as Google's balancer writes
        (("203.0.113.9",), 3, "203.0.113.9"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(
    passed: tuple[str, ...], proxies: int, client: str
) -> None:
    lines = [("x-forwarded-for", line) for line in passed]
    assert OriginCheck(Settings(proxies=proxies)).client(call(*lines)) == client


def test_a_client_without_an_address_still_counts() -> None:
    assert OriginCheck().client(call(client=None)) == "unknown"
    assert OriginCheck().client(call(client="fe80::1%eth0")).startswith("fe80::")


def test_the_log_names_the_settings_to_change(caplog: pytest.LogCaptureFixture) -> None:
    origin = "https://evil.example\x1b[2J" + "x" * 500
    with caplog.at_level(logging.WARNING, "fer.server.origins"):
        assert not OriginCheck().allows_origin(call(("host", "a.example"), ("origin", origin)))
    line = caplog.messages[0]
    assert "FER_PROXIES" in line
    assert "FER_ORIGINS" in line
    assert "\x1b" not in line
    assert len(line) < 400


@pytest.mark.parametrize("none", ["", "null", "https://", "ftp://a.org", "a.org", "http://a.org/x"])
def test_a_malformed_origin_is_empty(none: str) -> None:
    assert plain_origin(none) == ""
