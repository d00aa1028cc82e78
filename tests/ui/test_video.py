"""The page "Video" in each of its states, with a reader that a test steps frame by frame."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fer.errors import DataError, Fault, ModelError
from fer.faces import Faces
from fer.lesson.lesson import LessonPlan
from fer.recordings.job import RecordingJob
from fer.recordings.kept import RecordingOrder
from fer.recordings.queue import RecordingQueue
from fer.server.lessons import LiveLessons
from fer.server.state import State
from fer.settings import Settings
from fer.store import Store
from fer.ui.consent import GIVEN
from fer.ui.identity import ALONE
from fer.ui.text import load_texts
from fer.ui.video import PREVIEW, fault_text, preview
from fer.vision.analyzer import AnalyzedFrame
from tests.recordings.video_reader import VideoReader
from tests.server.fakes import HAPPY
from tests.server.server import wait_until
from tests.ui.pages import text_of
from tests.vision.media.media import SECONDS, cut, write_sound, write_video

ME = "visitor-of-the-tests"
SAYS = load_texts("en")


def script(state: object) -> None:
    from fer.ui import video

    video.page(state)  # type: ignore[arg-type]  # only its source goes to AppTest


class World:
    """A server process with its pages and its store."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.store = Store(f"sqlite:///{folder / 'lessons.sqlite3'}")
        self.reader = VideoReader()
        self.state = State(
            settings,
            self.reader,
            LiveLessons(self.reader),
            b"secret",
            store=self.store,
        )

    @property
    def jobs(self) -> RecordingQueue:
        return self.state.recordings

    @property
    def job(self) -> RecordingJob:
        job = self.jobs.get(ME)
        assert job is not None
        return job

    def open(self, given: bool = True) -> AppTest:
        """Return the page in a new visit of the same browser."""
        page = AppTest.from_function(script, args=(self.state,), default_timeout=60)
        page.session_state[ALONE] = ME
        if given:
            page.session_state[GIVEN] = datetime(2026, 3, 2, 9, tzinfo=UTC)
        return page.run()

    def begun(self, path: Path, name: str = "") -> AppTest:
        """Return a visit that uploaded this file and pressed Start."""
        page = self.open()
        page.file_uploader[0].set_value((path.name, path.read_bytes(), "video/mp4")).run()
        if name:
            page.text_input[0].set_value(name).run()
        return press(page, "video.start")


def press(page: AppTest, key: str) -> AppTest:
    return next(one for one in page.button if one.label == SAYS[key]).click().run()


def labels(page: AppTest) -> list[str]:
    return [one.label for one in page.button]


@pytest.fixture
def world(tmp_path: Path, tiny_model: Path) -> Iterator[World]:
    made = World(tmp_path, Settings(model=tiny_model))
    yield made
    made.reader.allow()
    made.store.close()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lesson") / "algebra.mp4"
    return write_video(path, options={"movflags": "faststart"})


def test_a_recording_goes_on_with_its_server_and_its_page_finds_it(
    world: World, lesson: Path, tmp_path: Path, tiny_model: Path
) -> None:
    world.reader.held = True
    page = world.begun(lesson, "Algebra")
    lesson_id = world.job.lesson.info.id
    assert lesson_id in page.query_params["reading"]
    copies = tmp_path / "copies"
    shutil.copytree(tmp_path / "recordings", copies)  # what a kill would leave
    world.reader.allow()
    wait_until(lambda: world.job.over)
    world.store.delete(lesson_id, ME)
    shutil.rmtree(tmp_path / "recordings")
    copies.rename(tmp_path / "recordings")
    after = World(tmp_path, Settings(model=tiny_model))
    after.state.resume_recordings()
    wait_until(lambda: after.job.over)
    shown = after.open()
    assert not shown.exception
    assert shown.header[0].value == "Algebra"
    assert after.store.find(ME).lessons[0].id == lesson_id
    after.store.close()


