"""Run the app in the container, on $PORT; `start.py check` tests whether it is ready.

This replaces uvicorn's own command for two reasons. The kernel drops a SIGTERM that process 1 does
not handle, and uvicorn handles it only after loading everything. And uvicorn exits with the
signal's status, but platforms take every status except 0 for a failure.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import urllib.error
import urllib.request

PATIENCE = 3  # seconds that running requests get at the end; platforms kill after 10
MOST_BYTES = 16_000_000  # of one WebSocket message, as .streamlit/config.toml says


def port() -> int:
    """Return the port to listen on; Cloud Run, Heroku and App Runner set the variable."""
    value = os.environ.get("PORT") or "8080"
    if not value.isascii() or not value.isdecimal() or not 0 < int(value) < 65536:
        sys.exit(f"PORT must be a number from 1 to 65535, not {value!r}")
    return int(value)


def check() -> int:
    """Return the exit status of a health check: 0 if the app can read a picture, else 1."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port()}/healthz", timeout=4) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError):
        return 1


def serve() -> None:
    """Serve the app until a signal ends it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listen_on = port()
    import uvicorn  # after the handler, since a signal may come while it loads

    from fer.server.connections import HttpConnection, SocketConnection, raise_file_limit

    # Visits are private. A filter, because Streamlit undoes uvicorn's own setting.
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)
    raise_file_limit()
    uvicorn.run(
        "app:app",
        host=os.environ.get("HOST") or "0.0.0.0",
        port=listen_on,
        proxy_headers=False,  # FER_PROXIES says which of them to believe
        http=HttpConnection,
        ws=SocketConnection,
        ws_max_size=MOST_BYTES,
        timeout_graceful_shutdown=PATIENCE,
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    serve()
