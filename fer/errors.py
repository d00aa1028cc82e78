"""Every error that a user can mend.

    FerError
    ├── DataError      a data set, sheet, table or picture that cannot be read
    ├── LiveError      a live picture that cannot begin or go on
    │   ├── BusyError  as many lessons run as the server bears
    │   └── TokenError a token that is forged, damaged or too old
    ├── ModelError     a model or run folder that is none, or cannot be used
    ├── StoreError     lessons cannot be kept or read
    │   └── GoneError  no such lesson: deleted, somebody else's, or in another process now
    └── UsageError     a call whose words do not fit together

The command line prints such an error as one line and exits with status 2.
"""

from __future__ import annotations

from typing import Literal

# What is wrong with a file, so that a page can say it in its own language.
Fault = Literal["unreadable", "heic", "pixels", "size", "sound", "kind", "disk"]


class FerError(Exception):
    """Base of the errors that name what is wrong and what to do next."""


class DataError(FerError):
    """A data set that cannot be read: names the file, the row and the fault."""

    def __init__(self, said: str, fault: Fault = "unreadable") -> None:
        super().__init__(said)
        self.fault = fault


class LiveError(FerError):
    """A live picture that cannot begin or go on."""


class BusyError(LiveError):
    """As many lessons run as the server bears."""


class TokenError(LiveError):
    """A token that is forged, damaged or too old."""


class ModelError(FerError):
    """A model that cannot be loaded or used."""


class UsageError(FerError):
    """Options that do not fit together."""
