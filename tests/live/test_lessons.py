from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fer.faces import Faces
from fer.live.lessons import ABANDONED, Lessons, Plan
from fer.store import Keeper, Store

HAPPY = Faces.of([[0, 0, 9, 9]] * 3, probabilities=[[0, 0, 0, 1, 0, 0, 0]] * 3)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
ID, OWNER = "lesson-1", "somebody"


class World:
    """A clock, and processes that keep lessons in the same file."""

    def __init__(self, path: Path) -> None:
        self.url, self.seconds = f"sqlite:///{path}", 0.0

    def process(self) -> tuple[Lessons, Keeper]:
        store = Store(self.url, now=lambda: self.wall().timestamp())
        keeper = Keeper(store, now=lambda: self.seconds)
        return Lessons(store, keeper, lambda: self.seconds, self.wall), keeper

    def wall(self) -> datetime:
        return NINE + timedelta(seconds=self.seconds)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "lessons.sqlite3")


def test_a_lesson_begins_with_its_first_picture() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.heard(ID, HAPPY)  # nobody asked for it
    assert lessons.get(ID, OWNER) is None
    lessons.plan(ID, OWNER, Plan("Algebra", acknowledged=NINE))
    assert lessons.get(ID, OWNER) is None
    lessons.heard(ID, HAPPY)
    running = lessons.get(ID, OWNER)
    assert running is not None
    assert (running.session.lesson.name, running.session.lesson.started) == ("Algebra", NINE)
    assert running.session.now(0.0).faces == len(HAPPY)


def test_a_lesson_is_its_owners() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.plan(ID, OWNER, Plan())
    lessons.heard(ID, HAPPY)
    assert lessons.get(ID, "another") is None
    assert lessons.finish(ID, "another") is None
    assert lessons.back("another") is None
    assert lessons.back(OWNER) == ID
    assert lessons.finish(ID, OWNER) is not None
    assert lessons.back(OWNER) is None


def test_a_later_plan_does_not_change_a_lesson_that_runs() -> None:
    lessons = Lessons(now=lambda: 100.0, wall=lambda: NINE)
    lessons.plan(ID, OWNER, Plan("Algebra"))
    lessons.heard(ID, HAPPY)
    lessons.plan(ID, "another", Plan("Theft"))
    lessons.heard(ID, HAPPY)
    running = lessons.get(ID, OWNER)
    assert running is not None
    assert running.session.lesson.name == "Algebra"


def test_a_killed_server_costs_what_was_not_saved_yet(world: World) -> None:
    lessons, keeper = world.process()
    lessons.plan(ID, OWNER, Plan("Algebra"))
    for second in range(60):
        world.seconds = second
        lessons.heard(ID, HAPPY)
        keeper.turn()
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
    lessons.plan(ID, OWNER, Plan())
    lessons.heard(ID, HAPPY)
    keeper.turn()
    world.seconds = ABANDONED + 60
    later, _ = world.process()
    assert later.back(OWNER) is None
    store = Store(world.url)
    assert store.load(ID, OWNER).ended is not None


def test_an_abandoned_lesson_ends_by_itself(world: World) -> None:
    lessons, _ = world.process()
    lessons.plan(ID, OWNER, Plan())
    lessons.heard(ID, HAPPY)
    world.seconds = ABANDONED - 1
    lessons.tidy()
    assert lessons.back(OWNER) == ID
    world.seconds = ABANDONED + 1
    lessons.tidy()
    assert lessons.get(ID, OWNER) is None
    assert Store(world.url).load(ID, OWNER).ended is not None


def test_the_news_are_made_once_a_second_and_hold_no_nan() -> None:
    time = [100.0]
    lessons = Lessons(now=lambda: time[0], wall=lambda: NINE)
    assert lessons.news(ID) is None
    lessons.plan(ID, OWNER, Plan())
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
    lessons.plan(ID, OWNER, Plan())
    lessons.heard(ID, HAPPY)
    keeper.turn()
    world.seconds = 1
    assert lessons.mark(ID, "another", "topic") is None
    marked = lessons.mark(ID, OWNER, "topic", "Fractions")
    assert marked is not None
    assert marked.time == 1
    keeper.turn()  # long before the next save would be due
    assert Store(world.url).load(ID, OWNER).moments == [marked]
