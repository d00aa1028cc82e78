"""A lesson's numbers: sums, shares, gaps, late pictures, and calls from several threads."""

import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.emotions import EMOTIONS
from fer.errors import UsageError
from fer.faces import Faces
from fer.lesson import INDICATORS, Gap, Lesson, LessonInfo, Note
from fer.lesson.lesson import LATE, LONGEST, LONGEST_NAME, LONGEST_TEXT
from fer.lesson.seconds import gaps, series, whole
from fer.lesson.snapshot import LINE_POINTS, LINE_STEP
from tests.lesson.classes import START, crowd, faces, mixed, new_lesson, one, run

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(word) for word in ("happy", "sad", "neutral"))


def test_a_row_sums_the_pictures_of_its_second() -> None:
    lesson = new_lesson()
    lesson.add(faces(one("happy", 0.75), one("sad")), 0.1)
    lesson.add(faces(one("happy", 0.4375)), 0.9)
    (row,) = lesson.rows()
    assert (row["frames"], row["seen"], row["read"]) == (2, 3, 3)
    expected = np.array(mixed(happy=0.75 + 0.4375, sad=1, neutral=0.25 + 0.5625))
    assert row["sums"].tolist() == expected.tolist()
    assert row["words"].tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert dict(zip(INDICATORS, row["looks"].tolist(), strict=True)) == {
        "negative": 1,
        "confused": 0,
        "flat": 0,  # neither is flat enough
        "positive": 1,
    }


def test_faces_without_a_reading_are_seen_but_have_no_shares() -> None:
    lesson = new_lesson()
    lesson.add(Faces.of([[0, 0, 9, 9], [9, 0, 9, 9]]), 0.0)
    now = lesson.snapshot()
    assert now.faces == 2
    assert np.isnan(now.shares).all()
    assert np.isnan(now.mood.balance)


def test_a_snapshot_covers_the_last_three_seconds() -> None:
    lesson = new_lesson()
    run(lesson, crowd(sad=8), range(10))
    run(lesson, crowd(happy=3, neutral=1), range(10, 13))
    now = lesson.snapshot()
    assert now.time == 12.5
    assert now.faces == 4
    assert dict(zip(EMOTIONS, now.shares, strict=True))["happy"] == 3 / 4
    assert now.indicators == {"negative": 0, "confused": 0, "flat": 1 / 4, "positive": 3 / 4}
    assert now.mood == (0.75, 0.75)
    assert lesson.snapshot(14.0).faces == 4  # second 12 is one of 12, 13, 14
    late = lesson.snapshot(15.0)
    assert (late.faces, late.silent) == (0, 2.5)
    assert np.isnan(late.shares).all()


def test_the_mood_line_has_a_fixed_length_and_its_points_stay() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(7))
    run(lesson, crowd(sad=1), range(7, 20))
    line = lesson.snapshot().line
    assert len(line) == LINE_POINTS
    assert line.times[-1] == 15
    assert np.isnan(line.balance[:-4]).all()  # before the lesson
    # Stretches 0-4, 5-9, 10-14, 15-19: two happy seconds of five in the second one.
    assert line.balance[-4:] == pytest.approx([1, (2 - 3) / 5, -1, -1])
    lesson.add(crowd(sad=1), 20.0)
    moved = lesson.snapshot().line
    assert moved.times[-1] == 20
    assert moved.balance[-5:-1].tolist() == line.balance[-4:].tolist()


def test_the_mood_line_is_empty_long_after_the_last_picture() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(20))
    line = lesson.snapshot(20 + LINE_POINTS * LINE_STEP).line
    assert np.isnan(line.balance).all()
    assert lesson.snapshot(1e12).time == 1e12  # a wrong clock breaks nothing


def test_series_are_means_over_equal_stretches() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=2), range(4))
    run(lesson, crowd(sad=6), range(4, 8))
    points = series(lesson.rows(), 2)
    assert points.step == 4
    assert points.faces.tolist() == [2, 6]
    assert points.shares[:, HAPPY].tolist() == [1, 0]
    assert points.indicator("negative").tolist() == [0, 1]
    # Every face counts alike, so the whole is nearer to the fuller half.
    means = whole(lesson.rows())
    assert means.shares[0, SAD] == 6 / 8
    assert means.faces[0] == 4


def test_an_empty_lesson_has_no_numbers() -> None:
    lesson = new_lesson()
    assert (len(series(lesson.rows())), gaps(lesson.rows(), lesson.pauses), lesson.duration) == (
        0,
        [],
        0,
    )
    assert np.isnan(whole(lesson.rows()).balance).all()
    assert lesson.snapshot().faces == 0
    lesson.finish(0)
    assert lesson.duration == 0


def test_gaps_have_no_numbers() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(2, 10))  # two seconds at the start are no gap
    run(lesson, crowd(happy=1), range(13, 20))
    lesson.pause(20.25)
    assert lesson.snapshot(25).paused
    assert not lesson.add(crowd(happy=1), 30.5)
    lesson.resume(40.75)
    assert not lesson.snapshot(41).paused
    run(lesson, crowd(happy=1), range(41, 45))
    lesson.finish(50)
    assert gaps(lesson.rows(), lesson.pauses) == [
        Gap("lost", 10.0, 13.0),
        Gap("pause", 20.25, 40.75),
        Gap("lost", 45.0, 50.0),
    ]
    shares = series(lesson.rows()).shares[:, HAPPY]
    known = [*range(2, 10), *range(13, 20), *range(41, 45)]
    assert np.flatnonzero(~np.isnan(shares)).tolist() == known


