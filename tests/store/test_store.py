"""The store on SQLite and PostgreSQL: saving, finding, owners, adopting, deleting."""

import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer.lesson import Alert, Lesson
from fer.lesson.export import from_json, to_dict
from fer.lesson.lesson import LATE
from fer.lesson.seconds import gaps
from fer.store import GoneError, Store, StoreError
from fer.store.schema import SECONDS
from tests.lesson.classes import START, crowd, faces, new_lesson, one, run
from tests.store.conftest import FakeClock


def lesson(name: str = "Algebra") -> Lesson:
    made = new_lesson(Alert("negative", 0.4, 3), name=name)
    run(made, faces(one("happy", 0.7), one("sad", 0.9)), range(4))
    run(made, crowd(sad=7), range(8, 14))
    made.pause(14.25)
    made.resume(17.5)
    made.mark("note", "Zahlen & Größen 😀", 3.25)
    return made


def later(made: Lesson, days: int) -> Lesson:
    """Return the lesson as if it had begun `days` later."""
    begun = replace(made.info, started=START + timedelta(days=days))
    return Lesson.restored(begun, [], made.rows()[:0])


def test_a_stored_lesson_is_read_unchanged(store: Store) -> None:
    made = lesson()
    made.finish(20)
    store.begin(made)
    again = store.load(made.info.id)
    assert to_dict(again) == to_dict(made)
    assert (again.rows() == made.rows()).all()


def test_a_running_lesson_can_be_read_after_each_save(store: Store) -> None:
    made = new_lesson()
    store.begin(made)
    for start in range(0, 60, 7):
        run(made, crowd(happy=start % 5, sad=2), range(start, start + 7))
        made.mark("topic", f"part {start}", start)
        store.save(made)
        again = store.load(made.info.id)
        assert to_dict(again) == to_dict(made)


def test_a_late_face_is_saved_too(store: Store) -> None:
    made = new_lesson()
    run(made, crowd(happy=1), range(20))
    store.begin(made)
    assert made.add(crowd(sad=3), 19.5 - LATE)
    store.save(made)
    assert (store.load(made.info.id).rows() == made.rows()).all()


def test_a_save_writes_only_what_may_have_changed(store: Store) -> None:
    made = new_lesson()
    run(made, crowd(happy=1), range(1000))
    store.begin(made)
    written: list[int] = []

    @sa.event.listens_for(store.engine, "before_cursor_execute")
    def count(_c: object, _k: object, statement: str, values: object, *_: object) -> None:
        if "INSERT INTO seconds" in statement:
            assert isinstance(values, list)
            written.append(len(values))

    run(made, crowd(happy=1), range(1000, 1005))
    store.save(made)
    assert written == [5 + LATE + 1]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(0, 3), st.booleans()), max_size=30),
    st.text(max_size=30),
)
def test_saves_at_any_time_keep_the_whole_lesson(
    store: Store, pictures: list[tuple[float, int, bool]], name: str
) -> None:
    made = new_lesson(name=name)
    store.begin(made)
    for at, sad, save in pictures:
        made.add(crowd(sad=sad, happy=1), at)
        if save:
            store.save(made)
    store.save(made)
    assert to_dict(store.load(made.info.id)) == to_dict(made)


def test_no_owner_reaches_another_owners_lessons(store: Store) -> None:
    made = lesson()
    id = made.info.id
    store.begin(made, owner="anna")
    assert store.find("anna").found == 1
    for other in ("", "ben", "Anna", "%"):
        assert store.find(other).lessons == []
        assert store.left_open(other, quiet=-1) == []
        for call, *words in (
            (store.load, id, other),
            (store.adopt, id, other),
            (store.save, made, other),
            (store.end, id, other),
            (store.rename, id, "x", other),
            (store.delete, id, other),
        ):
            with pytest.raises(GoneError):
                call(*words)
        assert store.export(io.BytesIO(), other) == 0
    assert store.load(id, "anna").info.name == "Algebra"


def test_an_owners_lessons_are_given_to_another(store: Store) -> None:
    mine, theirs = lesson(), lesson()
    store.begin(mine, "me")
    store.begin(theirs, "somebody")
    store.change_owner("me", "me anew")
    assert [one.id for one in store.find("me anew").lessons] == [mine.info.id]
    assert not store.find("me").lessons
    assert [one.id for one in store.find("somebody").lessons] == [theirs.info.id]


def test_an_id_of_another_owner_cannot_be_used(store: Store) -> None:
    made = lesson()
    store.begin(made, owner="anna")
    with pytest.raises(StoreError):
        store.begin(made, owner="ben")
    assert store.find("ben").found == 0


def test_pages_list_the_newest_lessons_first(store: Store) -> None:
    for day in (3, 1, 5, 2, 4):
        store.begin(later(lesson(f"day {day}"), day))
    first, second = store.find(size=3), store.find(size=3, page=1)
    assert [kept.name for kept in first.lessons] == ["day 5", "day 4", "day 3"]
    assert [kept.name for kept in second.lessons] == ["day 2", "day 1"]
    assert first.found == second.found == 5
    assert store.find(size=3, page=2).lessons == []


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["Übung 100%", "Algebra_1", "Chemie"]),
        ("algebra", ["Algebra_1"]),
        ("ÜBUNG", ["Übung 100%"]),
        ("größe", ["Übung 100%", "Algebra_1", "Chemie"]),  # in a note of every lesson
        ("%", ["Übung 100%"]),
        ("_", ["Algebra_1"]),
        ("zahlen chem", ["Chemie"]),
        ("' OR 1=1 --", []),
    ],
)
def test_search_finds_words_in_names_and_notes(store: Store, words: str, names: list[str]) -> None:
    for name in ("Übung 100%", "Algebra_1", "Chemie"):
        store.begin(lesson(name))
    assert {kept.name for kept in store.find(search=words).lessons} == set(names)


