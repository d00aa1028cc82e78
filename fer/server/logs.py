"""Keeps tokens out of the log: uvicorn writes down each WebSocket's whole address."""

from __future__ import annotations

import logging
import re
from typing import Final

TOKEN: Final = re.compile(r"(?<=[?&]token=)[^&\s\"]+")
LOGGER: Final = "uvicorn.error"  # where it writes these lines, which are no errors


def hide_tokens() -> None:
    """From now on the log shows three dots for a token."""
    logger = logging.getLogger(LOGGER)
    if _shortened not in logger.filters:
        logger.addFilter(_shortened)


def _shortened(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            TOKEN.sub("...", one) if isinstance(one, str) else one for one in record.args
        )
    return True
