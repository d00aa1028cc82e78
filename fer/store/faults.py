"""What can go wrong with a database, told so that somebody can mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from fer.errors import FerError


class StoreError(FerError):
    """Lessons cannot be kept or read: the disk, the file or the server is at fault."""


class GoneError(StoreError):
    """No such lesson: it was deleted, or it is somebody else's."""


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
    "connection": "the database's server cannot be reached",
}


@contextmanager
def told(name: str) -> Iterator[None]:
    """Within it, a database's faults become a StoreError about the store of that name."""
    try:
        yield
    except exc.NoSuchModuleError as fault:
        raise StoreError(f"{name}: no such kind of database is known") from fault
    except ModuleNotFoundError as fault:
        raise StoreError(
            f"{name}: its driver is missing; run: pip install -r requirements-postgres.txt"
        ) from fault
    except exc.SQLAlchemyError as fault:
        said = str(getattr(fault, "orig", None) or fault)
        meaning = next((means for sign, means in MEANINGS.items() if sign in said.lower()), None)
        raise StoreError(f"{name}: {meaning or ' '.join(said.split())[:200]}") from fault
    except OSError as fault:
        raise StoreError(f"{name}: {fault.strerror or fault}") from fault