def test_the_list_shows_a_summary_of_each_lesson(store: Store) -> None:
    made = new_lesson()
    run(made, crowd(happy=3, sad=1), range(10))
    made.finish(12.5)
    store.begin(made)
    store.begin(new_lesson(name="empty"), owner="other")
    (kept,) = store.find().lessons
    assert (kept.started, kept.duration, kept.ended) == (START, 12.5, True)
    assert (kept.faces, kept.balance) == (4, 0.5)
    (empty,) = store.find("other").lessons
    assert (empty.faces, empty.balance, empty.ended) == (None, None, False)


def test_a_new_name_survives_the_next_save(store: Store) -> None:
    made = lesson()
    store.begin(made)
    store.rename(made.info.id, " Geometry\n2 ")
    made.mark("note", "later", 5)
    store.save(made)  # the lesson that runs doesn't know of the name, and leaves it
    assert store.find().lessons[0].name == "Geometry 2"
    assert len(store.load(made.info.id).notes) == 2


def test_a_deleted_lesson_is_gone_and_does_not_come_back(store: Store) -> None:
    made, other = lesson(), lesson("other")
    store.begin(made)
    store.begin(other)
    store.delete(made.info.id)
    assert [kept.name for kept in store.find().lessons] == ["other"]
    with store.engine.begin() as connection:
        left = set(connection.scalars(sa.select(SECONDS.c.lesson).distinct()))
    assert left == {other.info.id}
    for call in (store.load, store.delete):
        with pytest.raises(GoneError):
            call(made.info.id)
    with pytest.raises(GoneError):
        store.save(made)
    assert store.find().found == 1


def test_a_lesson_that_was_cut_off_can_be_ended_or_continued(store: Store, wall: FakeClock) -> None:
    gone_on, ended, running = lesson("goes on"), lesson("ended"), lesson("running")
    store.begin(gone_on)
    store.begin(ended)
    wall.at += 31
    store.begin(running)
    assert {kept.name for kept in store.left_open()} == {"goes on", "ended"}
    store.end(ended.info.id)
    assert store.load(ended.info.id).ended == 14
    again = store.adopt(gone_on.info.id)
    assert store.left_open() == []  # somebody runs it again
    assert again.add(crowd(happy=2), 100)
    store.save(again)
    assert (
        gaps(store.load(gone_on.info.id).rows(), store.load(gone_on.info.id).pauses)[-1].end == 100
    )


def test_only_the_store_that_adopted_a_lesson_last_saves_it(opened: Callable[[], Store]) -> None:
    first, second, made = opened(), opened(), lesson()
    id = made.info.id
    first.begin(made)
    theirs = second.adopt(id)
    run(theirs, crowd(happy=2), range(20, 30))
    theirs.mark("note", "theirs", 25)
    second.save(theirs)
    run(made, crowd(sad=2), range(18, 20))
    made.finish(900)
    with pytest.raises(GoneError, match="another process"):
        first.save(made)
    assert to_dict(first.load(id)) == to_dict(theirs)  # unchanged
    ours = first.adopt(id)
    assert to_dict(ours) == to_dict(theirs)
    with pytest.raises(GoneError):
        second.save(theirs)
    ours.finish(30)
    first.save(ours)
    assert second.load(id).ended == 30
    with pytest.raises(GoneError):
        second.adopt(id)  # it is over


def test_export_writes_every_lesson_of_the_owner(store: Store) -> None:
    made, other = lesson("../<a> & b"), later(lesson("b"), 1)
    for each in (made, other):
        store.begin(each, "anna")
    store.begin(lesson("ben's"), "ben")
    target = io.BytesIO()
    assert store.export(target, "anna") == 2
    archive = zipfile.ZipFile(target)
    stems = [f"2026-03-02-0930-{made.info.id}", f"2026-03-03-0930-{other.info.id}"]
    assert archive.namelist() == [f"{stem}.{end}" for stem in stems for end in ("json", "csv")]
    again = from_json(archive.read(f"{stems[0]}.json").decode())
    assert to_dict(again) == to_dict(store.load(made.info.id, "anna"))


def test_several_threads_and_stores_write_at_once(opened: Callable[[], Store]) -> None:
    faults: list[Exception] = []

    def work(number: int, store: Store) -> None:
        try:
            mine = new_lesson(name=f"lesson {number}")
            store.begin(mine)
            for second in range(0, 40, 2):
                run(mine, crowd(happy=number + 1), range(second, second + 2))
                store.save(mine)
                store.find()
        except Exception as fault:
            faults.append(fault)

    stores = [opened(), opened()]
    threads = [threading.Thread(target=work, args=(n, stores[n % 2])) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    page = stores[0].find()
    assert {(kept.name, kept.duration, kept.faces) for kept in page.lessons} == {
        (f"lesson {n}", 40, n + 1) for n in range(6)
    }


def test_many_open_a_new_database_at_once(opened: Callable[[], Store]) -> None:
    faults: list[Exception] = []

    def work() -> None:
        try:
            opened().begin(lesson())
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert opened().find().found == 5
