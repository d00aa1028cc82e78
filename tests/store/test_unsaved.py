"""Lessons in files: written whole, private, taken in once and in order, never over more."""

import contextlib
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fer.lesson import Lesson, LessonInfo
from fer.store import (
    Autosave,
    SaveState,
    Store,
    StoreError,
    UnsavedFiles,
    UnsavedLesson,
)
from fer.store.database import file_url
from tests.lesson.classes import START, crowd, new_lesson, run


@pytest.fixture
def files(tmp_path: Path) -> UnsavedFiles:
    return UnsavedFiles(tmp_path / "unsaved", lambda: 1_000_000.0)


class Failing(Store):
    """A store that fails until a test lets it work."""

    generation = 0

    def __init__(self) -> None:
        self.works = False

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        if not self.works:
            raise StoreError("away")


def taken_in(files: UnsavedFiles) -> list[UnsavedLesson]:
    found: list[UnsavedLesson] = []
    files.take_in(found.append)
    return found


def test_a_file_holds_the_whole_lesson_and_is_private(files: UnsavedFiles) -> None:
    made = new_lesson(name="Sets")
    run(made, crowd(happy=2), range(5))
    made.mark("note", "a question", 3)
    assert files.write(made, "anna")
    (path,) = files.folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    (found,) = taken_in(files)
    assert (found.owner, found.written, found.lesson.info) == ("anna", 1_000_000.0, made.info)
    assert found.lesson.rows().tobytes() == made.rows().tobytes()
    assert found.lesson.notes == made.notes
    assert list(files.folder.iterdir()) == []


def test_a_later_file_replaces_the_earlier_one(files: UnsavedFiles) -> None:
    made = new_lesson()
    for second in (range(5), range(5, 9)):
        run(made, crowd(happy=2), second)
        assert files.write(made, "anna")
    assert [found.lesson.duration for found in taken_in(files)] == [9]


def test_lessons_are_taken_in_in_the_order_of_their_start(files: UnsavedFiles) -> None:
    for day in (3, 1, 2):
        started = START.replace(day=day)
        files.write(Lesson(LessonInfo(f"day {day}", started, id=f"9-lesson-{9 - day}")), "anna")
    assert [found.lesson.info.name for found in taken_in(files)] == ["day 1", "day 2", "day 3"]


def test_a_file_is_left_alone_as_long_as_its_process_has_the_lesson(files: UnsavedFiles) -> None:
    other = UnsavedFiles(files.folder)
    files.write(new_lesson(name="held"), "anna", hold=True)
    files.write(new_lesson(name="left"), "anna")
    assert [found.lesson.info.name for found in taken_in(other)] == ["left"]
    assert taken_in(files) == []
    files.release()
    assert [found.lesson.info.name for found in taken_in(other)] == ["held"]


def test_a_running_lesson_in_trouble_gets_a_file_each_minute(files: UnsavedFiles) -> None:
    clock, store = [100.0], Failing()
    autosave = Autosave(store, now=lambda: clock[0], files=files)
    made, state = new_lesson(), SaveState()
    written = []
    for second in range(0, 150, 5):
        clock[0] = 100.0 + second
        run(made, crowd(happy=1), range(second, second + 5))
        assert not autosave.save(made, "anna", state)
        (path,) = files.folder.iterdir()
        written.append(path.stat().st_mtime_ns)
    assert len(set(written)) == 3
    store.works = True
    assert autosave.save(made, "anna", state)
    assert list(files.folder.iterdir()) == []


def test_what_cannot_be_stored_stays_for_the_next_time(files: UnsavedFiles) -> None:
    for name in ("first", "second"):
        files.write(new_lesson(name=name), "anna")

    def away(_: UnsavedLesson) -> None:
        raise StoreError("away")

    with pytest.raises(StoreError):
        files.take_in(away)
    assert len(taken_in(files)) == 2
    assert taken_in(files) == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "fer-unsaved", "version": 2}'])
