"""The photo API: it answers a picture with its faces, and stores no picture."""

from __future__ import annotations

import asyncio
import re
import time as clock
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, Final

from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fer.errors import DataError, FerError
from fer.server import openapi
from fer.server.limits import Buckets, Limits
from fer.server.metrics import Metrics
from fer.server.origins import OriginCheck
from fer.server.state import State

FORM: Final = "multipart/form-data"
RAW: Final = re.compile(r"image/[a-z0-9.+-]+|application/octet-stream|", re.I)
NAME: Final = "the picture"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class AnswerError(Exception):
    """Ends a request with this status and this line of text."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, " ".join(line.split())


class PhotoApi:
    """The routes POST /api/photo and GET /api/openapi.json."""

    def __init__(
        self, state: State, origins: OriginCheck, limits: Limits, metrics: Metrics
    ) -> None:
        self._state, self._origins, self._limits, self._metrics = state, origins, limits, metrics
        self._buckets = Buckets(limits.photos_a_second, limits.photo_burst)
        self._present: Counter[str] = Counter()  # pictures in memory, by client

    def routes(self) -> list[Route]:
        """Return the API's routes."""
        # Lets pages of sites in FER_ORIGINS read answers; `fer.server.doors` decides who may call.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self._origins.origins,
            allow_methods=["POST"],
            allow_headers=["content-type"],
        )
        return [
            Route("/api/photo", self.photo, methods=["POST", "OPTIONS"], middleware=[cors]),
            Route("/api/openapi.json", self.describe, methods=["GET"]),
            # Without this route Streamlit would answer with its page and status 200.
            Route("/api/{rest:path}", self.unknown_path, methods=METHODS),
        ]

    async def describe(self, _: Request) -> Response:
        """Answer with the OpenAPI description."""
        return JSONResponse(openapi.DESCRIPTION)

    async def unknown_path(self, request: Request) -> Response:
        """Answer a call to another path below /api/ with an error."""
        known = request.url.path in openapi.DESCRIPTION["paths"]
        line = "no such route: POST a picture to /api/photo, or GET /api/openapi.json"
        return JSONResponse({"error": line}, 405 if known else 404)

    async def photo(self, request: Request) -> Response:
        """Answer with every face of the picture in the body."""
        if request.method == "OPTIONS":  # not a preflight, which the middleware answers
            return Response(status_code=204, headers={"Allow": "POST, OPTIONS"})
        try:
            return JSONResponse(await self._answer(request))
        except AnswerError as fault:
            headers = {"Retry-After": "2"} if fault.status in (429, 503) else {}
            if fault.status in (408, 413):
                headers["Connection"] = "close"  # the rest of the body is not going to be read
            return JSONResponse({"error": fault.line}, fault.status, headers)
        except ClientDisconnect:
            return Response(status_code=400)

    async def _answer(self, request: Request) -> dict[str, Any]:
        client = self._origins.client(request)
        if not self._buckets.take(client):
            raise AnswerError(429, "too many pictures; send at most one a second")
        if self._state.not_ready is not None:
            raise AnswerError(503, self._state.not_ready)
        if self._present[client] >= self._limits.photos_of_one:
            raise AnswerError(429, "too many pictures at once; wait for each answer")
        if self._present.total() >= self._limits.photos_waiting:
            raise AnswerError(503, "the server is busy with other pictures; try again soon")
        self._present[client] += 1
        try:
            data = await self._body(request)
            return await to_thread.run_sync(self._analyse, data)
        finally:
            self._present -= Counter([client])  # also removes clients without pictures

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != FORM and not RAW.fullmatch(kind):
            raise AnswerError(
                415, f"unsupported content type {kind:.60}: use image/jpeg or a form with a file"
            )
        try:
            async with asyncio.timeout(self._limits.photo_seconds):
                if kind == FORM:
                    return await self._form_file(request)
                return b"".join([part async for part in self._limited_body(request)])
        except TimeoutError:
            raise AnswerError(408, "the picture took too long to arrive") from None

    async def _limited_body(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Yield the parts of the body; raise AnswerError if it is larger than allowed."""
        most = self._limits.photo_bytes
        too_big = AnswerError(413, f"a picture has at most {most / 1e6:g} MB")
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > most:
            raise too_big
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_big
            yield part

    async def _form_file(self, request: Request) -> bytes:
        parser = MultiPartParser(
            request.headers,
            self._limited_body(request),
            max_files=1,
            max_fields=4,
            max_part_size=10_000,
        )
        parser.spool_max_size = self._limits.photo_bytes + 1  # in memory, never on a disk
        try:
            form = await parser.parse()
        except MultiPartException as fault:
            raise AnswerError(400, f"this form cannot be read: {fault.message}") from fault
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise AnswerError(400, "the form has no file in its field 'file'")
        try:
            return await file.read()
        finally:
            await form.close()

    def _analyse(self, data: bytes) -> dict[str, Any]:
        """Return the faces of a picture as JSON values. Runs in a thread."""
        begun = clock.monotonic()
        try:
            faces, size = self._state.photos.faces(data, NAME)
        except DataError as fault:
            raise AnswerError(400, str(fault)) from fault
        except FerError as fault:
            raise AnswerError(503, str(fault)) from fault
        self._metrics.answered("photo", len(faces), clock.monotonic() - begun)
        return {"faces": faces.to_records(), "size": list(size)}
