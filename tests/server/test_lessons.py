from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fer.faces import Faces
from fer.lesson.lesson import WHEN, LessonPlan
from fer.server.lessons import ABANDONED, Lessons
from fer.store import Autosave, Store

HAPPY = Faces.of([[0, 0, 9, 9]] * 3, probabilities=[[0, 0, 0, 1, 0, 0, 0]] * 3)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
ID, OWNER = "lesson-1", "somebody"


class World:
    """A clock, and processes that keep lessons in the same file."""

    def __init__(self, path: Path) -> None:
        self.url, self.seconds = f"sqlite:///{path}", 0.0

    def process(self) -> tuple[Lessons, Autosave]:
        store = Store(self.url, now=lambda: self.wall().timestamp())
        keeper = Autosave(store, now=lambda: self.seconds)
        return Lessons(store, keeper, lambda: self.seconds, self.wall), keeper

    def wall(self) -> datetime:
        return NINE + timedelta(seconds=self.seconds)

    def teach(self, lessons: Lessons, keeper: Autosave, until: int) -> None:
        """A picture in each second from now on, and the keeper's turns."""
        for second in range(round(self.seconds), until):
            self.seconds = second
            lessons.heard(ID, HAPPY)
            keeper.turn()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "lessons.sqlite3")


def test_a_lesson_begins_with_its_first_picture() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.heard(ID, HAPPY)  # nobody asked for it
    assert lessons.get(ID, OWNER) is None
    lessons.plan(ID, OWNER, LessonPlan("Algebra", acknowledged=NINE))
    assert lessons.get(ID, OWNER) is None
    lessons.heard(ID, HAPPY)
    running = lessons.get(ID, OWNER)
    assert running is not None
    assert (running.session.info.name, running.session.info.started) == ("Algebra", NINE)
    assert running.session.now(0.0).faces == len(HAPPY)


def test_a_lesson_is_its_owners() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.plan(ID, OWNER, LessonPlan())
    lessons.heard(ID, HAPPY)
    assert lessons.get(ID, "another") is None
    assert lessons.finish(ID, "another") is None
    assert lessons.back("another") is None
    assert lessons.back(OWNER) == ID
    assert lessons.finish(ID, OWNER) is not None
    assert lessons.back(OWNER) is None


def test_a_later_plan_does_not_change_a_lesson_that_runs() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.plan(ID, OWNER, LessonPlan("Algebra"))
    lessons.heard(ID, HAPPY)
    lessons.plan(ID, "another", LessonPlan("Theft"))
    lessons.heard(ID, HAPPY)
    running = lessons.get(ID, OWNER)
    assert running is not None
    assert running.session.info.name == "Algebra"


def test_a_killed_server_costs_what_was_not_saved_yet(world: World) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, LessonPlan("Algebra"))
    world.teach(lessons, keeper, 60)
    del lessons, keeper  # killed: nothing is closed
    world.seconds = 90
    lessons, _ = world.process()
    assert lessons.back(OWNER) == ID
    assert lessons.back(OWNER) == ID  # now as one that runs
    lessons.heard(ID, HAPPY)
    session = lessons.finish(ID, OWNER)
    assert session is not None
    counted = session.rows()["frames"]
    assert counted[90] == 1  # it goes on at its own time
    assert counted[:50].all()
    assert [gap.kind for gap in session.gaps()] == ["lost"]
    lessons.close()
    again, _ = world.process()
    assert again.back(OWNER) is None  # it is over


def test_what_was_cut_off_long_ago_is_over(world: World) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    lessons.heard(ID, HAPPY)
    keeper.turn()
    world.seconds = ABANDONED + 60
    later, _ = world.process()
    assert later.back(OWNER) is None
    store = Store(world.url)
    assert store.load(ID, OWNER).ended is not None


@pytest.mark.parametrize("left", ["a save", "finishing", "tidying", "closing"])
def test_a_process_that_was_left_behind_changes_nothing(world: World, left: str) -> None:
    first, old = world.process()
    first.plan(ID, OWNER, LessonPlan("Algebra"))
    world.teach(first, old, 10)
    world.seconds = 12  # the first process is there still, and has saved it a moment ago
    second, new = world.process()
    assert second.back(OWNER) == ID
    second.mark(ID, OWNER, "note", "Fractions")
    world.teach(second, new, 30)
    session = second.finish(ID, OWNER)
    assert session is not None
    world.seconds = 40
    if left == "a save":
        old.turn()
        assert first.get(ID, OWNER) is None  # it has found out
    elif left == "finishing":
        first.finish(ID, OWNER)
    elif left == "tidying":
        world.seconds += ABANDONED
        first.tidy()
    else:
        first.close()
    assert old.fault(ID) is None  # and tries no more
    kept = Store(world.url).load(ID, OWNER)
    assert kept.ended == session.ended == 29
    assert [moment.text for moment in kept.moments] == ["Fractions"]
    assert (kept.rows() == session.rows()).all()
    assert kept.rows()["frames"][12:30].all()


