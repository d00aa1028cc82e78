"""The app's pages, one a file. Each has `page(settings)`, which app.py puts into the menu."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BROWSER: Final = Path(__file__).with_name("browser")  # the browser's code, which the server serves
