"""Lessons kept and read again: numbers and the teacher's own words, never a picture."""

from fer.store.autosave import Autosave, SaveState
from fer.store.errors import GoneError, StoreError
from fer.store.rows import Kept, broke_off
from fer.store.store import Page, Store

__all__ = ["Autosave", "GoneError", "Kept", "Page", "SaveState", "Store", "StoreError", "broke_off"]
