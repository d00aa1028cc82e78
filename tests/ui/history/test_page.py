"""The page History under AppTest with a store in a file: every state, with known figures."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.lesson import Lesson, LessonInfo
from fer.lesson.lesson import LessonPlan
from fer.server.lessons import LiveLessons
from fer.server.state import State
from fer.settings import Settings
from fer.store import Autosave, Store, StoreError
from fer.store.database import file_url
from fer.store.store import PAGE
from fer.ui.history import compare
from fer.ui.history.page import archive
from fer.ui.identity import ALONE
from fer.ui.text import CHOSEN, FIRST, LANGUAGES, load_texts
from tests.lesson.classes import START, crowd, faces, mixed, run
from tests.server.fakes import Clock, FakeAnalyzer
from tests.server.server import wait_until
from tests.ui.pages import text_of

ME, SOMEBODY = "me", "somebody else"
STATES: dict[str, State] = {}


class Wall:
    """The store's clock: it moves only when a test sets it."""

    at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lessons.sqlite3"


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def store(file: Path, wall: Wall) -> Iterator[Store]:
    store = Store(file_url(file), wall, patience=0.2)
    yield store
    store.close()


@pytest.fixture
def autosave(store: Store) -> Autosave:
    return Autosave(store, now=Clock())


@pytest.fixture
def state(store: Store, autosave: Autosave, tiny_model: Path) -> State:
    lessons = LiveLessons(FakeAnalyzer(), store, autosave, now=Clock(), wall=lambda: START)
    return made(tiny_model, lessons, store=store)


def made(model: Path, lessons: LiveLessons, **store: Any) -> State:
    return State(Settings(model=model), FakeAnalyzer(), lessons, b"of the tests", **store)


def _script(name: str) -> None:
    from fer.ui.history import page as history
    from tests.ui.history.test_page import STATES

    history.page(STATES[name])


def tab(state: State, owner: str = ME, language: str = FIRST, **address: str) -> AppTest:
    """Return the page in a tab of one owner, who would come from a cookie."""
    STATES["one"] = state
    page = AppTest.from_function(_script, kwargs={"name": "one"}, default_timeout=60)
    page.session_state[ALONE], page.session_state[CHOSEN] = owner, language
    page.query_params.update(address)
    return page.run()


def lesson(name: str, hours: int = 0, seen: Faces | None = None, seconds: int = 120) -> Lesson:
    """Return an ended lesson with the same faces in every second."""
    made = Lesson(LessonInfo(name, START + timedelta(hours=hours)))
    if seen is not None:
        run(made, seen, range(seconds))
    made.finish(seconds)
    return made


def keep(store: Store, *sessions: Lesson, owner: str = ME) -> None:
    for lesson in sessions:
        store.begin(lesson, owner)


def cards(page: AppTest) -> list[str]:
    """Return the lessons' rows in their order."""
    found = [one.proto.body for one in page.get("html")]
    return [body for body in found if 'class="fer-lesson"' in body]


def names(page: AppTest) -> list[str]:
    return [body.split("<b>")[1].split("</b>")[0] for body in cards(page)]


def press(page: AppTest, label: str, at: int = 0) -> AppTest:
    return [one for one in page.button if one.label == label][at].click().run()


def more(page: AppTest, lesson: Lesson, deed: str) -> AppTest:
    """Choose an action from a lesson's menu."""
    return page.menu_button(key=f"history_more_{lesson.info.id}").click(deed).run()


def names_kept(store: Store, owner: str = ME) -> list[str]:
    return [kept.name for kept in store.find(owner).lessons]


def test_an_empty_history_tells_how_to_begin(state: State) -> None:
    page = tab(state)
    assert not page.exception
    assert "Open the page **Live**" in page.info[0].value
    assert "never a picture" in text_of(page)
    assert not page.text_input
    assert not page.download_button


