"""Health checks: /healthz for what sends visitors here, /readyz for who looks after the server.

A server whose database is away goes on reading lessons, keeps them in memory and saves them later.
So /healthz stays at 200 and says what is wrong: without it, a load balancer would cut off every
running lesson. /readyz answers 503 then.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer.server.state import State

# /health as well, because Cloud Run reserves addresses that end with z.
PATHS: Final = ("/healthz", "/health")
STRICT_PATHS: Final = ("/readyz", "/ready")


def routes(state: State) -> list[Route]:
    """Return the routes of both checks; 503 and the reason as long as something is missing."""

    async def healthz(_: Request) -> JSONResponse:
        if state.not_ready is not None:
            return unavailable(state.not_ready)
        if fault := state.unsaved_because():
            return JSONResponse({"status": "degraded", "error": unsaved(fault)})
        return JSONResponse({"status": "ready"})

    async def readyz(_: Request) -> JSONResponse:
        fault = state.unsaved_because()
        missing = [state.not_ready, unsaved(fault) if fault else None]
        if any(missing):
            return unavailable("; ".join(filter(None, missing)))
        return JSONResponse({"status": "ready"})

    return [
        *(Route(path, healthz) for path in PATHS),
        *(Route(path, readyz) for path in STRICT_PATHS),
    ]


def unsaved(fault: str) -> str:
    """Return one line about a database that lessons cannot be saved to."""
    return f"lessons are kept in memory and not saved: {' '.join(fault.split())}"


def unavailable(reason: str) -> JSONResponse:
    """Return an answer with status 503 and the reason in one line."""
    return JSONResponse({"status": "not ready", "error": " ".join(reason.split())}, 503)
