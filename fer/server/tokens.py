"""Tokens: what a page hands its browser component, so that only it can bring a lesson's frames.

A token holds the lesson's id and when it was made, signed with HMAC-SHA256. It is good for ten
minutes of connecting; a connection that is open stays.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from fer.errors import TokenError
from fer.server.live_sessions import ID

VALID: Final = 600.0  # seconds
CLOCKS_APART: Final = 60.0  # seconds that another server's clock may be ahead
FILE: Final = "token-secret"
BYTES: Final = 32
PURPOSE: Final = b"fer live 1\0"  # signs nothing else, should the secret ever serve twice


def issue(secret: bytes, session_id: str, now: float) -> str:
    """A token for that lesson; `now` in seconds since 1970."""
    if not ID.fullmatch(session_id):
        raise TokenError("a lesson's id is 8 to 64 letters, digits, - or _")
    said = f"{session_id}.{int(now)}"
    return f"{said}.{_signature(secret, said)}"


def check(secret: bytes, token: str, now: float) -> str:
    """The lesson's id that a token is for."""
    said, _, signature = token.rpartition(".")
    expected = _signature(secret, said)
    # Bytes, as compare_digest takes no other strings than ASCII.
    if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode()):
        raise TokenError("this token is not one of ours; open the page again")
    session_id, _, made = said.rpartition(".")
    if not -CLOCKS_APART <= now - int(made) <= VALID:
        raise TokenError("this token is too old; open the page again")
    return session_id


def kept_secret(folder: Path) -> bytes:
    """The secret kept in the folder, made the first time; another each time where it can't be.

    So a server that was started again accepts the tokens of pages that stayed open.
    """
    path = folder / FILE
    with contextlib.suppress(OSError):
        if not path.exists():
            _write_once(path)
        if (kept := _read_private(path)) is not None:
            return kept
    return secrets.token_bytes(BYTES)


def _signature(secret: bytes, said: str) -> str:
    mac = hmac.digest(secret, PURPOSE + said.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _write_once(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        # Unlike renaming, a link never takes another process's secret away: the first one stays.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)


def _read_private(path: Path) -> bytes | None:
    """The secret, unless somebody else may have put it there or can read it."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        about = os.fstat(file.fileno())
        if hasattr(os, "getuid") and (
            about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077
        ):
            return None
        kept = file.read(BYTES + 1)
    return kept if len(kept) == BYTES else None
