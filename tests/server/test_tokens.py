"""Tokens are valid only if signed here and for a while; the secret survives a restart."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer.errors import TokenError
from fer.server.tokens import FILE, check, issue, kept_secret

SECRET = b"a secret of thirty-two bytes, yes"
OWNER, NOW = "0a" * 16, 1_800_000_000.0


def test_a_token_tells_its_lesson() -> None:
    assert check(SECRET, issue(SECRET, "lesson-one", OWNER, NOW), OWNER, NOW + 30) == "lesson-one"


def test_a_token_fits_into_an_address() -> None:
    token = issue(SECRET, "lesson_ONE-2", OWNER, NOW)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("later", [0.0, 60.0, -60.0])
def test_a_token_is_good_for_a_minute_and_from_a_clock_a_minute_ahead(later: float) -> None:
    assert (
        check(SECRET, issue(SECRET, "lesson-one", OWNER, NOW), OWNER, NOW + later) == "lesson-one"
    )


def test_a_token_is_no_good_for_another_owner() -> None:
    token = issue(SECRET, "lesson-one", OWNER, NOW)
    for other in ("", "0b" * 16):
        with pytest.raises(TokenError, match="did not sign it for this browser"):
            check(SECRET, token, other, NOW)


@pytest.mark.parametrize("later", [61.0, -61.0, 3600.0, -3600.0])
def test_outside_its_time_a_token_has_expired(later: float) -> None:
    with pytest.raises(TokenError, match="expired"):
        check(SECRET, issue(SECRET, "lesson-one", OWNER, NOW), OWNER, NOW + later)


def later(token: str) -> str:
    """Return the token with the time of a later one."""
    lesson_id, _, signature = token.split(".")
    return ".".join([lesson_id, issue(SECRET, lesson_id, OWNER, NOW + 1).split(".")[1], signature])


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "lesson-one",
        "lesson-one.1800000000.",
        "lesson-one.1800000000.AAAA",
        issue(b"another secret", "lesson-one", OWNER, NOW),
        issue(SECRET, "lesson-one", OWNER, NOW).replace("one", "two"),
        later(issue(SECRET, "lesson-one", OWNER, NOW)),
        issue(SECRET, "lesson-one", OWNER, NOW)[:-1],
        "ü.ü.\udc80",
        "." * 10_000,
    ],
)
def test_a_token_that_was_not_signed_here_is_refused(token: str) -> None:
    with pytest.raises(TokenError, match="invalid token"):
        check(SECRET, token, OWNER, NOW)


def test_a_malformed_id_gets_no_token() -> None:
    with pytest.raises(TokenError, match="id"):
        issue(SECRET, "lesson.one", OWNER, NOW)


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "fer"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(kept_secret, [folder] * 16))
    assert len(made) == 1
    assert made == {kept_secret(folder)}
    assert len(next(iter(made))) == 32
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_gives_another_each_time(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert kept_secret(file / "below") != kept_secret(file / "below")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
@pytest.mark.parametrize("spoil", ["readable", "runnable", "short", "long", "link"])
def test_a_secret_that_somebody_else_may_know_is_not_used(tmp_path: Path, spoil: str) -> None:
    kept = kept_secret(tmp_path)
    path = tmp_path / FILE
    if spoil == "readable":
        path.chmod(0o644)
    elif spoil == "runnable":
        path.chmod(0o601)
    elif spoil == "short":
        path.write_bytes(kept[:5])
    elif spoil == "long":
        path.write_bytes(kept + b"!")
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    first, second = kept_secret(tmp_path), kept_secret(tmp_path)
    assert kept not in (first, second)
    assert first != second
