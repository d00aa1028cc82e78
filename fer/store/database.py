"""Open the database of lessons: the user's own SQLite file, or what a URL names.

No call waits for ever: `time_limit` bounds what a thread's work with the database takes, whether it
waits for a lock, for a server that has stalled, or for a connection.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from fer.machine import data_folder
from fer.store.errors import StoreError

FILE: Final = "lessons.sqlite3"
LOCKED_PAUSE: Final = 0.02  # seconds between two tries where the file is locked
PATIENCE: Final = 5.0  # seconds that one transaction may take, with all its waiting
MIGRATION: Final = 600.0  # seconds that bringing the tables to a new form may take
IDLE: Final = 10.0  # seconds after which PostgreSQL ends a transaction that its client left
NO_ANSWER: Final = "the server does not answer"  # errors.MEANINGS says what to do
_limits: Final = threading.local()


@contextmanager
def time_limit(seconds: float, *, afresh: bool = False) -> Iterator[None]:
    """Let this thread's work with a database take `seconds` at most.

    Inside another limit it takes what that leaves, unless it begins `afresh`.
    """
    before: float | None = getattr(_limits, "until", None)
    until = clock.monotonic() + seconds
    _limits.until = until if before is None or afresh else min(before, until)
    try:
        yield
    finally:
        _limits.until = before


def time_left(most: float = math.inf) -> float:
    """Return the seconds that this thread's limit leaves, PATIENCE without one, at most `most`."""
    until: float | None = getattr(_limits, "until", None)
    left = PATIENCE if until is None else max(until - clock.monotonic(), 0.0)
    return min(left, most)


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
    """Return the URL as SQLAlchemy reads it; a PostgreSQL URL that names no driver gets psycopg."""
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
    """Return a pool of connections; it makes none before the first is asked for."""
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url, pool_pre_ping=True, pool_timeout=patience)
        if url.get_driver_name() == "psycopg":
            sa.event.listen(engine, "do_connect", _connect_in_time)
            sa.event.listen(engine, "begin", _limit_statements)
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": patience}, pool_timeout=patience)
    sa.event.listen(engine, "connect", _set_up_connection)
    sa.event.listen(engine, "begin", _begin)
    return engine


def file_of(url: sa.URL) -> Path | None:
    """Return the file of an SQLite database; None for a server, or a database in memory."""
    named = url.database if url.get_backend_name() == "sqlite" else None
    return Path(named) if named and named != ":memory:" else None


def _connect_in_time(_: object, __: object, given: Any, named: dict[str, Any]) -> Any:
    """Connect to PostgreSQL within the thread's limit; called by SQLAlchemy's pool."""
    left = time_left(PATIENCE)
    limited = _limited_connection()
    if not left:
        raise _no_answer()
    # libpq's own minimum is 2 seconds.
    return limited.connect(*given, **{"connect_timeout": max(math.ceil(left), 2), **named})


@cache
def _limited_connection() -> Any:
    """Return psycopg's connection with a limit on each wait for the server.

    PostgreSQL's own limits do not help where the server itself stands still.
    """
    import psycopg

    class LimitedConnection(psycopg.Connection[Any]):
        def wait(self, *given: Any, **named: Any) -> Any:
            left, begun = time_left(), clock.monotonic()
            try:
                return super().wait(*given, **{**named, "timeout": left})
            except psycopg.OperationalError as fault:
                if self.closed or clock.monotonic() - begun < left:
                    raise
                self.pgconn.finish()  # its answer may come later, to a question long forgotten
                raise _no_answer() from fault

    return LimitedConnection


def _no_answer() -> Exception:
    import psycopg

    return psycopg.OperationalError(NO_ANSWER)


def _limit_statements(connection: sa.Connection) -> None:
    """Let PostgreSQL end what this client gave up, so that it holds no lock for others."""
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return
    seconds = {
        "statement_timeout": time_left(),
        "lock_timeout": time_left(),
        "idle_in_transaction_session_timeout": IDLE,
    }
    limits = (
        f"set_config('{name}', '{max(round(1000 * most), 100)}ms', true)"
        for name, most in seconds.items()
    )
    connection.exec_driver_sql(f"SELECT {', '.join(limits)}")


def _set_up_connection(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin in `_begin`, not in the driver
    _use_wal(connection)
    for pragma in (
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",  # overwrite what is deleted
        "journal_size_limit = 0",  # and empty the journal, which still holds it
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own `lower` changes ASCII letters only.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _use_wal(connection: Any) -> None:
    """Have SQLite keep its journal so that readers do not wait, and a kill does no damage.

    While another program turns it on, SQLite fails at once, whatever its timeout is.
    """
    until = clock.monotonic() + time_left(PATIENCE)
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as fault:
            locked = fault.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not locked or clock.monotonic() > until:
                raise
            clock.sleep(LOCKED_PAUSE)


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("plain"):  # for what SQLite does only outside a transaction
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * time_left())}")
    # A transaction that begins as a reader fails at once if it writes while another one writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
