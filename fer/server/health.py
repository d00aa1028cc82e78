"""Whether this process can read a picture yet: what a load balancer asks."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer.server.state import State

# The second one because Cloud Run keeps addresses that end with a z for itself.
PATHS: Final = ("/healthz", "/health")


def routes(state: State) -> list[Route]:
    """GET /healthz: 200 once the network has answered, else 503 and why in a line."""

    async def healthz(_: Request) -> JSONResponse:
        if state.not_ready is None:
            return JSONResponse({"status": "ready"})
        return unavailable(state.not_ready)

    return [Route(path, healthz) for path in PATHS]


def unavailable(why: str) -> JSONResponse:
    """503 and one line."""
    return JSONResponse({"status": "not ready", "error": " ".join(why.split())}, 503)
