"""The visitor of a page: the owner of their lessons, and their time zone."""

from __future__ import annotations

import secrets
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fer.server.identity import owner_of

ALONE: Final = "visitor_alone"


def owner() -> str:
    """Return the owner in this browser's cookie; without cookies, a new one for each visit."""
    found = owner_of(st.context.cookies)
    if found is None:
        found = str(st.session_state.setdefault(ALONE, secrets.token_hex(16)))
    return found


def zone() -> tzinfo | None:
    """Return the browser's time zone; None if it gives none or an unknown one."""
    named = st.context.timezone
    try:
        return ZoneInfo(named) if named else None
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        return None
