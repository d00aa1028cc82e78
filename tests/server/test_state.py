"""The shared state: made once, ready once the network has answered, without shown secrets."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from fer.errors import BusyError, ModelError, TokenError
from fer.faces import Faces, Floats, Picture
from fer.server.state import LOADING, State, shared
from fer.settings import Settings
from fer.store import UnsavedFiles
from fer.vision.media.decoder import OwnDecoder
from tests.lesson.classes import new_lesson
from tests.server.fakes import FakeAnalyzer
from tests.server.server import wait_until

SETTINGS = Settings(secret="a secret for these tests")


@dataclass
class Reading(FakeAnalyzer):
    """Records how many faces it was asked to read, and can be made to fail at that."""

    read_fault: Exception | None = None
    asked: list[int] = field(default_factory=list)

    def read(self, frame: Picture, boxes: Floats) -> Floats:
        self.asked.append(len(boxes))
        if self.read_fault is not None:
            raise self.read_fault
        return super().read(frame, boxes)


def test_the_state_is_ready_once_the_network_has_answered() -> None:
    analyzer = Reading()
    state = State.of(SETTINGS, analyzer, OwnDecoder())
    assert state.not_ready == LOADING
    assert analyzer.photos == 0
    state.warm_up()
    assert state.not_ready is None
    assert analyzer.photos == 1
    assert analyzer.asked == [1]  # without a face the network would not be called


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (ModelError("no network in x"), "no network in x"),
        (ValueError("an inner secret"), "loading failed: ValueError"),
        (MemoryError(), "loading failed: MemoryError"),
    ],
)
@pytest.mark.parametrize("where", ["fault", "read_fault"])
def test_an_error_while_loading_is_reported(fault: Exception, message: str, where: str) -> None:
    analyzer = Reading()
    setattr(analyzer, where, fault)
    state = State.of(SETTINGS, analyzer, OwnDecoder())
    state.warm_up()
    assert state.not_ready == message
    setattr(analyzer, where, None)
    state.warm_up()
    assert state.not_ready is None


def test_a_real_network_answers(tiny_model: Path) -> None:
    state = State.of(
        Settings(model=tiny_model, detector="haar", secret=SETTINGS.secret), decoder=OwnDecoder()
    )
    state.warm_up()
    assert state.not_ready is None
    faces = state.lessons.open(None, "socket").feed(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert faces == Faces.none()
    state.lessons.close()


def test_a_missing_model_is_reported_in_one_line(tmp_path: Path) -> None:
    state = State.of(
        Settings(model=tmp_path, detector="haar", secret=SETTINGS.secret), decoder=OwnDecoder()
    )
    state.warm_up()
    assert state.not_ready is not None
    assert str(tmp_path) in state.not_ready


def test_tokens_are_valid_on_servers_with_the_same_secret() -> None:
    first, second = State.of(SETTINGS, FakeAnalyzer()), State.of(SETTINGS, FakeAnalyzer())
    lesson_id, token = first.issue_token(None)
    assert second.check_token(token) == lesson_id
    assert first.issue_token(lesson_id)[0] == lesson_id
    other = State.of(Settings(secret="another secret, as long"), FakeAnalyzer())
    with pytest.raises(TokenError):
        other.check_token(token)


def test_the_settings_limit_the_number_of_lessons() -> None:
    state = State.of(Settings(max_sessions=2, secret=SETTINGS.secret), FakeAnalyzer())
    opened = [state.lessons.open(None, "socket") for _ in range(2)]
    assert state.lessons.all() == opened
    with pytest.raises(BusyError, match="2 lessons"):
        state.lessons.open(None, "socket")


def test_the_state_shows_no_secret() -> None:
    assert "secret for" not in repr(State.of(SETTINGS, FakeAnalyzer()))


def test_a_database_that_comes_after_the_server_is_used_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.write_text("a file where the folder should be")
    url = f"sqlite:///{folder / 'lessons.sqlite3'}"
    state = State.of(Settings(secret=SETTINGS.secret, database_url=url), FakeAnalyzer())
    assert "cannot be written to" in str(state.unsaved_because())
    folder.unlink()
    wait_until(lambda: state.unsaved_because() is None, 20)
    assert state.store is not None
    assert state.store.find().found == 0
    state.lessons.close()


def test_what_an_earlier_process_could_not_save_is_there_at_the_start(tmp_path: Path) -> None:
    made = new_lesson(name="Sets")
    UnsavedFiles(tmp_path / "unsaved").write(made, "anna")
    url = f"sqlite:///{tmp_path / 'lessons.sqlite3'}"
    state = State.of(Settings(secret=SETTINGS.secret, database_url=url), FakeAnalyzer())
    assert state.store is not None
    assert [one.name for one in state.store.find("anna").lessons] == ["Sets"]
    state.lessons.close()


def test_the_same_settings_share_one_state() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: shared(Settings(secret="x" * 20)), range(16)))
    assert len({id(state) for state in made}) == 1
    assert shared(Settings(secret="y" * 20)) is not made[0]