def test_the_newest_comes_first_and_is_told_in_a_line(state: State, store: Store) -> None:
    happy, sad, even = crowd(happy=3, neutral=1), crowd(sad=3, neutral=1), crowd(neutral=1)
    keep(store, lesson("First", 0, happy), lesson("Third", 2, sad, 90), lesson("Second", 1, even))
    keep(store, lesson("Nobody", 3, seconds=0))
    keep(store, lesson("Theirs", 4, happy), owner=SOMEBODY)
    page = tab(state)
    assert not page.exception
    assert names(page) == ["Nobody", "Third", "Second", "First"]
    nobody, third, second, first = cards(page)
    assert "2026-03-02 12:30 · 0 seconds · no face was read<" in nobody
    assert "11:30 · 90 seconds · 4 faces on average · looked rather negative (mood -0.75)" in third
    assert "10:30 · 2 minutes · 1 face on average · looked even (mood +0.00)" in second
    assert "09:30 · 2 minutes · 4 faces on average · looked rather happy (mood +0.75)" in first


def test_another_browser_sees_its_own_only(state: State, store: Store) -> None:
    mine = lesson("Mine", seen=crowd(happy=1))
    keep(store, mine)
    keep(store, lesson("Theirs"), owner=SOMEBODY)
    assert names(tab(state, SOMEBODY)) == ["Theirs"]
    page = tab(state, SOMEBODY, lesson=mine.info.id)
    assert not page.exception
    assert "not there any more" in page.warning[0].value
    assert "Mine" not in text_of(page)


def test_search_looks_at_names_and_notes(state: State, store: Store) -> None:
    noted = lesson("Biology", 1)
    noted.mark("note", "Frogs in the POND", 5)
    keep(store, lesson("Algebra"), noted)
    page = tab(state)
    search = page.text_input(key="history_search")
    assert names(search.set_value("alg").run()) == ["Algebra"]
    assert names(page.text_input(key="history_search").set_value("pond").run()) == ["Biology"]
    page.text_input(key="history_search").set_value("physics").run()
    assert names(page) == []
    assert "Try fewer words" in page.info[0].value


def test_pages_of_twenty(state: State, store: Store) -> None:
    keep(store, *(lesson(f"Lesson {hour}", hour) for hour in range(PAGE + 2)))
    page = tab(state)
    assert names(page) == [f"Lesson {hour}" for hour in range(PAGE + 1, 1, -1)]
    page.pagination[0].set_value(2).run()
    assert names(page) == ["Lesson 1", "Lesson 0"]
    # Another search begins on its own first page.
    page.text_input(key="history_search").set_value("lesson").run()
    assert names(page)[0] == f"Lesson {PAGE + 1}"


def test_the_way_back_leads_to_the_same_page(state: State, store: Store) -> None:
    keep(store, *(lesson(f"Lesson {hour}", hour) for hour in range(PAGE + 1)), lesson("Other", 99))
    page = tab(state)
    page.text_input(key="history_search").set_value("lesson").run()
    page.pagination[0].set_value(2).run()
    press(page, "Open")
    press(page, "All lessons")
    assert not page.exception
    assert page.text_input(key="history_search").value == "lesson"
    assert names(page) == ["Lesson 0"]
    assert page.pagination[0].value == 2


@pytest.mark.parametrize("full", [1, 2])
def test_the_last_page_may_become_empty(state: State, store: Store, full: int) -> None:
    kept = [lesson(f"Lesson {hour}", hour) for hour in range(full * PAGE + 1)]
    keep(store, *kept)
    page = tab(state)
    page.pagination[0].set_value(full + 1).run()
    assert names(page) == ["Lesson 0"]
    more(page, kept[0], "delete")
    press(page, "Delete for good")
    assert not page.exception
    assert names(page) == [f"Lesson {hour}" for hour in range(PAGE, 0, -1)]
    assert [one.value for one in page.pagination] == [full] * (full > 1)


