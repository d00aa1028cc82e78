"""Everything that can go wrong in a way its user can mend.

    FerError
    ├── DataError      a data set, sheet, table or picture that cannot be read
    ├── ModelError     a model or run folder that is none, or cannot be used
    └── UsageError     a call whose words do not fit together

The command line prints such an error as one line and exits with status 2.
"""

from __future__ import annotations


class FerError(Exception):
    """Base of the errors that name what is wrong and what to do next."""


class DataError(FerError):
    """A data set that cannot be read: names the file, the row and the fault."""


class ModelError(FerError):
    """A model that cannot be loaded or used."""


class UsageError(FerError):
    """Options that do not fit together."""
