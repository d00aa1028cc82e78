"""What the container runs: the app on $PORT; `start.py check` asks whether it is ready.

A few lines rather than uvicorn's own command: as process 1 nothing is done with a SIGTERM that
nobody handles, and uvicorn handles it only once it has loaded everything; and it ends with the
signal's status, where 0 is what says that all went well.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import urllib.error
import urllib.request

PATIENCE = 3  # seconds that a request may still take at the end; platforms kill after 10
MOST_BYTES = 16_000_000  # of one WebSocket message, as .streamlit/config.toml says


def port() -> int:
    """Where to listen, as Cloud Run, Heroku and App Runner say it."""
    said = os.environ.get("PORT") or "8080"
    if not said.isascii() or not said.isdecimal() or not 0 < int(said) < 65536:
        sys.exit(f"PORT must be a number from 1 to 65535, not {said!r}")
    return int(said)


def check() -> int:
    """0 if the app can read a picture, else 1; which is all that a health check wants."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port()}/healthz", timeout=4) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError):
        return 1


def serve() -> None:
    """The app, until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    import uvicorn  # only now: it takes a while, and the signal may come meanwhile

    # Who visits is nobody's business here. uvicorn's own switch is undone by Streamlit.
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)
    uvicorn.run(
        "app:app",
        host=os.environ.get("HOST") or "0.0.0.0",
        port=port(),
        ws="websockets-sansio",  # as `streamlit run` sets it
        ws_max_size=MOST_BYTES,
        timeout_graceful_shutdown=PATIENCE,
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    serve()
