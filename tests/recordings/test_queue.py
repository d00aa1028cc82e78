"""Recordings in the background: read, stopped, damaged or waiting; no copy is left behind."""

import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from fer.errors import BusyError, DataError, ModelError
from fer.lesson.lesson import LessonPlan
from fer.lesson.seconds import whole
from fer.recordings.job import UNSEEN, RecordingJob
from fer.recordings.kept import RecordingOrder
from fer.recordings.queue import Places, RecordingQueue
from fer.recordings.upload import RecordingFile, recorded_at
from fer.server.lessons import LiveLessons
from fer.server.state import State
from fer.settings import Settings
from fer.store import Store
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.media.videos import Video
from tests.recordings.video_reader import VideoReader
from tests.server.fakes import Clock, FakeAnalyzer
from tests.server.server import wait_until
from tests.vision.media.media import SECONDS, cut, write_sound, write_video

ORDER = RecordingOrder(
    "Algebra.mp4", LessonPlan("Algebra"), every=0.25, stopped="ended here", damaged="cut here"
)
FRAMES = round(SECONDS / ORDER.every)
ME, NINE = "me", datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lesson") / "lesson.mp4"
    return write_video(path, options={"movflags": "faststart"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'lessons.sqlite3'}")
    yield made
    made.close()


def data(path: Path) -> io.BytesIO:
    return io.BytesIO(path.read_bytes())


def finished(job: RecordingJob) -> RecordingJob:
    wait_until(lambda: job.over)
    return job


def copies() -> list[str]:
    """Return the copies of recordings on the disk, with a name or without one."""
    links = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(number.readlink()))
        except FileNotFoundError:  # the descriptor of this listing
            continue
    return [link for link in links if "/fer-recording-" in link]


def test_a_recording_becomes_a_lesson(lesson: Path, store: Store) -> None:
    jobs = RecordingQueue(VideoReader(), store)
    job = finished(jobs.begin(ME, data(lesson), ORDER))
    assert (job.partial, job.broken, job.fault, job.store_fault) == (False, False, None, None)
    kept = store.load(job.lesson.info.id, ME)
    assert (kept.info.name, kept.duration) == ("Algebra", pytest.approx(SECONDS, abs=0.05))
    assert kept.ended == job.lesson.ended
    assert kept.rows()["frames"].tolist() == [FRAMES / SECONDS] * round(SECONDS)
    assert whole(kept.rows()).faces[0] == 1
    assert kept.notes == []
    assert jobs.get(ME) is job
    jobs.forget(ME)
    assert jobs.get(ME) is None


def test_the_copy_has_no_name_and_is_deleted_at_the_end(lesson: Path) -> None:
    reader = VideoReader(held=True)
    job = RecordingQueue(reader).begin(ME, data(lesson), ORDER)
    assert job.file.path.exists()
    assert len(copies()) >= 1
    assert all(link.endswith("(deleted)") for link in copies())
    reader.allow()
    finished(job)
    assert copies() == []
    assert job.newest is None


def test_without_proc_the_copy_has_a_name_and_is_deleted(lesson: Path, tmp_path: Path) -> None:
    with RecordingFile(data(lesson), open_files=tmp_path / "no such folder") as file:
        assert file.path.read_bytes() == lesson.read_bytes()
        assert file.path.is_file()
    assert not file.path.exists()
    file.close()


def test_a_full_disk_is_reported_and_no_copy_is_left() -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="cannot be copied") as refused:
        RecordingQueue(VideoReader()).begin(ME, Full(), ORDER)
    assert refused.value.fault == "disk"
    assert copies() == []


def test_a_stopped_recording_keeps_what_was_read(lesson: Path, store: Store) -> None:
    reader = VideoReader(held=True)
    jobs = RecordingQueue(reader, store)
    job = jobs.begin(ME, data(lesson), ORDER)
    reader.allow(2)
    wait_until(lambda: reader.read == 2)
    jobs.cancel(ME)
    assert job.stopping
    reader.allow(1)
    finished(job)
    assert job.partial
    assert reader.read <= 3
    kept = store.load(job.lesson.info.id, ME)
    assert kept.duration < SECONDS
    assert [note.text for note in kept.notes] == ["ended here"]


def test_a_cut_recording_is_read_up_to_the_cut(lesson: Path, store: Store) -> None:
    job = finished(RecordingQueue(VideoReader(), store).begin(ME, data(cut(lesson, 0.6)), ORDER))
    assert job.broken and not job.partial
    kept = store.load(job.lesson.info.id, ME)
    assert 0 < kept.duration < SECONDS
    assert [note.text for note in kept.notes] == ["cut here"]


