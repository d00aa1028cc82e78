"""Who looks at the page: whose lessons may be shown, and by which clock."""

from __future__ import annotations

import secrets
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fer.server.identity import owner_of

ALONE: Final = "visitor_alone"


def owner() -> str:
    """This browser's owner; for one that keeps no cookies, somebody new at each visit."""
    found = owner_of(st.context.cookies)
    if found is None:
        found = str(st.session_state.setdefault(ALONE, secrets.token_hex(16)))
    return found


def zone() -> tzinfo | None:
    """The browser's time zone; None where it tells none that is known here."""
    named = st.context.timezone
    try:
        return ZoneInfo(named) if named else None
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        return None