def test_a_recording_that_a_restart_has_lost_is_named(world: World, lesson: Path) -> None:
    page = world.open()
    assert not page.warning
    page.query_params["reading"] = "lesson-1"  # the address of a page that is loaded again
    page.run()
    assert not page.exception
    assert "The recording that was read here is gone" in page.warning[0].value
    page.file_uploader[0].set_value((lesson.name, lesson.read_bytes(), "video/mp4")).run()
    page = press(page, "video.start")
    wait_until(lambda: world.job.over)
    page.run()
    assert not page.warning
    press(page, "video.another")
    assert not page.warning


def test_it_asks_for_a_recording_and_says_what_happens_to_it(world: World) -> None:
    page = world.open()
    assert not page.exception
    assert page.title[0].value == SAYS["video.title"]
    assert f"at most {st.get_option('server.maxUploadSize')} MB" in page.file_uploader[0].label
    assert "deleted" in text_of(page)
    assert SAYS["video.start"] not in labels(page)


def test_nothing_before_it_is_acknowledged(world: World) -> None:
    page = world.open(given=False)
    assert not page.exception
    assert not page.file_uploader
    press(page, "consent.agree")
    assert page.file_uploader


def test_where_the_law_forbids_it_there_is_nothing_else(tmp_path: Path) -> None:
    world = World(tmp_path, Settings(region="EU"))
    page = world.open()
    assert "prohibits" in page.error[0].value
    assert not page.file_uploader
    world.store.close()


def test_a_recording_is_read_and_told(world: World, lesson: Path) -> None:
    world.reader.held = True
    page = world.begun(lesson, "Fractions")
    assert not page.exception
    assert SAYS["video.cancel"] in labels(page)
    assert not page.file_uploader
    world.reader.allow()
    job = world.job
    wait_until(lambda: job.over)
    page.run()
    assert not page.exception
    assert page.header[0].value == "Fractions"
    assert not page.warning and not page.info and not page.error
    kept = world.store.load(job.lesson.info.id, ME)
    assert kept.info.name == "Fractions"
    assert kept.info.acknowledged == datetime(2026, 3, 2, 9, tzinfo=UTC)
    press(page, "video.another")
    assert page.file_uploader
    assert world.jobs.get(ME) is None


def test_a_missing_network_is_no_crash(tmp_path: Path) -> None:
    world = World(tmp_path, Settings(model=tmp_path))
    page = world.open()
    assert not page.exception
    assert "how to make a network" in page.info[0].value
    assert not page.file_uploader
    world.store.close()


@pytest.mark.parametrize("each_second", [1, 2])
def test_how_closely_it_looks(world: World, lesson: Path, each_second: int) -> None:
    page = world.open()
    page.file_uploader[0].set_value((lesson.name, lesson.read_bytes(), "video/mp4")).run()
    page.segmented_control[0].set_value(1 / each_second).run()
    press(page, "video.start")
    job = world.job
    wait_until(lambda: job.over)
    assert job.lesson.rows()["frames"].tolist() == [each_second] * round(SECONDS)


def test_how_far_it_is_and_what_it_sees(world: World, lesson: Path) -> None:
    world.reader.held = True
    world.reader.faces = 3
    page = world.begun(lesson)
    world.reader.allow(1)
    wait_until(lambda: world.job.newest is not None)
    page.run()
    assert not page.exception
    assert len(page.image) == 1
    assert f"0:00 of 0:0{SECONDS:.0f} read" in page.get("progress")[0].proto.text
    assert "3 faces" in "".join(one.proto.body for one in page.get("html"))
    page.toggle[0].set_value(True).run()
    assert not page.exception


def test_a_page_loaded_again_finds_its_recording(world: World, lesson: Path) -> None:
    world.reader.held = True
    world.begun(lesson)
    again = world.open(given=False)  # it was acknowledged for this recording
    assert SAYS["video.cancel"] in labels(again)
    another = AppTest.from_function(script, args=(world.state,), default_timeout=60)
    another.session_state[ALONE] = "somebody else"
    another.session_state[GIVEN] = datetime.now(UTC)
    assert another.run().file_uploader