def test_a_recording_without_faces_is_not_stored(lesson: Path, store: Store) -> None:
    job = finished(RecordingQueue(VideoReader(faces=0), store).begin(ME, data(lesson), ORDER))
    assert not job.faces_seen()
    assert store.find(ME).found == 0


@pytest.mark.parametrize("kind", ["words", "empty", "sound", "cut short"])
def test_a_file_without_a_video_is_refused(lesson: Path, tmp_path: Path, kind: str) -> None:
    given = {
        "words": b"these are words " * 50,
        "empty": b"",
        "sound": write_sound(tmp_path / "sound.mp4").read_bytes(),
        "cut short": lesson.read_bytes()[:200],
    }[kind]
    jobs = RecordingQueue(VideoReader())
    with pytest.raises(DataError):
        jobs.begin(ME, io.BytesIO(given), ORDER)
    assert jobs.get(ME) is None
    assert copies() == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [(ModelError("no network"), "no network"), (ValueError("x"), "ValueError")],
)
def test_an_error_while_reading_keeps_what_was_read(
    lesson: Path, store: Store, fault: Exception, message: str
) -> None:
    job = finished(
        RecordingQueue(VideoReader(fault=fault, at=6), store).begin(ME, data(lesson), ORDER)
    )
    assert job.fault == message
    kept = store.load(job.lesson.info.id, ME)
    assert kept.rows()["frames"].sum() == 6
    assert [note.text for note in kept.notes] == ["ended here"]
    assert copies() == []


def test_an_error_of_the_store_is_reported(lesson: Path, tmp_path: Path) -> None:
    path = tmp_path / "lessons.sqlite3"
    store = Store(f"sqlite:///{path}", patience=0.1)
    store.close()
    path.write_bytes(b"no database any more" * 1000)
    job = finished(RecordingQueue(VideoReader(), store).begin(ME, data(lesson), ORDER))
    assert job.store_fault
    assert whole(job.lesson.rows()).faces[0] == 1
    store.close()


def test_two_recordings_are_read_and_the_others_wait(lesson: Path) -> None:
    reader = VideoReader(held=True)
    jobs = RecordingQueue(reader, places=Places(at_once=2, waiting=3))
    made = [jobs.begin(str(at), data(lesson), ORDER) for at in range(5)]
    assert [jobs.place(job) for job in made] == [0, 0, 1, 2, 3]
    assert [job.share for job in made[2:]] == [0.0] * 3
    with pytest.raises(BusyError, match="3 recordings"):
        jobs.begin("another", data(lesson), ORDER)
    jobs.cancel("2")
    assert jobs.get("2") is None
    assert not made[2].file.path.exists() or made[2].file._file.closed
    assert [jobs.place(job) for job in made[3:]] == [1, 2]
    reader.allow()
    for job in (*made[:2], *made[3:]):
        assert not finished(job).partial
    assert copies() == []


def test_each_owner_has_one_recording_at_a_time(lesson: Path) -> None:
    reader = VideoReader(held=True)
    jobs = RecordingQueue(reader)
    job = jobs.begin(ME, data(lesson), ORDER)
    with pytest.raises(BusyError, match="another recording of yours"):
        jobs.begin(ME, data(lesson), ORDER)
    jobs.forget(ME)  # it is not over
    assert jobs.get(ME) is job
    assert jobs.get("another") is None
    reader.allow()
    finished(job)
    again = jobs.begin(ME, data(lesson), ORDER)
    assert jobs.get(ME) is again is not job
    finished(again)


def test_a_job_that_no_page_shows_is_removed_after_an_hour(lesson: Path) -> None:
    clock, reader = Clock(), VideoReader(held=True)
    jobs = RecordingQueue(reader, places=Places(at_once=1), now=clock)
    reading, waiting = (jobs.begin(who, data(lesson), ORDER) for who in ("reads", "waits"))
    clock.at += UNSEEN + 1
    assert jobs.get("waits") is None
    reader.allow(2)
    assert finished(reading).partial
    assert copies() == []
    clock.at += UNSEEN + 1
    assert jobs.get("reads") is None
    assert waiting.newest is None


