"""Errors that a user can correct.

    FerError
    ├── DataError      a data set, sheet, table, picture or video cannot be read
    ├── LiveError      a live lesson cannot begin or go on
    │   ├── BusyError  the server already runs as many lessons as it may
    │   └── TokenError a token is forged, damaged or too old
    ├── ModelError     a model or run folder is missing, damaged or unsuitable
    ├── StoreError     lessons cannot be saved or read (fer.store)
    │   └── GoneError  no such lesson: deleted, another owner's, or run by another process
    └── UsageError     an option or setting is invalid, or several contradict each other

The command line prints such an error as one line and exits with status 2.
"""

from __future__ import annotations

from typing import Literal

# What is wrong with a file: a key of the pages' translated texts.
Fault = Literal["unreadable", "heic", "pixels", "side", "costly", "size", "sound", "kind", "disk"]


class FerError(Exception):
    """Base class. The text of each error says what is wrong and what to do."""


class DataError(FerError):
    """A data set, picture or video cannot be read. The text names the file and the row."""

    def __init__(self, message: str, fault: Fault = "unreadable") -> None:
        super().__init__(message)
        self.fault = fault


class LiveError(FerError):
    """A live lesson cannot begin or go on."""


class BusyError(LiveError):
    """The server already runs as many lessons, or reads as many recordings, as it may."""


class TokenError(LiveError):
    """A token is forged, damaged or too old."""


class ModelError(FerError):
    """A model or run folder is missing, damaged or unsuitable."""


class UsageError(FerError):
    """An option or setting is invalid, or several contradict each other."""
