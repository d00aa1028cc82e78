"""Who looks at the page: whose lessons may be shown."""

from __future__ import annotations

import secrets
from typing import Final

import streamlit as st

from fer.live.visitors import owner_of

ALONE: Final = "visitor_alone"


def owner() -> str:
    """This browser's owner; for one that keeps no cookies, somebody new at each visit."""
    found = owner_of(st.context.cookies)
    if found is None:
        found = str(st.session_state.setdefault(ALONE, secrets.token_hex(16)))
    return found
