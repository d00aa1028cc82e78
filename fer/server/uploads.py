"""Bound the bytes that uploaded files hold in memory, and keep shown files to their visitor.

Streamlit bounds one file, but not how many there are, and serves each shown picture to anybody who
knows its address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.requests import HTTPConnection

from fer.server.identity import owner_of

UPLOAD: Final = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+")
MEDIA: Final = re.compile(r".*/media/([^/]+)")
PHOTOS: Final = 12  # pictures of the largest size that one visit may hold
PHOTO_MB: Final = 15
USUAL_MB: Final = 500  # of a recording, as .streamlit/config.toml says
VISITS: Final = 2  # full visits that one client, and all together, may hold
ALL_VISITS: Final = 3


class VisitFiles(Protocol):
    """The files that Streamlit holds for its visits: `fer.ui.visits`, or a test's fake."""

    def uploaded(self) -> Mapping[str, int]:
        """Return the bytes of the files that each visit has uploaded."""

    def owners(self, media_id: str) -> set[str | None]:
        """Return the owners of the visits that show a media file."""


class NoFiles:
    """Stands for a server without Streamlit's pages."""

    def uploaded(self) -> Mapping[str, int]:
        """Return no bytes."""
        return {}

    def owners(self, media_id: str) -> set[str | None]:
        """Return nobody."""
        return set()


@dataclass(frozen=True)
class UploadLimits:
    """How many bytes uploaded files may hold in memory."""

    visit: int
    client: int
    all: int

    @classmethod
    def of(cls, max_upload: int | None) -> UploadLimits:
        """Return the limits for recordings of at most `max_upload` megabytes."""
        visit = max(max_upload or USUAL_MB, PHOTOS * PHOTO_MB) * 1024 * 1024
        return cls(visit, VISITS * visit, ALL_VISITS * visit)


class Uploads:
    """Counts what visits hold and what is just coming in."""

    def __init__(self, limits: UploadLimits, files: VisitFiles) -> None:
        self._limits, self._files = limits, files
        self._coming: Counter[str] = Counter()  # declared bytes, by visit
        self._client_of: dict[str, str] = {}  # the client that last uploaded in a visit

    def refusal(self, request: HTTPConnection, client: str) -> tuple[int, str] | None:
        """Return the status and the reason if this upload may not come in; None if it may."""
        visit, size = uploaded_to(request), declared_size(request)
        if visit is None:
            return None
        if size is None:
            return 411, "An upload must declare its length."
        held = Counter(self._files.uploaded()) + self._coming
        self._client_of = {one: self._client_of[one] for one in held if one in self._client_of}
        of_client = sum(
            held[one] for one in held if one == visit or self._client_of.get(one) == client
        )
        if held[visit] + size > self._limits.visit:
            return 413, "This visit holds too many files: remove some, or reload the page."
        if of_client + size > self._limits.client or held.total() + size > self._limits.all:
            return 413, "The server holds too many files: try again later."
        return None

    @contextmanager
    def counted(self, request: HTTPConnection, client: str) -> Iterator[None]:
        """Count an upload while it comes in."""
        visit, size = uploaded_to(request), declared_size(request) or 0
        if visit is None:
            yield
            return
        self._coming[visit] += size
        self._client_of[visit] = client
        try:
            yield
        finally:
            self._coming -= Counter({visit: size})

    def shows(self, request: HTTPConnection) -> bool:
        """Return True unless the call asks for a file that only other visitors' pages show."""
        media = MEDIA.fullmatch(request.scope["path"])
        if media is None:
            return True
        owners = self._files.owners(media[1].partition(".")[0])
        return not owners or owner_of(request.cookies) in owners


def is_media(request: HTTPConnection) -> bool:
    """Return True if the call asks for a file that a page shows."""
    return MEDIA.fullmatch(request.scope["path"]) is not None


def uploaded_to(request: HTTPConnection) -> str | None:
    """Return the visit to which this call uploads a file; None if it is another call."""
    scope = request.scope
    found = UPLOAD.fullmatch(scope["path"]) if scope.get("method") == "PUT" else None
    return None if found is None else found[1]


def declared_size(request: HTTPConnection) -> int | None:
    """Return the length of the body in bytes; None if the call doesn't say."""
    given = request.headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else None
