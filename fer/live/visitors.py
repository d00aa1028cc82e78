"""Who a visitor is, without a login: the owner of a cookie that only the server reads.

Pages and store only ever see a digest of it, so what stands in a database opens nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

COOKIE: Final = "fer_owner"
KNOWN: Final = re.compile(r"[A-Za-z0-9_-]{32}")


def owner_of(cookies: Mapping[str, str]) -> str | None:
    """The owner that these cookies tell of; None where the browser keeps none."""
    said = cookies.get(COOKIE)
    if not isinstance(said, str) or not KNOWN.fullmatch(said):
        return None
    return hashlib.sha256(said.encode()).hexdigest()[:32]
