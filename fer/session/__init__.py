"""The class over time, as numbers: what comes in are faces and times, never pictures."""

from fer.session.alerts import CALM, Alert, Fired
from fer.session.lesson import KINDS, Lesson, Moment
from fer.session.looks import LOOKS, Mood, looks, mood
from fer.session.now import Now
from fer.session.people import Person
from fer.session.seconds import Gap, Series
from fer.session.session import Session

__all__ = [
    "CALM",
    "KINDS",
    "LOOKS",
    "Alert",
    "Fired",
    "Gap",
    "Lesson",
    "Moment",
    "Mood",
    "Now",
    "Person",
    "Series",
    "Session",
    "looks",
    "mood",
]
