import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from fer.server.identity import COOKIE, KNOWN, OwnerCookie, owner_of
from fer.server.origins import OriginCheck

PAGE = {"accept": "text/html,application/xhtml+xml", "host": "school.example"}


def given(headers: dict[str, str], trust_proxy: bool = False) -> str | None:
    """The Set-Cookie that a request with these headers is answered with."""
    told: list[Any] = []
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": pairs}

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        told.append(message)

    page = OwnerCookie(PlainTextResponse("a page"), OriginCheck((), trust_proxy))
    asyncio.run(page(scope, receive, send))
    assert told[-1]["body"] == b"a page"
    return dict(told[0]["headers"]).get(b"set-cookie", b"").decode() or None


def value(cookie: str | None) -> str:
    assert cookie is not None
    return cookie.split(";")[0].removeprefix(f"{COOKIE}=")


def test_a_page_brings_a_cookie_that_stays() -> None:
    said = given(PAGE)
    assert said is not None
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    assert "Secure" not in said
    assert KNOWN.fullmatch(value(said))
    assert given({**PAGE, "cookie": f"{COOKIE}={value(said)}"}) is None


def test_every_browser_is_somebody_else() -> None:
    owners = {owner_of({COOKIE: value(given(PAGE))}) for _ in range(3)}
    assert len(owners) == 3
    assert None not in owners


def test_behind_tls_it_never_travels_in_the_clear() -> None:
    told = {**PAGE, "x-forwarded-proto": "https"}
    assert "Secure" in (given(told, trust_proxy=True) or "")
    assert "Secure" not in (given(told) or "")


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_programs_get_none(accept: str) -> None:
    assert given({"accept": accept}) is None


@pytest.mark.parametrize("said", ["", "short", "x" * 31, "x" * 33, "x" * 31 + "!"])
def test_a_cookie_that_is_not_ours_counts_for_nothing(said: str) -> None:
    assert owner_of({COOKIE: said}) is None
    assert given({**PAGE, "cookie": f"{COOKIE}={said}"}) is not None


def test_the_digest_does_not_tell_the_cookie() -> None:
    cookie = "a" * 32
    owner = owner_of({COOKIE: cookie})
    assert owner is not None
    assert cookie not in owner
    assert owner == owner_of({COOKIE: cookie})
