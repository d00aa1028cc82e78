"""The server process: HTTP and WebSocket routes beside the pages, over one shared `State`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from fer.server import health
from fer.server.browser_files import browser_files
from fer.server.doors import Doors
from fer.server.identity import OwnerCookie
from fer.server.limits import Limits
from fer.server.live_socket import LiveSocket
from fer.server.logs import hide_tokens
from fer.server.origins import OriginCheck
from fer.server.photo_api import PhotoApi
from fer.server.state import State
from fer.settings import Settings

__all__ = ["Limits", "State", "error_routes", "lifespan", "middleware", "routes"]

SWEEP_EVERY: Final = 15.0  # seconds
Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def routes(
    state: State, limits: Limits | None = None, *, browser: Path | None = None
) -> list[BaseRoute]:
    """Return all routes beside the pages; `browser` is the folder of the browser's code."""
    limits = limits or Limits()
    origins, metrics = OriginCheck(state.settings), state.lessons.metrics
    metrics.observe(state.lessons.count, lambda: state.not_ready is None)
    hide_tokens()
    return [
        WebSocketRoute("/ws/live", LiveSocket(state, limits).serve),
        *PhotoApi(state, origins, limits, metrics).routes(),
        *health.routes(state),
        metrics.route(),
        *([browser_files(browser).route()] if browser else []),
    ]


def middleware(settings: Settings, limits: Limits | None = None) -> list[Middleware]:
    """Return the middleware that runs before the pages and the routes."""
    origins = OriginCheck(settings)
    return [
        Middleware(Doors, origins=origins, limits=limits or Limits()),
        Middleware(OwnerCookie, origins=origins),
    ]


def error_routes(fault: str) -> list[BaseRoute]:
    """Return the routes of a server with invalid settings: each answers with `fault`."""

    async def refuse(_: Request) -> JSONResponse:
        return health.unavailable(fault)

    paths = (*health.PATHS, "/metrics", "/api/{rest:path}")
    return [Route(path, refuse, methods=["GET", "POST"]) for path in paths]


def lifespan(state: State, sweep_every: float = SWEEP_EVERY) -> Lifespan:
    """Return a context that loads the network, sweeps the lessons, and saves them at the end."""

    @contextlib.asynccontextmanager
    async def run(_: Any) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(asyncio.to_thread(state.warm_up)),
            asyncio.create_task(_sweep(state, sweep_every)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(state.lessons.close)

    return run


async def _sweep(state: State, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(state.lessons.sweep)
