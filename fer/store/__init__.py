"""Lessons kept and read again: numbers and the teacher's own words, never a picture."""

from fer.store.faults import GoneError, StoreError
from fer.store.keeper import Keeper
from fer.store.rows import Kept, broke_off
from fer.store.store import Page, Store

__all__ = ["GoneError", "Keeper", "Kept", "Page", "Store", "StoreError", "broke_off"]
