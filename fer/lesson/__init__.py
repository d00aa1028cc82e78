"""The numbers of a lesson: emotions of a class over time, alerts, notes, and the report."""

from fer.lesson.alerts import CALM, Alert, Fired
from fer.lesson.indicators import INDICATORS, Mood, indicators, mood
from fer.lesson.lesson import KINDS, Lesson, LessonInfo, Note
from fer.lesson.people import Person
from fer.lesson.seconds import Gap, Series
from fer.lesson.snapshot import Snapshot

__all__ = [
    "CALM",
    "INDICATORS",
    "KINDS",
    "Alert",
    "Fired",
    "Gap",
    "Lesson",
    "LessonInfo",
    "Mood",
    "Note",
    "Person",
    "Series",
    "Snapshot",
    "indicators",
    "mood",
]
