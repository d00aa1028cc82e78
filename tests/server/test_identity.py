import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from fer.server.identity import COOKIE, HOST_COOKIE, VALID, OwnerCookie, TakeOver, owner_of
from fer.server.origins import OriginCheck
from fer.settings import Settings
from fer.store import StoreError

PAGE = {"accept": "text/html,application/xhtml+xml", "host": "school.example"}


def given(
    headers: dict[str, str], proxies: int = 0, take_over: TakeOver | None = None
) -> str | None:
    """Return the Set-Cookie headers of the answer to a request with these headers."""
    messages: list[Any] = []
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": pairs}

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        messages.append(message)

    page = OwnerCookie(
        PlainTextResponse("a page"), OriginCheck(Settings(proxies=proxies)), take_over
    )
    asyncio.run(page(scope, receive, send))
    assert messages[-1]["body"] == b"a page"
    set_cookie = [value for name, value in messages[0]["headers"] if name == b"set-cookie"]
    return b"\n".join(set_cookie).decode() or None


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
    cookie = given(headers, proxies=1) or ""
    assert cookie.startswith("__Host-fer_owner=")
    assert "Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie
    assert "Secure" not in (given(headers) or "")
    value = cookie.split(";")[0]
    assert given({**headers, "cookie": value}, proxies=1) is None


def test_a_planted_cookie_is_not_the_owners() -> None:
    """A page of a sister domain can set the older name for this site."""
    planted, own = "A" * 32, "b" * 32
    assert owner_of({COOKIE: planted, HOST_COOKIE: own}) == owner_of({COOKIE: own})


def test_an_older_cookie_is_replaced_under_tls_and_its_lessons_go_along() -> None:
    old, moved = "a" * 32, []
    headers = {**PAGE, "x-forwarded-proto": "https", "cookie": f"{COOKIE}={old}"}
    cookies = given(headers, 1, lambda *owners: moved.append(owners)) or ""
    new, deleted = cookies.split("\n")
    new_value = new.split(";")[0].partition("=")[2]
    assert new_value != old
    assert moved == [(owner_of({COOKIE: old}), owner_of({HOST_COOKIE: new_value}))]
    assert deleted.startswith(f"{COOKIE}=") and "Max-Age=0" in deleted


def test_without_its_lessons_an_older_cookie_stays() -> None:
    def away(*_: str) -> None:
        raise StoreError("the database is away")

    headers = {**PAGE, "x-forwarded-proto": "https", "cookie": f"{COOKIE}={'a' * 32}"}
    assert given(headers, 1, away) is None


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