@pytest.mark.parametrize("live", [0, 1])
def test_reading_pauses_after_each_frame_while_a_class_is_live(lesson: Path, live: int) -> None:
    clock = Clock()
    cost = 0.01 if live else 100.0  # a single pause of three times this would outlast the test
    reader = VideoReader(costs=(clock, cost))
    before = time.monotonic()
    job = RecordingQueue(reader, lesson_count=lambda: live, now=clock).begin(
        ME, data(lesson), ORDER
    )
    finished(job)
    # Three times what a frame took, as a literal: a smaller REST slows the live class down.
    assert time.monotonic() - before >= live * 3 * cost * FRAMES


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the priority is the whole process's")
def test_reading_has_a_lower_priority(lesson: Path) -> None:
    class PriorityReader(VideoReader):
        priority = 0

        def video(self, source: Video) -> Iterator[AnalyzedFrame]:
            self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            yield from super().video(source)

    reader, ours = PriorityReader(), os.getpriority(os.PRIO_PROCESS, 0)
    finished(RecordingQueue(reader).begin(ME, data(lesson), ORDER))
    assert reader.priority == min(ours + 10, 19)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == ours


def test_a_job_reports_its_progress_and_the_time_left(lesson: Path) -> None:
    clock, reader = Clock(), VideoReader(held=True)
    reader.costs = (clock, 2.0)
    job = RecordingQueue(reader, now=clock).begin(ME, data(lesson), ORDER)
    assert job.left() is None
    reader.allow(FRAMES // 2 + 1)  # the frame at half of the recording is the newest
    wait_until(lambda: job.newest is not None and job.newest.time >= SECONDS / 2)
    assert job.share == pytest.approx(0.5, abs=0.03)
    assert job.left() == pytest.approx(2.0 * (FRAMES // 2 + 1), rel=0.1)
    reader.allow()
    finished(job)


def made_at(path: Path, time: str) -> Path:
    """Write a video with this creation time."""
    with av.open(str(path), "w") as out:
        out.metadata["creation_time"] = time
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(5):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("age", "believed"),
    [(timedelta(days=3), True), (timedelta(days=-3), False), (timedelta(days=40_000), False)],
)
def test_a_possible_creation_time_is_used(
    tmp_path: Path, ending: str, age: timedelta, believed: bool
) -> None:
    path = made_at(tmp_path / f"a.{ending}", f"{NINE - age:%Y-%m-%dT%H:%M:%SZ}")
    assert recorded_at(Video(path).created, NINE) == (NINE - age if believed else None)


def test_a_lesson_without_a_name_gets_that_of_its_file(tmp_path: Path) -> None:
    path = made_at(tmp_path / "a.mp4", f"{NINE:%Y-%m-%dT%H:%M:%SZ}")
    order = RecordingOrder("Maths 7b.mp4", LessonPlan(zone=UTC))
    job = finished(RecordingQueue(VideoReader()).begin(ME, data(path), order))
    assert job.lesson.info.started == NINE
    assert job.lesson.info.name == f"Maths 7b, {NINE:%Y-%m-%d}"


def test_a_recording_without_a_time_begins_now(lesson: Path) -> None:
    before = datetime.now(UTC)
    job = finished(RecordingQueue(VideoReader()).begin(ME, data(lesson), ORDER))
    assert before <= job.lesson.info.started <= datetime.now(UTC)


def test_one_network_cannot_take_the_whole_queue(lesson: Path) -> None:
    reader = VideoReader(held=True)
    jobs = RecordingQueue(reader)
    try:
        for number in range(4):
            jobs.begin(f"owner-{number}", data(lesson), ORDER, "203.0.113.9")
        with pytest.raises(BusyError, match="your network has 4 recordings here"):
            jobs.begin("owner-5", data(lesson), ORDER, "203.0.113.9")
        jobs.begin("owner-6", data(lesson), ORDER, "203.0.113.10")
    finally:
        for number in (*range(4), 6):
            jobs.cancel(f"owner-{number}")
        reader.allow(2)
    wait_until(lambda: copies() == [])


def test_a_state_has_one_queue() -> None:
    def state() -> State:
        analyzer: Any = FakeAnalyzer()
        return State(Settings(), analyzer, LiveLessons(analyzer), b"secret")

    one, other = state(), state()
    assert one.recordings is one.recordings
    assert one.recordings is not other.recordings


def test_the_recordings_of_a_server_rest_while_one_of_its_lessons_is_live(lesson: Path) -> None:
    class Working(VideoReader):
        def video(self, source: Video) -> Iterator[AnalyzedFrame]:
            for step in super().video(source):
                time.sleep(0.03)
                yield step

    analyzer: Any = Working()
    state = State(Settings(), analyzer, LiveLessons(analyzer), b"secret")
    state.lessons.open(None, "socket")
    before = time.monotonic()
    finished(state.recordings.begin(ME, data(lesson), ORDER))
    assert time.monotonic() - before >= 4 * 0.03 * FRAMES
