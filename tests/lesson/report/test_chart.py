"""The drawing: positions, gaps, notes and alerts; SVG and PNG show the same."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image, ImageColor

from fer.emotions import COLOURS, EMOTIONS, ink_on
from fer.lesson import Lesson
from fer.lesson.report import ENGLISH, ReportText, to_png
from fer.lesson.report.chart import LEFT, NOTHING, RIGHT, STACK, STROKES, timeline
from fer.lesson.report.drawing import SCALE, Area, Disc, Drawing, Label, Line, dashes
from fer.lesson.seconds import series
from tests.lesson.classes import crowd, new_lesson, run
from tests.lesson.report.lessons import HOSTILE, taught

TOP, TALL = 70.0, 180.0  # of the upper panel, in a lesson with notes


def x_of(seconds: float, length: float = 600) -> float:
    return LEFT + seconds / length * (RIGHT - LEFT)


def areas(drawing: Drawing, colour: str) -> list[np.ndarray]:
    found = [s.points for s in drawing.shapes if isinstance(s, Area) and s.fill == colour]
    return [points for points in found if points[:, 0].max() <= RIGHT]  # not the legend's


def test_emotions_are_stacked_to_the_full_height() -> None:
    made = new_lesson()
    run(made, crowd(happy=1, sad=3), range(10))
    made.mark("note", "x", 1)
    drawing = timeline(made)
    happy, sad = (areas(drawing, COLOURS[name])[0][:, 1] for name in ("happy", "sad"))
    assert (happy.min(), happy.max()) == pytest.approx((TOP, TOP + TALL / 4))
    assert (sad.min(), sad.max()) == pytest.approx((TOP + TALL / 4, TOP + TALL))


def test_areas_leave_gaps_empty() -> None:
    edges = [(0, 360), (480, 500), (530, 600)]  # step 2: none of them lies within a stretch
    made = taught()
    assert series(made.rows(), 480).step == 2
    found = [(p[:, 0].min(), p[:, 0].max()) for p in areas(timeline(made), COLOURS["neutral"])]
    expected = [(x_of(start), x_of(end)) for start, end in edges]
    pieces = [one for one in found if one[1] - one[0] > 0]
    for one in expected:
        assert any(one == pytest.approx(piece) for piece in pieces)
    grey = {
        (round(float(p[:, 0].min()), 3), round(float(p[:, 0].max()), 3))
        for p in areas(timeline(made), NOTHING)
    }
    assert grey == {
        (round(x_of(start), 3), round(x_of(end), 3)) for start, end in [(360, 480), (500, 530)]
    }


def test_a_slow_camera_makes_no_gaps() -> None:
    made = new_lesson()
    for second in range(0, 30, 2):
        made.add(crowd(happy=2), second + 0.5)
    drawing = timeline(made)
    assert areas(drawing, NOTHING) == []
    assert len([p for p in areas(drawing, COLOURS["happy"]) if len(p) > 4]) == 1


def test_alerts_and_notes_are_marked() -> None:
    made = taught()
    drawing = timeline(made)
    discs = [shape for shape in drawing.shapes if isinstance(shape, Disc)]
    assert [disc.x for disc in discs] == pytest.approx([x_of(30), x_of(310)])
    numbers = [s.words for s in drawing.shapes if isinstance(s, Label) and s.colour == "#FFFFFF"]
    assert numbers[:2] == ["1", "2"]
    (fired,) = made.fired
    assert (fired.start, fired.end) == (300, 360)
    bars = areas(drawing, STROKES["negative"][0])
    marked = [p for p in bars if np.ptp(p[:, 1]) == pytest.approx(4)]
    assert [(p[:, 0].min(), p[:, 0].max()) for p in marked] == [
        pytest.approx((x_of(300), x_of(360)))
    ]


def test_notes_close_together_stand_in_two_rows() -> None:
    made = taught()
    made.mark("note", "at once", 31)
    heights = [shape.y for shape in timeline(made).shapes if isinstance(shape, Disc)]
    assert len(set(heights)) == 2


@pytest.mark.parametrize("made", [new_lesson(), taught()], ids=["empty", "full"])
def test_the_svg_is_well_formed_and_stays_inside(made: Lesson) -> None:
    drawing = timeline(made, title=HOSTILE)
    root = ET.fromstring(drawing.to_svg())
    assert HOSTILE in [element.text for element in root.iter("text")]
    for shape in drawing.shapes:
        if isinstance(shape, Area | Line):
            assert shape.points.min() >= 0
            assert shape.points[:, 0].max() <= drawing.width
            assert shape.points[:, 1].max() <= drawing.height


def test_the_png_has_the_colours_of_the_drawing() -> None:
    made = new_lesson(name="漢字")  # Pillow's font cannot write it
    run(made, crowd(happy=10, sad=10), range(100))
    image = Image.open(io.BytesIO(to_png(made)))
    drawing = timeline(made, title="x")
    assert image.size == (round(drawing.width * SCALE), round(drawing.height * SCALE))
    pixels = np.asarray(image)
    for name in ("happy", "sad"):
        points = areas(drawing, COLOURS[name])[0]
        middle = (points[:, 1].min() + points[:, 1].max()) / 2
        seen = pixels[round(middle * SCALE) + 30, round(x_of(10, 100) * SCALE)]
        assert tuple(seen) == ImageColor.getrgb(COLOURS[name])


def test_the_png_has_only_letters_that_its_font_has() -> None:
    made = new_lesson(name="Matemáticas")
    run(made, crowd(happy=10), range(100))
    plainly = new_lesson(name="Matematicas")
    run(plainly, crowd(happy=10), range(100))
    assert to_png(made) == to_png(plainly)
    hindi = ReportText(ENGLISH | {"timeline.axis": "मिनट"})  # every letter would be a box
    assert to_png(made, hindi) == to_png(made)
    spanish = ReportText(ENGLISH | {"happy": "feliz", "timeline.axis": "minutos, según el reloj"})
    assert to_png(made, spanish) != to_png(made)


def test_dashes_follow_the_line() -> None:
    corner = np.array([[0.0, 0], [4, 0], [4, 3]])
    strokes = [stroke.tolist() for stroke in dashes(corner, (3, 2))]
    assert strokes == [[[0, 0], [3, 0]], [[4, 1], [4, 3]]]
    assert [s.tolist() for s in dashes(corner, (5, 9))] == [[[0, 0], [4, 0], [4, 1]]]


def test_every_emotion_is_stacked_and_has_readable_letters() -> None:
    assert sorted(STACK) == sorted(EMOTIONS)
    assert ink_on("#FFFFFF") == ink_on(COLOURS["happy"]) == "#000000"
    assert ink_on("#000000") == ink_on(COLOURS["sad"]) == "#FFFFFF"
