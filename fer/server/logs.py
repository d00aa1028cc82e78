"""Keep tokens out of the log: uvicorn logs the whole address of each WebSocket."""

from __future__ import annotations

import logging
import re
from typing import Final

TOKEN: Final = re.compile(r"(?<=[?&]token=)[^&\s\"]+")
LOGGER: Final = "uvicorn.error"  # uvicorn's logger for these lines, although they are no errors


def hide_tokens() -> None:
    """Replace tokens in the log by three dots from now on."""
    logger = logging.getLogger(LOGGER)
    if _without_tokens not in logger.filters:
        logger.addFilter(_without_tokens)


def _without_tokens(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            TOKEN.sub("...", one) if isinstance(one, str) else one for one in record.args
        )
    return True