def test_a_lesson_opens_and_its_address_leads_back(state: State, store: Store) -> None:
    kept = lesson("Algebra", seen=crowd(happy=3, neutral=1))
    keep(store, kept)
    page = press(tab(state), "Open")
    assert not page.exception
    assert page.query_params["lesson"] == kept.info.id
    assert page.header[0].value == "Algebra"
    assert not page.info
    bookmarked = tab(state, lesson=kept.info.id)
    assert bookmarked.header[0].value == "Algebra"
    press(bookmarked, "All lessons")
    assert "lesson" not in bookmarked.query_params
    assert names(bookmarked) == ["Algebra"]


def test_a_lesson_is_renamed(state: State, store: Store) -> None:
    kept = lesson("Algebra")
    keep(store, kept)
    page = more(tab(state), kept, "rename")
    assert page.text_input(key=f"history_name_{kept.info.id}").value == "Algebra"
    page.text_input(key=f"history_name_{kept.info.id}").set_value(" <b>Set</b> *theory* ")
    press(page, "Save")
    assert not page.exception
    assert page.toast[0].value == r"The lesson is now called “\<b\>Set\</b\> \*theory\*”."
    assert names_kept(store) == ["<b>Set</b> *theory*"]
    assert "<b>&lt;b&gt;Set&lt;/b&gt; *theory*</b>" in cards(page)[0]
    assert not page.run().toast  # told once


def test_one_question_is_asked_at_a_time(state: State, store: Store) -> None:
    first, second = lesson("First", 1), lesson("Second")
    keep(store, first, second)
    page = more(tab(state), first, "delete")
    more(page, second, "rename")
    assert not page.exception
    assert "for good?" not in text_of(page)
    assert page.text_input(key=f"history_name_{second.info.id}").value == "Second"


def test_a_name_is_not_taken_away(state: State, store: Store) -> None:
    kept = lesson("Algebra")
    keep(store, kept)
    page = more(tab(state), kept, "rename")
    page.text_input(key=f"history_name_{kept.info.id}").set_value("  ")
    press(page, "Save")
    assert "Give the lesson a name" in text_of(page)
    press(page, "Cancel")
    assert "Give the lesson a name" not in text_of(page)
    assert names_kept(store) == ["Algebra"]


def test_deleting_asks_once_and_then_deletes(state: State, store: Store, file: Path) -> None:
    kept, other = lesson("Unmistakable", 1), lesson("Other")
    kept.mark("note", "Unforgettable", 3)
    keep(store, kept, other)
    page = more(tab(state), kept, "delete")
    assert "Delete “Unmistakable” for good?" in page.warning[-1].value
    press(page, "Keep it")
    assert names(page) == ["Unmistakable", "Other"]
    more(page, kept, "delete")
    press(page, "Delete for good")
    assert not page.exception
    assert "“Unmistakable” is deleted" in page.toast[0].value
    assert names(page) == names_kept(store) == ["Other"]
    for path in file.parent.glob(f"{file.name}*"):
        assert b"Unmistakable" not in path.read_bytes()
        assert b"Unforgettable" not in path.read_bytes()


def test_a_lesson_deleted_in_another_tab_is_no_crash(state: State, store: Store) -> None:
    kept, other = lesson("Algebra", 1), lesson("Other")
    keep(store, kept, other)
    opening, renaming, deleting = tab(state), tab(state), tab(state)
    more(renaming, kept, "rename")
    more(deleting, kept, "delete")
    store.delete(kept.info.id, ME)
    press(opening, "Open")
    renaming.text_input(key=f"history_name_{kept.info.id}").set_value("Set theory")
    press(renaming, "Save")
    press(deleting, "Delete for good")
    for page in (opening, renaming, deleting):
        assert not page.exception
        assert "deleted, perhaps in another tab" in text_of(page)
    assert names(deleting) == ["Other"]


def running(state: State) -> str:
    """Return the id of a lesson that runs in this process and was saved."""
    id = "the-live-one"
    state.lessons.join(id, ME, LessonPlan("Now"))
    state.lessons.open(id, "socket").add(crowd(happy=2))
    state.lessons.save_due()
    return id


