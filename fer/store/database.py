"""Where the lessons lie: a file of the user's own, or a server that a URL names."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from fer.machine import data_folder
from fer.store.errors import StoreError

log = logging.getLogger(__name__)

FILE: Final = "lessons.sqlite3"
PATIENCE: Final = 5.0  # seconds that one writer waits for another, or for a server


def own_file() -> Path:
    """Return the file that holds this user's lessons unless a URL names another database."""
    try:
        return data_folder() / FILE
    except RuntimeError as fault:
        raise StoreError("This user has no home folder: set FER_DATABASE_URL.") from fault


def file_url(path: Path) -> str:
    """The URL of a database in that file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def read_url(url: str) -> sa.URL:
    """The URL as SQLAlchemy takes it; Postgres is spoken to by psycopg, however it is written."""
    try:
        read = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as fault:  # the fault may show the password
        raise StoreError(
            "the database's URL is none; write it like postgresql://USER:PASSWORD@HOST/NAME"
        ) from fault
    if read.drivername in ("postgres", "postgresql"):
        return read.set(drivername="postgresql+psycopg")
    return read


def connect(url: sa.URL, patience: float = PATIENCE) -> sa.Engine:
    """A pool of connections; files are made for their owner's eyes only."""
    if url.get_backend_name() != "sqlite":
        wait: dict[str, Any] = {}
        if url.get_driver_name() == "psycopg":
            wait = {"connect_timeout": max(round(patience), 2)}  # of its own accord it takes 2
        return sa.create_engine(url, pool_pre_ping=True, connect_args=wait)
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database))
    engine = sa.create_engine(url, connect_args={"timeout": patience})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare_file(path: Path) -> None:
    """Make the file and its folder for their owner alone, or say why that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The files that SQLite puts beside it take over this one's rights.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as fault:
        log.error("%s: %s", path, fault.strerror)  # the path is for the log, not for a page
        raise StoreError(
            f"The folder for lessons cannot be written to ({fault.strerror}): change its "
            "permissions, or set XDG_DATA_HOME or FER_DATABASE_URL."
        ) from fault


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, with `_begin`
    for pragma in (
        "journal_mode = WAL",  # who reads doesn't wait for who writes; a kill leaves it whole
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",  # what is deleted is written over
        "journal_size_limit = 0",  # and doesn't stay behind in the journal
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own knows no letters beyond English.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("plain"):  # what SQLite does outside a transaction only
        return
    # A writer that began as a reader fails at once where another one writes; so it says it first.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
