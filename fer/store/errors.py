"""What can go wrong with a database, told so that somebody can mend it.

Pages show these errors to whoever opens them, so an error holds what a fault means and no more;
which database has it, and what its driver said, the log tells.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from fer.errors import FerError

log = logging.getLogger(__name__)


class StoreError(FerError):
    """Lessons cannot be kept or read: the disk, the file or the server is at fault."""


class GoneError(StoreError):
    """No such lesson: it was deleted, is somebody else's, or goes on in another process."""


# What the drivers say: what that means. The first that fits is told.
MEANINGS = {
    "disk is full": "the disk is full; free some space",
    "readonly": "the file may not be written to",
    "unable to open": "the file cannot be opened or made here",
    "not a database": "the file is damaged or no database; move it away and a new one is begun",
    "malformed": "the file is damaged; move it away and a new one is begun",
    "is locked": "another program holds it for too long",
    "disk i/o error": "the disk cannot be written to or read; it may be full",
    "no space left": "the server's disk is full",
    "resolve host": "the database's server cannot be reached; its name is not known here",
    "connection option": "the database's URL has an option that is none, or of a wrong kind",
    "connection": "the database's server cannot be reached; see that it runs and lets this one in",
}
UNKNOWN = "the database has a fault, of which the server's log tells more"


@contextmanager
def told(address: str) -> Iterator[None]:
    """Within it, a database's faults become a StoreError; the address is for the log alone."""
    try:
        yield
    except (exc.SQLAlchemyError, ModuleNotFoundError, OSError) as fault:
        said = " ".join(str(getattr(fault, "orig", None) or fault).split())
        log.error("%s: %s", address, said[:200])
        raise StoreError(_meaning(fault, said)) from fault


def _meaning(fault: Exception, said: str) -> str:
    if isinstance(fault, exc.NoSuchModuleError):
        return "no such kind of database is known"
    if isinstance(fault, ModuleNotFoundError):
        return "the database's driver is missing; run: pip install -r requirements-serve.txt"
    if isinstance(fault, OSError):
        return fault.strerror or UNKNOWN
    return next((means for sign, means in MEANINGS.items() if sign in said.lower()), UNKNOWN)
