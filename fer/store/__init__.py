"""Store lessons in a database and read them again: numbers and notes, never a picture."""

from fer.store.autosave import Autosave, SaveState
from fer.store.errors import GoneError, StoreError
from fer.store.rows import LessonSummary, end_of_data
from fer.store.store import Page, Store
from fer.store.unsaved import UnsavedFiles, UnsavedLesson

__all__ = [
    "Autosave",
    "GoneError",
    "LessonSummary",
    "Page",
    "SaveState",
    "Store",
    "StoreError",
    "UnsavedFiles",
    "UnsavedLesson",
    "end_of_data",
]
