"""Whether this process can read a picture yet: what a load balancer asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fer.live.state import State


def route(state: State) -> Route:
    """GET /healthz: 200 once the network has answered, else 503 and why in a line."""

    async def healthz(_: Request) -> JSONResponse:
        if state.not_ready is None:
            return JSONResponse({"status": "ready"})
        return unavailable(state.not_ready)

    return Route("/healthz", healthz)


def unavailable(why: str) -> JSONResponse:
    """503 and one line."""
    return JSONResponse({"status": "not ready", "error": " ".join(why.split())}, 503)