def test_who_adopts_a_lesson_last_has_it(world: World) -> None:
    first, old = world.process()
    first.plan(ID, OWNER, LessonPlan())
    world.teach(first, old, 10)
    second, new = world.process()
    assert second.back(OWNER) == ID
    world.teach(second, new, 20)
    old.turn()
    world.seconds += 1
    assert first.back(OWNER) == ID  # the browser came back here
    world.teach(first, old, 30)
    new.turn()
    assert second.get(ID, OWNER) is None
    assert first.finish(ID, OWNER) is not None
    assert Store(world.url).load(ID, OWNER).rows()["frames"][10:].all()


def test_an_abandoned_lesson_ends_by_itself(world: World) -> None:
    lessons, _ = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    lessons.heard(ID, HAPPY)
    world.seconds = ABANDONED - 1
    lessons.tidy()
    assert lessons.back(OWNER) == ID
    world.seconds = ABANDONED + 1
    lessons.tidy()
    assert lessons.get(ID, OWNER) is None
    assert Store(world.url).load(ID, OWNER).ended is not None


@pytest.mark.parametrize("noted", [30, 90])
def test_an_abandoned_lesson_ends_where_it_broke_off(world: World, noted: float) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    world.teach(lessons, keeper, 60)
    world.seconds = noted
    lessons.mark(ID, OWNER, "note", "a late word counts too")
    world.seconds = 60 + ABANDONED
    lessons.tidy()
    assert lessons.get(ID, OWNER) is None
    assert Store(world.url).load(ID, OWNER).ended == max(60, noted)


def test_a_lesson_that_nobody_went_on_with_ends_where_it_broke_off(world: World) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    world.teach(lessons, keeper, 60)
    keeper.close()
    world.seconds += ABANDONED / 2
    again, _ = world.process()
    assert again.back(OWNER) == ID  # a page was opened, and nothing more
    world.seconds += ABANDONED + 1
    again.tidy()
    assert Store(world.url).load(ID, OWNER).ended == 60


def test_a_lesson_without_a_name_has_the_time_of_its_beginning(world: World) -> None:
    lessons, _ = world.process()
    india = ZoneInfo("Asia/Kolkata")
    lessons.plan(ID, OWNER, LessonPlan(unnamed=f"Lesson of {WHEN}", zone=india))
    world.seconds = 600
    lessons.heard(ID, HAPPY)
    running = lessons.get(ID, OWNER)
    assert running is not None
    begun = (NINE + timedelta(minutes=10)).astimezone(india)
    assert running.session.info.name == f"Lesson of {begun:%Y-%m-%d %H:%M}"
    named = LessonPlan("Algebra", unnamed=f"Lesson of {WHEN}").begin(begun)
    assert named.info.name == "Algebra"


def test_consent_is_told_by_the_classs_clock() -> None:
    new_york = ZoneInfo("America/New_York")
    evening = datetime(2026, 3, 2, 19, 30, tzinfo=new_york)  # after midnight by UTC
    agreed = evening - timedelta(minutes=5)
    lesson = LessonPlan(acknowledged=agreed.astimezone(UTC), zone=new_york).begin(evening).info
    assert lesson.acknowledged is not None
    assert f"{lesson.acknowledged:%d %H:%M}" == f"{agreed:%d %H:%M}"
    assert LessonPlan().begin(evening).info.acknowledged is None


@pytest.mark.parametrize(("repeated", "begins"), [(False, False), (True, True)])
def test_a_plan_lasts_as_long_as_its_page(world: World, repeated: bool, begins: bool) -> None:
    lessons, _ = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    world.seconds = ABANDONED
    if repeated:
        lessons.plan(ID, OWNER, LessonPlan())
    world.seconds = ABANDONED + 1
    lessons.tidy()
    lessons.heard(ID, HAPPY)
    assert (lessons.get(ID, OWNER) is not None) == begins


def test_the_news_are_made_once_a_second_and_hold_no_nan() -> None:
    time = [100.0]
    lessons = Lessons(now=lambda: time[0], wall=lambda: NINE)
    assert lessons.news(ID) is None
    lessons.plan(ID, OWNER, LessonPlan())
    lessons.heard(ID, HAPPY)
    first = lessons.news(ID)
    assert first is not None
    assert first["faces"] == len(HAPPY)
    assert first["balance"] == 1.0
    assert first["line"][-1] == 1.0
    assert first["line"][0] is None
    time[0] += 0.5
    assert lessons.news(ID) is first
    time[0] += 0.5
    assert lessons.news(ID) is not first


def test_a_moment_is_kept_at_once(world: World) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, LessonPlan())
    lessons.heard(ID, HAPPY)
    keeper.turn()
    world.seconds = 1
    assert lessons.mark(ID, "another", "topic") is None
    marked = lessons.mark(ID, OWNER, "topic", "Fractions")
    assert marked is not None
    assert marked.time == 1
    keeper.turn()  # long before the next save would be due
    assert Store(world.url).load(ID, OWNER).moments == [marked]
