"""The HTTP and WebSocket routes beside the pages, a room each; all share one fer.server.state."""

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
from fer.server.identity import OwnerCookie
from fer.server.limits import Limits
from fer.server.live_socket import LiveSocket
from fer.server.logs import hide_tokens
from fer.server.metrics import Metrics
from fer.server.origins import OriginCheck
from fer.server.photo_api import PhotoApi
from fer.server.state import State

__all__ = ["Limits", "State", "lifespan", "middleware", "refusing", "routes"]

TIDY_EVERY: Final = 15.0  # seconds
Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def routes(
    state: State, limits: Limits | None = None, *, browser: Path | None = None
) -> list[BaseRoute]:
    """Every route, over this state."""
    limits = limits or Limits()
    guard = _guard(state)
    metrics = Metrics(state)
    state.sessions.watcher = metrics
    hide_tokens()
    return [
        WebSocketRoute("/ws/live", LiveSocket(state, guard, limits).serve),
        *PhotoApi(state, guard, limits, metrics).routes(),
        *health.routes(state),
        metrics.route(),
        *([browser_files(browser).route()] if browser else []),
    ]


def middleware(state: State) -> list[Middleware]:
    """What stands before the pages and the routes."""
    return [Middleware(OwnerCookie, guard=_guard(state))]


def refusing(fault: str) -> list[BaseRoute]:
    """The routes of a server whose settings don't fit: they say so."""

    async def refuse(_: Request) -> JSONResponse:
        return health.unavailable(fault)

    paths = (*health.PATHS, "/metrics", "/api/{rest:path}")
    return [Route(path, refuse, methods=["GET", "POST"]) for path in paths]


def lifespan(state: State, tidy_every: float = TIDY_EVERY) -> Lifespan:
    """What runs beside the routes: loading at the start, tidying meanwhile, ending at the end."""

    @contextlib.asynccontextmanager
    async def run(_: Any) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(asyncio.to_thread(state.warm_up)),
            asyncio.create_task(_tidy(state, tidy_every)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(state.sessions.close_all)
            await asyncio.to_thread(state.lessons.close)

    return run


def _guard(state: State) -> OriginCheck:
    return OriginCheck(state.settings.origins, state.settings.trust_proxy)


async def _tidy(state: State, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(state.sessions.close_idle)
        await asyncio.to_thread(state.lessons.tidy)