def test_a_file_that_cannot_be_read_is_kept_and_stops_no_other(
    files: UnsavedFiles, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(new_lesson(), "anna")
    (files.folder / "0-broken.json").write_text(text)
    assert len(taken_in(files)) == 1
    assert [path.name for path in files.folder.iterdir()] == ["0-broken.unreadable"]
    assert "0-broken.json holds no lesson" in caplog.text


def test_a_file_that_cannot_be_opened_now_waits_for_the_next_time(
    files: UnsavedFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(new_lesson(), "anna")
    (files.folder / "0-folder.json").mkdir()  # opening it fails, as with too many open files
    assert len(taken_in(files)) == 1
    assert [path.name for path in files.folder.iterdir()] == ["0-folder.json"]
    assert "cannot be read now" in caplog.text


def test_a_full_disk_is_no_error_of_the_lesson(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    assert not UnsavedFiles(tmp_path / "taken" / "unsaved").write(new_lesson(), "anna")


def test_the_store_takes_a_lesson_in_once(opened: Callable[[], Store]) -> None:
    store, made = opened(), new_lesson()
    store.begin(made, "anna")
    run(made, crowd(happy=2), range(50))
    made.finish(50)
    for _ in range(2):
        opened().take_in(UnsavedLesson(made, "anna", 7.0))
    assert store.find("anna").found == 1
    kept = store.load(made.info.id, "anna")
    assert (kept.ended, kept.rows()["frames"].tolist()) == (50, [1] * 50)


def test_a_file_never_replaces_more_than_it_holds(opened: Callable[[], Store]) -> None:
    store, made, earlier = opened(), new_lesson(), new_lesson()
    earlier = Lesson(made.info)
    run(earlier, crowd(happy=2), range(5))
    run(made, crowd(happy=2), range(50))
    store.begin(made, "anna")
    store.take_in(UnsavedLesson(earlier, "anna", 7.0))
    assert store.load(made.info.id, "anna").duration == 50
    made.finish(50)
    store.save(made, "anna")
    run(earlier, crowd(happy=2), range(5, 60))
    store.take_in(UnsavedLesson(earlier, "anna", 7.0))
    assert store.load(made.info.id, "anna").ended == 50
    store.take_in(UnsavedLesson(earlier, "bert", 7.0))
    assert store.find("bert").found == 0


def test_a_lesson_that_goes_on_is_left_open_since_its_file_was_written(
    opened: Callable[[], Store],
) -> None:
    store, made = opened(), new_lesson()  # its clock stands at a million
    store.take_in(UnsavedLesson(made, "anna", 1_000_000.0 - 60))
    assert [one.id for one in store.left_open("anna", quiet=50)] == [made.info.id]
    assert store.left_open("anna", quiet=70) == []


def test_a_finished_lesson_that_cannot_be_saved_has_a_file_until_it_is(
    file: Path, files: UnsavedFiles
) -> None:
    file.parent.write_text("in the way")
    store = Store(file_url(file), later=True)
    autosave, made, state = Autosave(store, files=files), new_lesson(), SaveState()
    assert not autosave.save(made, "anna", state)
    assert len(list(files.folder.iterdir())) == 1  # a kill costs a minute at most
    run(made, crowd(happy=1), range(9))
    made.finish(9)
    assert not autosave.save(made, "anna", state)
    (path,) = files.folder.iterdir()
    assert '"ended": 9' in path.read_text()
    file.parent.unlink()
    while not autosave.save(made, "anna", state):
        assert "cannot be written" in str(state.fault)
    assert list(files.folder.iterdir()) == []
    store.close()


def test_another_process_takes_in_what_was_left(file: Path, files: UnsavedFiles) -> None:
    made = new_lesson()
    run(made, crowd(happy=2), range(50))
    files.write(made, "anna")
    store = Store(file_url(file))
    autosave = Autosave(store, files=files)
    autosave.take_in()
    autosave.take_in()
    assert [one.duration for one in store.find("anna").lessons] == [50]
    assert list(files.folder.iterdir()) == []
    store.close()


def test_a_full_disk_has_room_for_the_lessons_that_it_could_not_take(
    files: UnsavedFiles, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        small = UnsavedFiles(disk / "unsaved")
        small.reserve()
        with contextlib.suppress(OSError), (disk / "ballast").open("wb", 0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        made = new_lesson()
        run(made, crowd(happy=2), range(2700))
        assert small.write(made, "anna")
        assert [found.lesson.duration for found in taken_in(small)] == [2700]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
