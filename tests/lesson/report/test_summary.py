"""The sentences of the summary agree with the lesson's numbers."""

import pytest

from fer.faces import Faces
from fer.lesson import Lesson
from fer.lesson.report import ReportText
from fer.lesson.report.text import sentences
from tests.lesson.classes import crowd, new_lesson, run
from tests.lesson.report.lessons import taught


def summary_of(lesson: Lesson) -> list[str]:
    return sentences(lesson, ReportText())


def test_the_summary_of_a_whole_lesson() -> None:
    # 390 seconds of 15 neutral and 5 happy, 60 of 16 sad and 4 neutral.
    neutral, happy = (390 * 15 + 60 * 4) / (450 * 20), 390 * 5 / (450 * 20)
    assert summary_of(taught()) == [
        f"Mostly neutral ({100 * neutral:.0f} %), with some happy ({100 * happy:.0f} %).",
        "On average 20 faces could be seen, at most 20.",
        "The end of the lesson looked much like its start.",
        "Negative looks were most frequent in the minute from 5:00: 80 % of the faces.",
        "1 alert was given.",
        f"For {ReportText().span(120 + 30)} nothing was seen. "
        "Nothing is guessed for it: the charts "
        "stay empty there.",
    ]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"neutral": 10}, "Mostly neutral (100 %)."),
        ({"neutral": 9, "sad": 1}, "Mostly neutral (90 %), with some sad (10 %)."),
        ({"neutral": 19, "sad": 1}, "Mostly neutral (95 %)."),
        ({"happy": 4, "sad": 3, "fear": 3}, "Mixed: happy (40 %) and fear (30 %) come first."),
    ],
)
def test_the_summary_names_the_frequent_emotions(counts: dict[str, int], sentence: str) -> None:
    lesson = new_lesson()
    run(lesson, crowd(**counts), range(10))
    assert summary_of(lesson)[0] == sentence


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("neutral", "happy", "Towards the end the faces looked more cheerful than at the start."),
        ("neutral", "sad", "Towards the end the faces looked less cheerful than at the start."),
        ("neutral", "surprise", "The end of the lesson looked much like its start."),
    ],
)
def test_the_summary_compares_the_end_with_the_start(start: str, end: str, sentence: str) -> None:
    lesson = new_lesson()
    run(lesson, crowd(**{start: 10}), range(100))
    run(lesson, crowd(**{end: 10}), range(100, 300))
    assert sentence in summary_of(lesson)


def test_a_short_lesson_has_no_sentence_about_its_trend() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(60))
    run(lesson, crowd(sad=1), range(60, 120))
    assert not [line for line in summary_of(lesson) if "end" in line or "minute" in line]


def test_without_faces_there_is_one_sentence() -> None:
    empty, blind = new_lesson(), new_lesson()
    run(blind, Faces.none(), range(5))
    assert summary_of(empty) == summary_of(blind) == ["No face was read in this lesson."]


@pytest.mark.parametrize("seen", [range(200, 300), range(100)])
def test_no_sentence_about_the_trend_if_one_end_has_no_faces(seen: range) -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=10), seen)
    lesson.finish(300)
    trend = {ReportText()(key) for key in ("brighter", "darker", "steady")}
    assert not trend & {*summary_of(lesson)}


def test_a_pause_after_the_last_picture_takes_no_time() -> None:
    """In a lesson that was never ended."""
    lesson = new_lesson()
    run(lesson, crowd(happy=10), range(100))
    lesson.pause(160)
    assert not [line for line in summary_of(lesson) if "-" in line]
