"""The server process: HTTP and WebSocket routes beside the pages, over one shared `State`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from fer.server import health, protocol
from fer.server.browser_files import browser_files
from fer.server.doors import Doors
from fer.server.identity import OwnerCookie, TakeOver
from fer.server.limits import Limits
from fer.server.live_socket import LiveSocket
from fer.server.logs import hide_tokens
from fer.server.origins import OriginCheck
from fer.server.photo_api import PhotoApi
from fer.server.state import State
from fer.server.uploads import NoFiles, UploadLimits, Uploads, VisitFiles
from fer.settings import Settings

__all__ = ["Limits", "State", "error_routes", "lifespan", "middleware", "routes"]

LOG: Final = logging.getLogger(__name__)
SWEEP_EVERY: Final = 15.0  # seconds
FIRST_PAUSE: Final = 5.0  # seconds before a network that could not be loaded is tried again
LONGEST_PAUSE: Final = 60.0
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
        WebSocketRoute(protocol.PATH, LiveSocket(state, limits).serve),
        *PhotoApi(state, origins, limits, metrics).routes(),
        *health.routes(state),
        metrics.route(),
        *([browser_files(browser).route()] if browser else []),
    ]


def middleware(
    settings: Settings,
    limits: Limits | None = None,
    files: VisitFiles | None = None,
    take_over: TakeOver | None = None,
) -> list[Middleware]:
    """Return the middleware that runs before the pages and the routes.

    `files` knows the files that the pages' visits hold. `take_over` gives one owner's lessons to
    another, when a browser gets a new cookie.
    """
    origins = OriginCheck(settings)
    uploads = Uploads(UploadLimits.of(settings.max_upload), files or NoFiles())
    return [
        Middleware(Doors, origins=origins, uploads=uploads, limits=limits or Limits()),
        Middleware(OwnerCookie, origins=origins, take_over=take_over),
    ]


def error_routes(fault: str) -> list[BaseRoute]:
    """Return the routes of a server with invalid settings: each answers with `fault`."""

    async def refuse(_: Request) -> JSONResponse:
        return health.unavailable(fault)

    paths = (*health.PATHS, *health.STRICT_PATHS, "/metrics", "/api/{rest:path}")
    return [Route(path, refuse, methods=["GET", "POST"]) for path in paths]


def lifespan(
    state: State,
    sweep_every: float = SWEEP_EVERY,
    first_pause: float = FIRST_PAUSE,
    sweep: Callable[[], None] = lambda: None,
) -> Lifespan:
    """Return a context that loads the network, sweeps the lessons, and saves them at the end.

    It calls `sweep` as well, which frees what visits have left behind.
    """

    @contextlib.asynccontextmanager
    async def run(_: Any) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_warm_up(state, first_pause)),
            asyncio.create_task(_sweep(state.lessons.sweep, sweep_every)),
            asyncio.create_task(_sweep(sweep, sweep_every)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Not in the loop's usual threads: all of them may wait for a store that hangs.
            with ThreadPoolExecutor(1, "closing") as thread:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(thread, state.lessons.close)
                await loop.run_in_executor(thread, state.decoder.close)

    return run


async def _warm_up(state: State, pause: float) -> None:
    """Load the network, and try again after a growing pause for as long as that fails."""
    while True:
        await asyncio.to_thread(state.warm_up)
        if state.not_ready is None:
            await asyncio.to_thread(state.resume_recordings)
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _sweep(sweep: Callable[[], None], every: float) -> None:
    """Call `sweep` every `every` seconds; log its errors and go on."""
    while True:
        await asyncio.sleep(every)
        try:
            await asyncio.to_thread(sweep)
        except Exception:  # the next one may work, and the server needs it
            LOG.exception("sweeping failed")