def test_a_pause_that_lasts_ends_with_the_lesson() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(5))
    lesson.pause(5.0)
    assert gaps(lesson.rows(), lesson.pauses) == [Gap("pause", 5.0, None)]
    lesson.finish(9.5)
    assert gaps(lesson.rows(), lesson.pauses) == [Gap("pause", 5.0, 9.5)]
    assert lesson.duration == 9.5
    assert len(lesson.rows()) == 10


@pytest.mark.parametrize("time", [-0.1, float("nan"), float("inf"), LONGEST])
def test_times_outside_a_lesson_do_not_count(time: float) -> None:
    lesson = new_lesson()
    assert not lesson.add(crowd(happy=1), time)
    assert lesson.duration == 0


def test_late_faces_count_until_their_second_is_final() -> None:
    lesson = new_lesson()
    lesson.add(crowd(happy=1), 20.9)
    assert lesson.add(crowd(happy=1), 20.9 - LATE)
    assert not lesson.add(crowd(happy=1), 20.8 - LATE)
    assert lesson.rows()["frames"].nonzero()[0].tolist() == [20 - LATE, 20]


def test_nothing_counts_after_the_end() -> None:
    lesson = new_lesson()
    run(lesson, crowd(happy=1), range(5))
    lesson.finish(5)
    assert not lesson.add(crowd(happy=1), 5.5)
    lesson.pause(6)
    lesson.finish(7)
    assert (lesson.ended, gaps(lesson.rows(), lesson.pauses)) == (5, [])


def test_notes_are_in_the_order_of_time() -> None:
    lesson = new_lesson()
    question = lesson.mark("question", "  why\tzero? ", 70)
    topic = lesson.mark("topic", "Fractions", 60)
    assert question == Note("question", "why zero?", 70)
    assert lesson.notes == [topic, question]
    with pytest.raises(UsageError, match="topic, question, note"):
        lesson.mark("grade", "F", 1)


def test_names_and_notes_are_cleaned_and_cut() -> None:
    lesson = new_lesson(name=" A\0\n\ud800B " + "x" * 200)
    assert lesson.info.name == "A B " + "x" * (LONGEST_NAME - 4)
    assert len(lesson.mark("note", "x" * 999, 1).text) == LONGEST_TEXT
    lesson.rename("Übung 👩‍🏫")
    assert lesson.info.name == "Übung 👩‍🏫"
    with pytest.raises(UsageError, match="time zone"):
        LessonInfo("x", datetime(2026, 3, 2))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60
    )
)
def test_rows_sum_all_pictures_that_were_counted(pictures: list[tuple[float, int, int]]) -> None:
    lesson, taken = new_lesson(), []
    for at, happy, sad in pictures:
        if lesson.add(crowd(happy=happy, sad=sad), at):
            taken.append((at, happy, sad))
    rows = lesson.rows()
    assert rows["frames"].sum() == len(taken)
    assert rows["sums"][:, HAPPY].sum() == sum(happy for _, happy, _ in taken)
    assert rows["words"].sum() == rows["read"].sum() == sum(h + s for _, h, s in taken)
    assert len(rows) == 1 + int(max(at for at, *_ in taken))
    everybody = sum(h + s for _, h, s in taken)
    if everybody:
        share = whole(lesson.rows()).shares[0, SAD]
        assert share == pytest.approx(sum(s for *_, s in taken) / everybody)


def test_pictures_from_several_threads_all_count() -> None:
    lesson = new_lesson()
    seen = crowd(happy=2)

    def feed() -> None:
        for at in range(200):
            lesson.add(seen, at / 100)
            lesson.snapshot()

    threads = [threading.Thread(target=feed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lesson.rows()["seen"].sum() == 4 * 200 * 2


def seconds_of(work: Callable[[], object]) -> float:
    """Return the processor seconds of a call: the least of five rounds, as others work here too."""
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(20):
            work()
        rounds.append((time.process_time() - begun) / 20)
    return min(rounds)


def lesson_of(seconds: int) -> Lesson:
    """Return a lesson of fifty faces, each of which is followed."""
    lesson, everybody = new_lesson(individuals=True), crowd(happy=20, sad=10, neutral=20)
    for second in range(seconds):
        lesson.add(everybody, second)
    return lesson


def costs(lesson: Lesson) -> list[float]:
    rows = lesson.rows()
    return [
        seconds_of(lesson.snapshot),
        seconds_of(lambda: series(rows)),
        seconds_of(lambda: gaps(rows, [])),
    ]


@pytest.mark.slow
def test_three_hours_of_fifty_faces_would_stay_small_and_quick() -> None:
    """Derived from 80 minutes, by which a quarter of the space for three hours is in use."""
    early = costs(lesson_of(600))
    tracemalloc.start()
    lesson = lesson_of(4800)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 4 * held < 5e6  # bytes
    # Eight times as long: a snapshot costs the same, and the rest at most in proportion.
    for before, after, most in zip(early, costs(lesson), (3, 16, 16), strict=True):
        assert after < most * before


def test_the_start_keeps_its_time_zone() -> None:
    assert new_lesson().info.started is START
