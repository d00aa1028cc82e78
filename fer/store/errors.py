"""Errors of the database, in words that say what to do.

Pages show these errors to every visitor. So an error says only what is wrong; the database's
address and its driver's own message go to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from fer.errors import FerError

log = logging.getLogger(__name__)


class StoreError(FerError):
    """Lessons cannot be stored or read: the disk, the file or the server is at fault."""


class GoneError(StoreError):
    """No such lesson: it was deleted, belongs to someone else, or another process runs it."""


DAMAGED = "the file is damaged; move it away, and a new one is made"
MOVED = (
    "the file of lessons was moved away or replaced; a new one is made now, and running lessons "
    "are written to it in whole"
)
TOO_SLOW = "the database takes too long; check how busy its server is"

# A part of a driver's message: what the user reads instead. The first match counts.
MEANINGS = {
    "disk is full": "the disk is full; free some space",
    "readonly": "the file is read-only; change its permissions",
    "unable to open": "the file cannot be opened or created; check its folder and permissions",
    "not a database": "the file is damaged or not a database; move it away, and a new one is made",
    "malformed": DAMAGED,
    "does not answer": "the database's server does not answer; check that it runs",
    "connection timeout": "the database's server does not answer; check that it runs",
    "statement timeout": TOO_SLOW,
    "lock timeout": TOO_SLOW,
    "is locked": "another program has locked the database; close it and try again",
    "disk i/o error": "the disk cannot be read or written; it may be full",
    "no space left": "the server's disk is full",
    "resolve host": "the database's server cannot be reached: its name is unknown; check the URL",
    "connection option": "the database's URL has an unknown or invalid option",
    "connection": "the database's server cannot be reached; check that it runs and lets you in",
}
UNKNOWN = "the database reported an error; the server's log has the details"


@contextmanager
def database_errors(address: str) -> Iterator[None]:
    """Turn a database's errors inside this block into a StoreError; log them with `address`."""
    try:
        yield
    except (exc.SQLAlchemyError, ModuleNotFoundError, OSError) as fault:
        message = " ".join(str(getattr(fault, "orig", None) or fault).split())
        log.error("%s: %s", address, message[:200])
        raise StoreError(_meaning(fault, message)) from fault


def _meaning(fault: Exception, message: str) -> str:
    """Return what the user reads for an error with this message of the driver."""
    if isinstance(fault, exc.NoSuchModuleError):
        return "unknown kind of database; the URL must begin with sqlite: or postgresql:"
    if isinstance(fault, ModuleNotFoundError):
        return "the database's driver is missing; run: pip install -r requirements-serve.txt"
    if isinstance(fault, OSError):
        return fault.strerror or UNKNOWN
    found = (meaning for part, meaning in MEANINGS.items() if part in message.lower())
    return next(found, UNKNOWN)
