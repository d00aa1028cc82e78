"""Recordings over a restart: read anew under the same lesson, or named as lost; never kept."""

import io
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fer.lesson import Alert
from fer.lesson.lesson import LessonPlan
from fer.recordings.job import UNSEEN
from fer.recordings.kept import RecordingFolder, RecordingOrder
from fer.recordings.queue import Kept, RecordingQueue
from fer.store import Autosave, Store, UnsavedFiles
from tests.recordings.video_reader import VideoReader
from tests.server.server import wait_until
from tests.vision.media.media import SECONDS, write_video

ROOT = Path(__file__).resolve().parents[2]
ME = "me"
ORDER = RecordingOrder("Algebra.mp4", LessonPlan("Algebra"), every=0.25)
ZONES = (None, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=-3)))

# Begins to read a recording, says when the first frame was read, and goes on until it is killed.
READS = """
import io, sys, time
from pathlib import Path
from fer.lesson.lesson import LessonPlan
from fer.recordings.kept import RecordingFolder, RecordingOrder
from fer.recordings.queue import Kept, RecordingQueue
from tests.recordings.video_reader import VideoReader
reader = VideoReader(held=True)
queue = RecordingQueue(reader, kept=Kept(RecordingFolder(Path(sys.argv[2]))))
order = RecordingOrder("Algebra.mp4", LessonPlan("Algebra"), every=0.25)
job = queue.begin("me", io.BytesIO(Path(sys.argv[1]).read_bytes()), order)
reader.allow(1)
while reader.read < 1:
    time.sleep(0.01)
print(job.lesson.info.id, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("lesson") / "lesson.mp4")


@pytest.fixture
def folder(tmp_path: Path) -> RecordingFolder:
    return RecordingFolder(tmp_path / "recordings")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'lessons.sqlite3'}")


def leave(folder: RecordingFolder, data: bytes, order: RecordingOrder = ORDER) -> None:
    """Leave a recording as a killed process does: its lock goes, its files stay."""
    order = replace(order, lesson_id="lesson-1", begun=datetime.now(UTC))
    file = folder.new_file("lesson-1")
    assert file is not None
    file.file.write(data)
    file.file.close()
    folder.write_note(ME, order)


def resumed(folder: RecordingFolder, store: Store | None = None) -> RecordingQueue:
    queue = RecordingQueue(VideoReader(), store, kept=Kept(folder))
    queue.resume()
    return queue


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_recording_goes_on_after_a_restart(
    video: Path, folder: RecordingFolder, store: Store, kill: signal.Signals
) -> None:
    reading = subprocess.Popen(
        [sys.executable, "-c", READS, video, folder.folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reading.stdout is not None
    with reading.stdout as output:
        lesson_id = output.readline().strip()
        assert resumed(folder, store).get(ME) is None  # while it lives, it is the other's
        os.kill(reading.pid, kill)
        reading.wait(20)
    job = resumed(folder, store).get(ME)
    assert job is not None
    wait_until(lambda: job.over)
    assert (job.fault, job.partial) == (None, False)
    kept = store.load(lesson_id, ME)
    assert (kept.info.name, kept.duration) == ("Algebra", pytest.approx(SECONDS, abs=0.05))
    assert list(folder.folder.iterdir()) == []
    store.close()


def test_a_recording_and_its_note_are_private_and_go_with_its_end(
    video: Path, folder: RecordingFolder
) -> None:
    reader = VideoReader(held=True)
    queue = RecordingQueue(reader, kept=Kept(folder))
    job = queue.begin(ME, io.BytesIO(video.read_bytes()), ORDER)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.folder.glob("*.video")}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    reader.allow()
    wait_until(lambda: job.over)
    assert list(folder.folder.iterdir()) == []


def test_a_recording_whose_file_is_gone_is_named_until_another_begins(
    video: Path, folder: RecordingFolder
) -> None:
    leave(folder, video.read_bytes())
    next(folder.folder.glob("*.video")).unlink()
    queue = resumed(folder)
    assert (queue.get(ME), queue.lost(ME), queue.lost("you")) == (None, "Algebra.mp4", None)
    assert list(folder.folder.iterdir()) == []
    job = queue.begin(ME, io.BytesIO(video.read_bytes()), ORDER)
    assert queue.lost(ME) is None
    wait_until(lambda: job.over)


def test_a_recording_that_cannot_be_read_is_named_and_deleted(folder: RecordingFolder) -> None:
    leave(folder, b"no video")
    assert resumed(folder).lost(ME) == "Algebra.mp4"
    assert list(folder.folder.iterdir()) == []


def test_a_recording_that_nobody_asked_for_in_an_hour_is_deleted(
    video: Path, folder: RecordingFolder
) -> None:
    leave(folder, video.read_bytes())
    (note,) = folder.folder.glob("*.json")
    long_ago = note.stat().st_mtime - UNSEEN - 1
    os.utime(note, (long_ago, long_ago))
    assert resumed(folder).lost(ME) == "Algebra.mp4"
    assert list(folder.folder.iterdir()) == []


def test_videos_without_a_note_are_deleted(folder: RecordingFolder) -> None:
    leave(folder, b"pictures")
    next(folder.folder.glob("*.json")).write_text("{}")
    queue = resumed(folder)
    assert (queue.get(ME), queue.lost(ME)) == (None, None)
    assert list(folder.folder.iterdir()) == []


def test_a_lesson_that_was_stored_before_the_kill_is_not_stored_twice(
    video: Path, folder: RecordingFolder, store: Store
) -> None:
    first = RecordingQueue(VideoReader(), store, kept=Kept(folder))
    job = first.begin(ME, io.BytesIO(video.read_bytes()), ORDER)
    wait_until(lambda: job.over)
    leave(folder, video.read_bytes(), ORDER)
    (note,) = folder.folder.glob("*.json")
    text = note.read_text().replace("lesson-1", job.order.lesson_id)
    note.with_name(f"{job.order.lesson_id}.json").write_text(text)
    note.unlink()
    (file,) = folder.folder.glob("*.video")
    file.rename(file.with_name(f"{job.order.lesson_id}.video"))
    other = Store(str(store.engine.url))
    again = resumed(folder, other).get(ME)
    assert again is not None
    wait_until(lambda: again.over)
    assert (again.fault, again.store_fault) == (None, None)
    assert store.find(ME).found == 1
    for one in (store, other):
        one.close()


def test_a_lesson_that_the_store_cannot_take_is_saved_later(
    video: Path, folder: RecordingFolder, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text("in the way")
    store = Store(f"sqlite:///{kept / 'lessons.sqlite3'}", later=True)
    files = UnsavedFiles(tmp_path / "unsaved")
    queue = RecordingQueue(VideoReader(), store, kept=Kept(folder, files))
    job = queue.begin(ME, io.BytesIO(video.read_bytes()), ORDER)
    wait_until(lambda: job.over)
    assert "cannot be written" in str(job.store_fault)
    kept.unlink()
    autosave = Autosave(store, every=0.05, files=files)
    autosave.start(lambda: None)
    wait_until(lambda: not any(files.folder.glob("*.json")), 20)
    autosave.stop()
    assert store.find(ME).found == 1
    store.close()


@pytest.mark.parametrize("zone", ZONES)
def test_an_order_is_the_same_after_a_restart(
    folder: RecordingFolder, zone: timezone | ZoneInfo | None
) -> None:
    plan = LessonPlan(
        "Algebra",
        "Lesson of {when}",
        datetime(2026, 3, 2, 9, tzinfo=UTC),
        "IN",
        "net",
        "2",
        (Alert("flat", 0.7, 90),),
        individuals=True,
        zone=zone,
    )
    leave(folder, b"pictures", RecordingOrder("a.mp4", plan, 0.5, "stopped", "damaged"))
    (left,) = folder.left(UNSEEN)
    assert left.owner == ME
    assert left.order.begun is not None
    expected = RecordingOrder("a.mp4", plan, 0.5, "stopped", "damaged", "lesson-1")
    assert replace(left.order, begun=None) == expected
    assert left.file is not None
    left.file.remove()


def test_without_a_folder_recordings_are_read_all_the_same(video: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    queue = RecordingQueue(VideoReader(), kept=Kept(RecordingFolder(tmp_path / "taken" / "deep")))
    job = queue.begin(ME, io.BytesIO(video.read_bytes()), ORDER)
    wait_until(lambda: job.over)
    assert job.fault is None
