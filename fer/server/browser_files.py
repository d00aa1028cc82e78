"""Serve the browser's code as static files, at an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
NOT_SERVED: Final = frozenset({"node_modules", "tests"})
YEAR: Final = "public, max-age=31536000, immutable"  # the content of an address never changes


class File(NamedTuple):
    """A file as it is sent: plain and compressed."""

    media_type: str
    data: bytes
    compressed: bytes


class BrowserFiles:
    """The files of a folder, read and compressed once. Other files are not served."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES
            and path.is_file()
            and not NOT_SERVED.intersection(path.relative_to(folder).parts)
        }
        content = hashlib.sha256()
        for name, file in self._files.items():
            content.update(f"{name}\0{len(file.data)}\0".encode() + file.data)
        self.version = content.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return the address of a file, relative to the app's pages; raise KeyError if unknown."""
        if name not in self._files:
            raise KeyError(f"unknown browser file {name!r}")
        return f"browser/{self.version}/{name}"

    def route(self) -> Route:
        """Return the route that serves the files."""
        return Route("/browser/{version}/{name:path}", self._serve, methods=["GET"])

    async def _serve(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None or request.path_params["version"] != self.version:
            headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
            return PlainTextResponse("no such file", 404, headers)
        headers = {
            "Cache-Control": YEAR,
            "Content-Type": file.media_type,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if not _accepts_gzip(request.headers.get("accept-encoding", "")):
            return Response(file.data, headers=headers)
        return Response(file.compressed, headers=headers | {"Content-Encoding": "gzip"})


@cache
def browser_files(folder: Path) -> BrowserFiles:
    """Return the files of a folder, read once in a process, so that all use the same version."""
    return BrowserFiles(folder)


def _read(path: Path) -> File:
    data = path.read_bytes()
    return File(MEDIA_TYPES[path.suffix], data, gzip.compress(data, 9, mtime=0))


def _accepts_gzip(accepted: str) -> bool:
    """Return True if an Accept-Encoding header allows gzip."""
    for part in accepted.split(","):
        coding, _, quality = part.replace(" ", "").partition(";q=")
        if coding.lower() in ("gzip", "*"):
            return quality.rstrip("0") not in ("0.", "") if quality else True
    return False
