import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.cli import main
from fer.cli.video import read_video
from fer.emotions import EMOTIONS
from fer.errors import DataError, ModelError
from fer.faces import Faces
from fer.vision.media.videos import Video
from tests.cli.fakes import DRAWN, SHARES, FakeAnalyzer, annotated
from tests.vision.media.media import SECONDS, TIMES, Frame, cut, lengths, write_video


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesson")
    return write_video(folder / "lesson.mp4", options={"movflags": "faststart"})


def read(path: Path, out: Path, analyzer: FakeAnalyzer | None = None, **options: Any) -> int:
    return read_video(path, analyzer or FakeAnalyzer(), annotated, out=out, **options)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_video_and_a_timeline_are_written(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(lesson, tmp_path) == 0
    made = tmp_path / "lesson_faces.mp4"
    assert {path.name for path in tmp_path.iterdir()} == {made.name, "lesson_timeline.csv"}
    frames = list(Video(made))
    assert [time for time, _ in frames] == pytest.approx(TIMES)
    assert np.abs(frames[-1][1][10, 10].astype(int) - DRAWN).max() < 40
    assert lengths(made)["audio"] == pytest.approx(SECONDS, abs=0.05)
    table = rows(tmp_path / "lesson_timeline.csv")
    assert [float(row["time"]) for row in table] == pytest.approx(TIMES)
    assert {row["id"] for row in table} == {"3"}
    assert [row["word"] for row in table[:5]] == ["happy"] * 4 + ["sad"]
    output = capsys.readouterr()
    assert (
        f"{len(TIMES)} frames, 0:02: 1 face, at most 1 at once: happy 80 %, sad 20 %" in output.out
    )
    assert str(made) in output.out
    assert output.err == ""


def test_json_is_a_summary(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(lesson, tmp_path, every=0.5, as_json=True) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames"] == SECONDS / 0.5
    assert summary["faces"] == summary["most_at_once"] == 1
    assert summary["emotions"] == dict.fromkeys(EMOTIONS, 0) | {"happy": 1}
    assert summary["broken"] is None
    assert Path(summary["video"]).exists()


def test_one_face_never_has_100_percent(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(lesson, tmp_path, every=0.5) == 0  # its four frames are all happy
    assert "1 face, at most 1 at once: happy 99 %\n" in capsys.readouterr().out


def test_several_faces_may_have_100_percent(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Two(FakeAnalyzer):
        def photo(self, frame: Frame) -> Faces:
            return Faces.of([[0, 0, 9, 9], [20, 0, 9, 9]], probabilities=[SHARES] * 2)

    assert read(lesson, tmp_path, Two(), every=0.5) == 0
    assert "at most 2 at once: happy 100 %\n" in capsys.readouterr().out


def test_blur_reaches_the_drawing(lesson: Path, tmp_path: Path) -> None:
    analyzer = FakeAnalyzer()
    assert read(lesson, tmp_path, analyzer, blur=True) == 0
    assert analyzer.thorough  # otherwise a new face would be shown unblurred for up to a second
    _, frame = next(iter(Video(tmp_path / "lesson_faces.mp4")))
    assert frame[-10:].mean() < 10


def test_stopped_midway_what_was_done_is_kept(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = len(TIMES) // 2
    assert read(lesson, tmp_path, FakeAnalyzer(done)) == 130
    assert len(list(Video(tmp_path / "lesson_faces.mp4"))) == done
    assert len(rows(tmp_path / "lesson_timeline.csv")) == done
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fer: stopped; kept: ")
    assert "lesson_faces.mp4 up to 0:01" in line


def test_a_broken_video_is_read_up_to_the_break(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(cut(lesson, 0.6), tmp_path) == 2
    done = len(list(Video(tmp_path / "lesson_cut_faces.mp4")))
    assert 0 < done < len(TIMES)
    assert len(rows(tmp_path / "lesson_cut_timeline.csv")) == done
    (line,) = capsys.readouterr().err.splitlines()
    assert "breaks off at" in line


def test_an_error_keeps_what_was_done(
    lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(lesson, tmp_path, FakeAnalyzer(10, OSError)) == 2
    assert len(list(Video(tmp_path / "lesson_faces.mp4"))) == 10
    assert "kept: " in capsys.readouterr().err


def test_an_error_before_the_first_frame_leaves_nothing(lesson: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read(lesson, tmp_path, FakeAnalyzer(0, ModelError))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_a_video_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("words")
    with pytest.raises(DataError, match="not a video"):
        read(tmp_path / "a.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["photo", "video"])
def test_the_commands_have_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fault:
        main([command, "--help"])
    assert fault.value.code == 0
    help_text = capsys.readouterr().out
    for option in ("--detector", "--model", "--json", "--out"):
        assert option in help_text


def test_a_wrong_interval_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["video", "a.mp4", "--every", "0"]) == 2
    assert capsys.readouterr().err == "fer: --every must be more than 0\n"


def test_no_video_is_read_if_the_law_forbids_it(
    lesson: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FER_REGION", "FR")
    assert main(["video", str(lesson)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the law forbids" in line