def test_stopped_it_tells_what_was_read(world: World, lesson: Path) -> None:
    world.reader.held = True
    page = world.begun(lesson)
    world.reader.allow(1)
    job = world.job
    wait_until(lambda: job.newest is not None)
    press(page, "video.cancel")
    world.reader.allow(1)
    wait_until(lambda: job.over)
    page.run()
    assert not page.exception
    assert "Reading was stopped at 0:01" in page.info[0].value
    assert page.header
    kept = world.store.load(job.lesson.info.id, ME)
    assert [note.text for note in kept.notes] == [SAYS["video.stopped_note"]]


def test_others_first(world: World, lesson: Path) -> None:
    world.reader.held = True
    order = RecordingOrder("a.mp4", LessonPlan())
    for who in ("one", "two", "three"):
        with lesson.open("rb") as file:
            world.jobs.begin(who, file, order)
    page = world.begun(lesson)
    assert "number 2 in the queue" in page.info[0].value
    press(page, "video.leave")
    assert page.file_uploader
    for who in ("one", "two"):
        world.jobs.cancel(who)


def test_a_cut_recording_is_told_up_to_there(world: World, lesson: Path) -> None:
    page = world.begun(cut(lesson, 0.6))
    job = world.job
    wait_until(lambda: job.over)
    page.run()
    assert "damaged or was cut off" in page.warning[0].value
    assert page.header


def test_nobody_to_be_seen(world: World, lesson: Path) -> None:
    world.reader.faces = 0
    page = world.begun(lesson)
    job = world.job
    wait_until(lambda: job.over)
    page.run()
    assert not page.exception
    assert "No face was found" in page.warning[0].value
    assert not page.header
    assert world.store.find(ME).found == 0


def test_what_fails_on_the_way_is_told(world: World, lesson: Path) -> None:
    world.reader.fault, world.reader.at = ModelError("the network is gone"), 1
    page = world.begun(lesson)
    job = world.job
    wait_until(lambda: job.over)
    page.run()
    assert "the network is gone" in page.error[0].value
    assert page.header


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("words", "is not a video"),
        ("empty", "0 bytes"),
        ("sound", "sound but no picture"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    world: World, tmp_path: Path, kind: str, said: str
) -> None:
    path = tmp_path / "a.mp4"
    if kind == "sound":
        write_sound(path)
    else:
        path.write_bytes(b"" if kind == "empty" else b"some words " * 99)
    page = world.begun(path)
    assert not page.exception
    assert "`a.mp4`" in page.error[0].value
    assert said in page.error[0].value
    assert page.file_uploader
    assert world.jobs.get(ME) is None


@pytest.mark.parametrize("fault", ["sound", "pixels", "kind", "disk", "unreadable"])
def test_every_fault_has_its_sentence(fault: Fault) -> None:
    said = fault_text("a.mp4", 9, DataError("x: as it is said in English", fault))
    assert said == SAYS[f"video.fault.{fault}"].format(name="a.mp4")


@pytest.mark.parametrize("blur", [False, True])
def test_a_preview_is_small_and_may_hide_faces(blur: bool) -> None:
    chance = np.random.default_rng(5)
    frame = chance.integers(0, 256, (1080, 1920, 3), np.uint8)
    face = Faces.of([[600, 300, 400, 500]], probabilities=[HAPPY])
    plain = preview(AnalyzedFrame(0.0, frame, Faces.none(), None), blur=blur)
    shown = preview(AnalyzedFrame(0.0, frame, face, None), blur=blur)
    assert shown.shape == (PREVIEW[1], PREVIEW[0], 3)
    scale = PREVIEW[0] / 1920
    middle = (slice(round(500 * scale), round(600 * scale)), slice(round(700 * scale), 430))
    assert (shown[middle] != plain[middle]).any() == blur
    assert (shown != plain).any()