def test_a_running_lesson_is_ended_before_it_is_deleted(state: State, store: Store) -> None:
    id = running(state)
    keep(store, lesson("Done", -1))
    page = tab(state)
    assert "<mark>still running</mark>" in cards(page)[0]
    assert "<mark>" not in cards(page)[1]
    page.menu_button(key=f"history_more_{id}").click("delete").run()
    assert "Deleting it ends it first" in page.warning[-1].value
    assert not [one for one in page.button if one.label == "Delete for good"]
    press(page, "End and delete")
    assert not page.exception
    assert "“Now” is deleted" in page.toast[0].value
    assert state.lessons.get(id, ME) is None
    assert names_kept(store) == ["Done"]


def test_a_lesson_of_another_process_is_left_alone(state: State, store: Store, wall: Wall) -> None:
    cut = Lesson(LessonInfo("Elsewhere", START))
    run(cut, crowd(happy=1), range(30))
    keep(store, cut)
    page = more(tab(state), cut, "delete")
    assert "<mark>still running</mark>" in cards(page)[0]
    assert "on the page **Live**" in page.info[0].value
    press(page, "Cancel")
    assert not page.info
    wall.at += 60  # nobody has saved it for a minute: it broke off
    page.run()
    assert "<mark>broke off</mark>" in cards(page)[0]
    more(page, cut, "delete")
    press(page, "Delete for good")
    assert names_kept(store) == []


def test_what_has_not_ended_says_so_where_it_is_opened(state: State, store: Store) -> None:
    cut = Lesson(LessonInfo("Cut off", START))
    run(cut, crowd(happy=1), range(30))
    keep(store, cut)
    page = press(tab(state), "Open")
    assert not page.exception
    assert "has not ended" in page.info[0].value


def test_a_running_lesson_is_renamed_everywhere(state: State, store: Store) -> None:
    id = running(state)
    page = tab(state)
    page.menu_button(key=f"history_more_{id}").click("rename").run()
    page.text_input(key=f"history_name_{id}").set_value("Then")
    press(page, "Save")
    live = state.lessons.running(id, ME)
    assert live is not None and live.lesson is not None
    assert live.lesson.info.name == "Then"
    assert names_kept(store) == ["Then"]


def tick(page: AppTest, lesson: Lesson) -> AppTest:
    return page.checkbox(key=f"history_pick_{lesson.info.id}").set_value(True).run()


def test_two_lessons_are_compared(state: State, store: Store) -> None:
    older = lesson("Algebra", 0, crowd(happy=3, neutral=1), 120)
    newer = lesson("Biology | B", 1, faces(mixed(sad=0.25, neutral=0.75)), 60)
    keep(store, newer, older)
    page = tab(state)
    assert page.button(key="history_compare").disabled
    tick(page, newer)
    assert page.button(key="history_compare").label == "Compare (1 of 2 chosen)"
    tick(page, older)
    page.button(key="history_compare").click().run()
    assert not page.exception
    assert page.query_params == {"lesson": newer.info.id, "with": older.info.id}
    legend = "".join(one.proto.body for one in page.get("html"))
    assert legend.index("Algebra, 2026-03-02 09:30") < legend.index("Biology | B, 2026-03-02 10:30")
    table = page.markdown[-1].value.splitlines()
    assert table[0] == "| The whole lesson | A | B |"
    assert table[2:7] == [
        "| Length | 2:00 | 1:00 |",
        "| Faces on average | 4 | 1 |",
        "| Mood | +0.75 | -0.25 |",
        "| Looked negative | 0 % | 0 % |",
        "| Looked confused | 0 % | 0 % |",
    ]
    assert "| 😐 neutral | 25 % | 75 % |" in table
    assert "| 🙂 happy | 75 % | 0 % |" in table
    assert len(page.get("arrow_vega_lite_chart") or page.get("vega_lite_chart")) == 1 + len(
        EMOTIONS
    )


