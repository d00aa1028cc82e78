import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from fer.server.identity import COOKIE, VALID, OwnerCookie, owner_of
from fer.server.origins import OriginCheck
from fer.settings import Settings

PAGE = {"accept": "text/html,application/xhtml+xml", "host": "school.example"}


def given(headers: dict[str, str], proxies: int = 0) -> str | None:
    """Return the Set-Cookie header of the answer to a request with these headers."""
    messages: list[Any] = []
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": pairs}

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        messages.append(message)

    page = OwnerCookie(PlainTextResponse("a page"), OriginCheck(Settings(proxies=proxies)))
    asyncio.run(page(scope, receive, send))
    assert messages[-1]["body"] == b"a page"
    return dict(messages[0]["headers"]).get(b"set-cookie", b"").decode() or None


def value(cookie: str | None) -> str:
    assert cookie is not None
    return cookie.split(";")[0].removeprefix(f"{COOKIE}=")


def test_a_page_sets_a_lasting_cookie() -> None:
    cookie = given(PAGE)
    assert cookie is not None
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert VALID.fullmatch(value(cookie))
    assert given({**PAGE, "cookie": f"{COOKIE}={value(cookie)}"}) is None


def test_every_browser_gets_another_cookie() -> None:
    owners = {owner_of({COOKIE: value(given(PAGE))}) for _ in range(3)}
    assert len(owners) == 3
    assert None not in owners


def test_behind_tls_the_cookie_is_sent_over_tls_only() -> None:
    headers = {**PAGE, "x-forwarded-proto": "https"}
    assert "Secure" in (given(headers, proxies=1) or "")
    assert "Secure" not in (given(headers) or "")


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_programs_get_no_cookie(accept: str) -> None:
    assert given({"accept": accept}) is None


@pytest.mark.parametrize("cookie", ["", "short", "x" * 31, "x" * 33, "x" * 31 + "!"])
def test_a_malformed_cookie_is_replaced(cookie: str) -> None:
    assert owner_of({COOKIE: cookie}) is None
    assert given({**PAGE, "cookie": f"{COOKIE}={cookie}"}) is not None


def test_the_owner_does_not_reveal_the_cookie() -> None:
    cookie = "a" * 32
    owner = owner_of({COOKIE: cookie})
    assert owner is not None
    assert cookie not in owner
    assert owner == owner_of({COOKIE: cookie})
