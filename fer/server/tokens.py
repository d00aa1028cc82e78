"""Tokens: only a browser with a lesson's token can send that lesson's frames.

A token holds the lesson's id and the time when it was made, signed with itsdangerous for one owner
and one purpose. That owner's browser can open a connection with it for a minute; an open connection
stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any, Final

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

from fer.errors import TokenError
from fer.server.lessons import ID

VALID: Final = 60  # seconds
CLOCKS_APART: Final = 60  # seconds that another server's clock may be ahead
FILE: Final = "token-secret"
BYTES: Final = 32
PURPOSE: Final = "fer live 3"  # with the owner the salt: made for another, a signature does not fit


def issue(secret: bytes, lesson_id: str, owner: str, now: float) -> str:
    """Return a token for an owner's lesson; `now` is in seconds since 1970."""
    if not ID.fullmatch(lesson_id):
        raise TokenError("a lesson's id is 8 to 64 letters, digits, - or _")
    return _signer(secret, owner, now).sign(lesson_id).decode()


def check(secret: bytes, token: str, owner: str, now: float) -> str:
    """Return the id of the owner's lesson that a token is for; raise TokenError if invalid."""
    try:
        # itsdangerous also refuses a negative age, from a server whose clock is ahead.
        signer = _signer(secret, owner, now + CLOCKS_APART)
        return signer.unsign(token, VALID + CLOCKS_APART).decode()
    except SignatureExpired:
        raise TokenError("expired token; reload the page") from None
    except (BadSignature, UnicodeError):
        raise TokenError(
            "invalid token: this server did not sign it for this browser; reload the page"
        ) from None


def _signer(secret: bytes, owner: str, now: float) -> TimestampSigner:
    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(now)

    salt = f"{PURPOSE} {owner}"
    return Signer(secret, salt=salt, key_derivation="hmac", digest_method=_sha256)


def _sha256(data: bytes = b"") -> Any:
    return hashlib.sha256(data)


def kept_secret(folder: Path) -> bytes:
    """Return the secret in the folder, made at the first call; a new one if it cannot be stored.

    A stored secret lets a restarted server accept the tokens of pages that stayed open.
    """
    path = folder / FILE
    with contextlib.suppress(OSError):
        if not path.exists():
            _write_once(path)
        if (kept := _read_private(path)) is not None:
            return kept
    return secrets.token_bytes(BYTES)


def _write_once(path: Path) -> None:
    """Write a new secret, unless another process has written one meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        # Unlike a rename, a link fails if another process has written its secret.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)


def _read_private(path: Path) -> bytes | None:
    """Return the secret; None if another user owns the file or can read it."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        about = os.fstat(file.fileno())
        if hasattr(os, "getuid") and (
            about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077
        ):
            return None
        kept = file.read(BYTES + 1)
    return kept if len(kept) == BYTES else None