def test_a_third_lesson_takes_the_first_ones_place(state: State, store: Store) -> None:
    one, two, three = (lesson(name, at) for at, name in enumerate(("One", "Two", "Three")))
    keep(store, one, two, three)
    page = tab(state)
    for kept in (one, two, three):
        tick(page, kept)
    assert not page.exception
    ticked = [page.checkbox(key=f"history_pick_{kept.info.id}").value for kept in (one, two, three)]
    assert ticked == [False, True, True]
    more(page, two, "delete")
    press(page, "Delete for good")
    assert page.button(key="history_compare").label == "Compare (1 of 2 chosen)"


def test_comparing_what_is_gone_is_no_crash(state: State, store: Store) -> None:
    one, two = lesson("One"), lesson("Two", 1)
    keep(store, one, two)
    page = tick(tick(tab(state), one), two)
    store.delete(two.info.id, ME)
    page.button(key="history_compare").click().run()
    assert not page.exception
    assert "not there any more" in page.warning[0].value
    press(page, "All lessons")
    assert page.button(key="history_compare").label == "Compare (0 of 2 chosen)"


def test_a_lesson_compared_with_itself_is_just_opened(state: State, store: Store) -> None:
    kept = lesson("One")
    keep(store, kept)
    id = kept.info.id
    page = tab(state, **{"lesson": id, "with": id})
    assert not page.exception
    assert page.header[0].value == "One"


@pytest.mark.parametrize(("first", "second"), [(1, 0), (0, 1), (0, 0)])
def test_lessons_of_nothing_can_be_compared(
    state: State, store: Store, first: int, second: int
) -> None:
    pair = [
        lesson(name, at, crowd(happy=1) if seconds else None, seconds)
        for at, (name, seconds) in enumerate((("One", first), ("Two", second)))
    ]
    keep(store, *pair)
    page = tab(state, **{"lesson": pair[0].info.id, "with": pair[1].info.id})
    assert not page.exception
    known = "100 %" if first else "–"
    assert f"| 🙂 happy | {known} |" in page.markdown[-1].value


