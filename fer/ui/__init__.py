"""The app's pages, one per module. Each has a function `page`, which app.py puts into the menu."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BROWSER: Final = Path(__file__).with_name(
    "browser"
)  # the JavaScript modules that the server serves
