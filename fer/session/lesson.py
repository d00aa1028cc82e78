"""What a lesson is called and was begun with, and the moments that its teacher marked."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from fer.errors import UsageError

KINDS: Final = ("topic", "question", "note")
LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 500


def new_id() -> str:
    """An id that nobody can guess and any address can hold."""
    return secrets.token_urlsafe(12)


def clean(text: str, longest: int) -> str:
    """One line of text that every database and file takes: no control signs, no half letters."""
    line = " ".join(text.split())
    return "".join(sign for sign in line if unicodedata.category(sign) not in ("Cc", "Cs"))[
        :longest
    ].strip()


@dataclass(frozen=True)
class Lesson:
    """All that is known of a lesson when it begins."""

    name: str
    started: datetime  # with its time zone: that of the class
    acknowledged: datetime | None = None  # when the teacher said that the class knows and agrees
    region: str = ""
    model: str = ""
    version: str = ""  # the model's
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        for time in (self.started, self.acknowledged):
            if time is not None and time.utcoffset() is None:
                raise UsageError("a lesson's times need a time zone")
        object.__setattr__(self, "name", clean(self.name, LONGEST_NAME))

    def renamed(self, name: str) -> Lesson:
        """The same lesson under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Moment:
    """Something that the teacher marked, in seconds from the lesson's start."""

    kind: str
    text: str
    time: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"a moment is a {', '.join(KINDS)}, not {self.kind!r}")
        object.__setattr__(self, "text", clean(self.text, LONGEST_TEXT))
