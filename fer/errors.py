"""The errors that a user can put right.

    FerError
    ├── DataError      a data set, sheet, table, picture or video cannot be read
    ├── LiveError      a live lesson cannot begin or go on
    │   ├── BusyError  the server runs as many lessons as it may
    │   └── TokenError a token is forged, damaged or too old
    ├── ModelError     a model or run folder is missing, damaged or unfit
    ├── StoreError     lessons cannot be saved or read (fer.store)
    │   └── GoneError  no such lesson: deleted, somebody else's, or in another process
    └── UsageError     options or settings do not fit together

The command line prints such an error as one line and exits with status 2.
"""

from __future__ import annotations

from typing import Literal

# What is wrong with a file, as a key for the pages' translated texts.
Fault = Literal["unreadable", "heic", "pixels", "size", "sound", "kind", "disk"]


class FerError(Exception):
    """Base of the errors whose text says what is wrong and what to do."""


class DataError(FerError):
    """A data set, picture or video cannot be read; the text names the file and the row."""

    def __init__(self, message: str, fault: Fault = "unreadable") -> None:
        super().__init__(message)
        self.fault = fault


class LiveError(FerError):
    """A live lesson cannot begin or go on."""


class BusyError(LiveError):
    """The server runs as many lessons as it may."""


class TokenError(LiveError):
    """A token is forged, damaged or too old."""


class ModelError(FerError):
    """A model is missing, damaged or unfit."""


class UsageError(FerError):
    """Options or settings do not fit together."""
