"""Exported lessons can be read again; damaged and hostile text is refused."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.lesson import INDICATORS, Alert, Lesson
from fer.lesson.export import from_json, to_csv, to_dict, to_json
from fer.lesson.seconds import gaps
from fer.tables import EXCEL_MARK
from tests.lesson.classes import crowd, faces, new_lesson, one, run


def lesson() -> Lesson:
    made = new_lesson(Alert("negative", 0.4, 3))
    run(made, faces(one("happy", 0.7), one("sad", 0.9)), range(4))
    run(made, crowd(sad=7), range(8, 14))
    made.pause(14)
    made.resume(17.5)
    made.mark("note", "Ünïcode 😀 =1+1", 3.25)
    run(made, crowd(neutral=5), range(18, 20))
    made.finish(20)
    return made


def test_json_holds_everything() -> None:
    made = lesson()
    assert made.fired and gaps(made.rows(), made.pauses) and made.notes
    again = from_json(to_json(made))
    assert to_dict(again) == to_dict(made)
    assert (again.rows() == made.rows()).all()
    assert gaps(again.rows(), again.pauses) == gaps(made.rows(), made.pauses)
    assert again.info == made.info


def test_a_lesson_that_was_cut_off_goes_on() -> None:
    made = new_lesson(Alert("negative", 0.4, 3))
    run(made, crowd(sad=9), range(10))
    again = from_json(to_json(made))
    assert again.ended is None
    assert [one.end for one in again.fired] == [10.0]  # the alert that lasted has ended
    assert again.add(crowd(sad=9), 100.0)
    assert [(gap.start, gap.end) for gap in gaps(again.rows(), again.pauses)] == [(10, 100)]


def test_csv_has_a_row_a_second() -> None:
    table = list(csv.DictReader(io.StringIO(to_csv(lesson()).removeprefix(EXCEL_MARK))))
    assert [row["second"] for row in table] == [str(second) for second in range(20)]
    assert list(table[0]) == ["second", "clock", "faces", *EMOTIONS, *INDICATORS, "balance", "gap"]
    first = table[0]
    assert (first["clock"], first["faces"]) == ("2026-03-02 09:30:00", "2.0000")
    assert first["happy"] == f"{0.7 / 2:.4f}"
    assert first["negative"] == first["positive"] == "0.5000"
    assert first["balance"] == f"{(0.7 - 0.9) / 2:.4f}"
    assert [row["gap"] for row in table] == (
        [""] * 4 + ["lost"] * 4 + [""] * 6 + ["pause"] * 3 + [""] * 3
    )
    assert all(table[5][name] == "" for name in (*EMOTIONS, *INDICATORS, "balance", "faces"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "other"),
        (["version"], 2),
        (["emotions"], ["joy"]),
        (["lesson"], None),
        (["lesson", "name"], 5),
        (["lesson", "started"], "yesterday"),
        (["lesson", "started"], "2026-03-02T09:30:00"),
        (["lesson", "more"], 1),
        (["seconds", "second", 0], -1),
        (["seconds", "second", 0], 10**12),
        (["seconds", "frames", 0], -1),
        (["seconds", "frames"], [1]),
        (["seconds", "sums", 0], [1]),
        (["pauses", 0, "start"], -1),
        (["pauses", 0, "start"], "x"),
        (["moments", 0, "kind"], "grade"),
        (["alerts", 0, "alert", "over"], 2),
        (["ended"], 1e400),
    ],
)
def test_a_damaged_file_is_refused(path: list[str | int], value: object) -> None:
    data = to_dict(lesson())
    inner = data
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    with pytest.raises(DataError, match="holds no lesson"):
        from_json(json.dumps(data))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40) | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        from_json(text)
