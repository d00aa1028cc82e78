"""The health check for load balancers: whether this process can read pictures yet."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer.server.state import State

# /health as well, because Cloud Run reserves addresses that end with z.
PATHS: Final = ("/healthz", "/health")


def routes(state: State) -> list[Route]:
    """Return the routes that answer 200 once pictures can be read; before, 503 and the reason."""

    async def healthz(_: Request) -> JSONResponse:
        if state.not_ready is None:
            return JSONResponse({"status": "ready"})
        return unavailable(state.not_ready)

    return [Route(path, healthz) for path in PATHS]


def unavailable(reason: str) -> JSONResponse:
    """Return an answer with status 503 and the reason in one line."""
    return JSONResponse({"status": "not ready", "error": " ".join(reason.split())}, 503)
