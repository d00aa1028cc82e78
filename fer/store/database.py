"""Open the database of lessons: the user's own SQLite file, or what a URL names."""

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
PATIENCE: Final = 5.0  # seconds to wait for another writer, or for the server to answer


def own_file() -> Path:
    """Return the file that holds this user's lessons unless a URL names another database."""
    try:
        return data_folder() / FILE
    except RuntimeError as fault:
        raise StoreError("This user has no home folder: set FER_DATABASE_URL.") from fault


def file_url(path: Path) -> str:
    """Return the URL of the SQLite database in a file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def read_url(url: str) -> sa.URL:
    """Return the URL as SQLAlchemy reads it; every form of a PostgreSQL URL gets psycopg."""
    try:
        read = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as fault:  # its own text may show the password
        raise StoreError(
            "the database's URL cannot be read; write it like postgresql://USER:PASSWORD@HOST/NAME"
        ) from fault
    if read.drivername in ("postgres", "postgresql"):
        return read.set(drivername="postgresql+psycopg")
    return read


def connect(url: sa.URL, patience: float = PATIENCE) -> sa.Engine:
    """Return a pool of connections; a new SQLite file can be read by its owner only."""
    if url.get_backend_name() != "sqlite":
        wait: dict[str, Any] = {}
        if url.get_driver_name() == "psycopg":
            wait = {"connect_timeout": max(round(patience), 2)}  # libpq's own minimum is 2
        return sa.create_engine(url, pool_pre_ping=True, connect_args=wait)
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database))
    engine = sa.create_engine(url, connect_args={"timeout": patience})
    sa.event.listen(engine, "connect", _set_up_connection)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare_file(path: Path) -> None:
    """Create the file and its folder for their owner only; raise StoreError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its journal files the permissions of this file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as fault:
        log.error("%s: %s", path, fault.strerror)  # the path is for the log, not for a page
        raise StoreError(
            f"The folder for lessons cannot be written to ({fault.strerror}): change its "
            "permissions, or set XDG_DATA_HOME or FER_DATABASE_URL."
        ) from fault


def _set_up_connection(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin in `_begin`, not in the driver
    for pragma in (
        "journal_mode = WAL",  # readers do not wait for writers; a kill does no damage
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",  # overwrite what is deleted
        "journal_size_limit = 0",  # and empty the journal, which still holds it
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own `lower` changes ASCII letters only.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("plain"):  # for what SQLite does only outside a transaction
        return
    # A transaction that begins as a reader fails at once if it writes while another one writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