def test_lines_break_off_where_nothing_was_seen() -> None:
    # A quarter of an hour and a second: a point is four seconds, the last of them one.
    seconds = 15 * 60 + 1
    long, short = Lesson(LessonInfo("Long", START)), Lesson(LessonInfo("Short", START))
    run(long, crowd(happy=1, neutral=1), range(8))
    run(long, crowd(sad=1), range(seconds - 1, seconds))
    long.finish(seconds)
    run(short, crowd(neutral=1), range(4))
    short.finish(4)
    step = compare.step_for(short, long)
    assert step == -(-seconds // compare.POINTS) == 4
    first, second, last = compare.chart_rows(compare.pool(long.rows(), step), long.duration)
    assert (first["minute"], second["minute"]) == (round(2 / 60, 3), round(6 / 60, 3))
    assert last["minute"] == round((seconds - 0.5) / 60, 3)
    assert [row["piece"] for row in (first, second, last)] == [0, 0, 1]
    assert (first["mood"], first["happy"], last["mood"], last["sad"]) == (0.5, 0.5, -1.0, 1.0)
    drawn = compare.charts(long, short)
    assert [*drawn] == [compare.MOOD, *EMOTIONS]
    assert marks(drawn["happy"]) == ["line", "circle", "text", "line", "circle", "text"]


def marks(drawing: compare.Drawing) -> list[str]:
    return [layer["mark"]["type"] for layer in drawing.to_dict()["layer"]]


def test_all_lessons_are_taken_along(state: State, store: Store) -> None:
    kept = lesson("Algebra", seen=crowd(happy=3, neutral=1))
    keep(store, kept, lesson("Biology", 1))
    keep(store, lesson("Theirs"), owner=SOMEBODY)
    page = tab(state)
    assert page.download_button[0].label == "Export all"
    with zipfile.ZipFile(io.BytesIO(archive(store, ME))) as files:
        told = [json.loads(files.read(name)) for name in files.namelist() if "json" in name]
        (table,) = [name for name in files.namelist() if kept.info.id in name and "csv" in name]
        assert len(files.read(table).splitlines()) == 1 + 120
    assert [one["lesson"]["name"] for one in told] == ["Algebra", "Biology"]
    assert told[0]["seconds"]["seen"] == [4] * 120


def test_without_a_store_the_page_says_what_to_do(tiny_model: Path) -> None:
    fault = "sqlite:////no/where_at_all: the disk is full; free some space"
    page = tab(made(tiny_model, LiveLessons(FakeAnalyzer()), store_fault=fault))
    assert not page.exception
    assert r"where\_at\_all: the disk is full".replace(":", r"\:") in page.error[0].value
    assert "`FER_DATABASE_URL`" in page.error[0].value
    assert not page.button


def test_a_finished_lesson_that_is_not_saved_yet_is_named_with_its_report(
    state: State, store: Store, file: Path
) -> None:
    state.lessons.join("lesson-1", ME, LessonPlan("Algebra_1"))
    live = state.lessons.open("lesson-1", "socket")
    live.add(crowd(happy=1))
    store.engine.dispose()
    hidden = file.rename(file.with_suffix(".away"))
    file.mkdir()
    live.finish()
    page = tab(state)
    assert not page.exception
    assert "is not saved yet" in page.warning[0].value
    assert "Algebra\\_1" in page.warning[0].value
    assert page.get("download_button")
    file.rmdir()
    hidden.rename(file)
    wait_until(lambda: state.lessons.save(live))
    state.lessons.forget(live, ended=True)
    page.run()
    assert "is not saved yet" not in text_of(page)
    assert store.find(ME).found == 1


def test_a_file_that_was_moved_away_is_named_with_the_time(
    state: State, store: Store, file: Path
) -> None:
    file.rename(file.with_suffix(".away"))
    with pytest.raises(StoreError, match="was moved away"):
        store.check()
    page = tab(state)
    assert not page.exception
    assert "was moved away or replaced at" in page.warning[0].value


@pytest.mark.parametrize("address", [{}, {"lesson": "any"}])
def test_a_store_that_fails_is_told(
    state: State, store: Store, file: Path, address: dict[str, str]
) -> None:
    keep(store, lesson("Algebra"))
    store.close()
    damage(file)
    page = tab(state, **address)
    assert not page.exception
    assert "Try again in a minute" in page.error[0].value
    assert "damaged" in page.error[0].value


def damage(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}-*"):
        path.unlink()
    file.write_bytes(b"no database at all" * 1000)


def test_a_store_that_fails_while_deleting_is_told(state: State, store: Store, file: Path) -> None:
    kept = lesson("Algebra")
    keep(store, kept)
    page = more(tab(state), kept, "delete")
    with store.engine.execution_options(writes=True).begin():  # somebody else writes for long
        press(page, "Delete for good")
    assert not page.exception
    assert "another program has locked the database" in page.error[0].value
    assert names(page) == names_kept(store) == ["Algebra"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_tells_all_of_it(state: State, store: Store, language: str) -> None:
    keep(store, lesson("One", 0, crowd(happy=1)), lesson("Two", 1, crowd(sad=1)))
    page = tab(state, language=language)
    assert not page.exception
    assert page.title[0].value == load_texts(language)["history.title"]
    assert names(page) == ["Two", "One"]
    first, second = store.find(ME).lessons
    page = tab(state, language=language, **{"lesson": first.id, "with": second.id})
    assert not page.exception
    assert page.header[0].value == load_texts(language)["history.compared"]


def test_a_browser_without_cookies_is_told(state: State, store: Store) -> None:
    keep(store, lesson("Algebra"))
    assert "Allow cookies" in tab(state).warning[0].value
