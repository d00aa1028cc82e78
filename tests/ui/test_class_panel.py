"""The class panel's HTML: its numbers, and that nothing in a note can run as code."""

import base64
import re
from datetime import UTC, datetime

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.lesson import Alert, Lesson, LessonInfo
from fer.ui import class_panel

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HAPPY = np.eye(7)[EMOTIONS.index("happy")]
ANGRY = np.eye(7)[EMOTIONS.index("angry")]


def lesson_of(seconds: int, *rows: np.ndarray, alerts: tuple[Alert, ...] = ()) -> Lesson:
    """Return a lesson with these faces in every second."""
    lesson = Lesson(LessonInfo("Algebra", NINE), alerts)
    ids = np.arange(len(rows))
    faces = Faces.of([[0, 0, 9, 9]] * len(rows), probabilities=rows, ids=ids)
    for second in range(seconds):
        lesson.add(faces, second + 0.5)
    return lesson


def drawing(html: str) -> str:
    found = re.search(r"base64,([^\"]+)", html)
    assert found is not None
    return base64.b64decode(found[1]).decode()


def points(svg: str) -> list[tuple[float, float]]:
    """Return the path of the mood line."""
    path = re.findall(r' d="([^"]*)"', svg)[-1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_the_shares_are_those_of_the_class() -> None:
    lesson = lesson_of(5, HAPPY, HAPPY, HAPPY, ANGRY)
    html = class_panel.panel(lesson.snapshot(5.0))
    assert "4 faces" in html
    assert "width:75%" in html
    assert re.search(r"happy</span>.*?<span>75 %</span>", html)
    assert "<b>25 %</b>negative" in html
    assert "<b>0 %</b>flat" in html


def test_one_face_is_one_face() -> None:
    assert "1 face<" in class_panel.panel(lesson_of(2, HAPPY).snapshot(2.0))


def test_before_any_picture_nothing_is_claimed() -> None:
    html = class_panel.panel(Lesson(LessonInfo("x", NINE)).snapshot(0.0))
    assert "0 faces" in html
    assert html.count("<b>–</b>") == len(class_panel.SHOWN)
    assert points(drawing(html)) == []


@pytest.mark.parametrize(("row", "height"), [(HAPPY, 0), (ANGRY, class_panel.HEIGHT)])
def test_the_mood_line_goes_up_with_joy(row: np.ndarray, height: float) -> None:
    drawn = points(drawing(class_panel.panel(lesson_of(60, row).snapshot(60.0))))
    assert len(drawn) == 12  # a minute, five seconds a point
    assert {y for _, y in drawn} == {height}
    assert drawn[0][0] < drawn[-1][0] <= class_panel.WIDTH


def test_where_nothing_was_seen_the_line_breaks() -> None:
    lesson = lesson_of(30, HAPPY)
    faces = Faces.of([[0, 0, 9, 9]], probabilities=[HAPPY])
    lesson.add(faces, 90.5)
    svg = drawing(class_panel.panel(lesson.snapshot(91.0)))
    path = re.findall(r' d="([^"]*)"', svg)[-1]
    assert path.count("M") == 2


def test_moments_and_alerts_stand_on_the_line() -> None:
    lesson = lesson_of(60, *[ANGRY] * 5, alerts=(Alert("negative", 0.4, 20),))
    lesson.mark("note", "<script>alert(1)</script>", 30.0)
    html = class_panel.panel(lesson.snapshot(60.0), lesson.notes, lesson.fired)
    svg = drawing(html)
    assert svg.count("<rect") == 1
    assert f"M{class_panel.WIDTH / 2:.1f} 0V" in svg  # the half of a minute
    assert "100 % of the faces look negative" in html
    assert "script" not in html + svg


def test_an_alert_that_is_over_is_not_told_again() -> None:
    lesson = lesson_of(60, *[ANGRY] * 5, alerts=(Alert("negative", 0.4, 20),))
    lesson.set_alerts(())
    html = class_panel.panel(lesson.snapshot(60.0), lesson.notes, lesson.fired)
    assert 'class="alert"' not in html
    assert drawing(html).count("<rect") == 1  # but it stays on the line


def test_single_faces_are_numbers_with_a_strip() -> None:
    lesson = Lesson(LessonInfo("x", NINE), individuals=True)
    faces = Faces.of([[0, 0, 9, 9]] * 2, probabilities=[HAPPY, ANGRY], ids=[3, 8])
    for second in range(70):
        lesson.add(faces, second + 0.5)
    html = class_panel.people(lesson.people())
    assert html.index("Face 8") < html.index("Face 3")  # who may need attention comes first
    assert html.count("may need attention") == 1
    assert html.count("<i ") == 2 * class_panel.STRIP


def test_nobody_followed_is_said() -> None:
    assert "No face" in class_panel.people([])
