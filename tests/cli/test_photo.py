import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.cli.photo import MANY, describe, read_photos
from fer.errors import UsageError
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from tests.cli.fakes import DRAWN, SHARES, FakeAnalyzer, annotated
from tests.vision.fakes import Squares, class_picture
from tests.vision.media.media import flag


def save(path: Path, picture: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = flag() if picture is None else picture
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def read(*paths: Path, out: Path | None = None, as_json: bool = False, at: int = -1) -> int:
    return read_photos(paths, FakeAnalyzer(at), annotated, out=out, as_json=as_json)


def test_a_line_for_each_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, none = save(tmp_path / "a.png"), save(tmp_path / "b.png", np.zeros_like(flag()))
    assert read(tmp_path) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0] == f"{one}: 1 face: happy {max(SHARES) * 100:.0f} %"
    assert lines[1].startswith(f"{none}: no face found; try ")
    assert output.err == ""


def test_every_face_has_its_own_emotion(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"c.png": ["sad", "happy"], "a.png": ["fear"], "b.png": ["neutral", "angry", "sad"]}
    for name, each in words.items():
        save(tmp_path / "in" / name, class_picture(*each))
    analyzer, out = Analyzer(tiny_model, detector=Squares()), tmp_path / "out"
    assert read_photos([tmp_path / "in"], analyzer, annotated, out=out) == 0
    for line, name in zip(capsys.readouterr().out.splitlines(), sorted(words), strict=True):
        assert line.startswith(f"{tmp_path / 'in' / name}: {len(words[name])} face")
        assert re.findall(r"(\w+) \d+ %", line) == words[name]
    with (out / "faces.csv").open(newline="") as file:
        rows = [(Path(row["file"]).name, row["word"]) for row in csv.DictReader(file)]
    assert rows == [(name, word) for name in sorted(words) for word in words[name]]
    assert read_photos([tmp_path / "in"], analyzer, annotated, as_json=True) == 0
    for result in json.loads(capsys.readouterr().out):
        shares = [face["emotions"] for face in result["faces"]]
        assert [max(one, key=one.get) for one in shares] == words[Path(result["file"]).name]


def test_no_face_has_100_percent() -> None:
    faces = Faces.of([[0, 0, 9, 9]], probabilities=[[0, 0, 0, 1, 0, 0, 0]])
    assert describe(faces) == "1 face: happy 99 %"


def test_many_faces_are_counted() -> None:
    boxes = [[10 * at, 0, 8, 8] for at in range(MANY + 2)]
    shares = np.tile(SHARES, (MANY + 2, 1))
    shares[0] = np.roll(shares[0], 1)
    last = np.full(len(SHARES), np.nan)
    faces = Faces.of(boxes, probabilities=np.vstack([shares[:-1], last]))
    other = faces.words()[0]
    assert describe(faces) == f"{MANY + 2} faces: happy {MANY}, {other} 1, not read 1"


def test_bad_files_are_listed_and_the_rest_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "b.png")
    (tmp_path / "a.jpg").touch()
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert read(tmp_path) == 2
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1
    first, *rest = output.err.splitlines()
    assert first == "fer: 2 of 3 pictures could not be read:"
    assert "a.jpg" in rest[0] and "empty" in rest[0]
    assert "c.heic" in rest[1] and "Most Compatible" in rest[1]


def test_one_bad_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").touch()
    assert read(tmp_path / "a.jpg") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fer: {tmp_path / 'a.jpg'}: ")


def test_json_holds_faces_and_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = save(tmp_path / "b.png")
    bad = tmp_path / "a.jpg"
    bad.touch()
    assert read(tmp_path, as_json=True) == 2
    failed, found = json.loads(capsys.readouterr().out)
    assert failed["file"] == str(bad) and "empty" in failed["error"]
    assert found["file"] == str(good)
    (face,) = found["faces"]
    assert face["box"] == [0, 0, flag().shape[1] // 4, flag().shape[0] // 3]
    assert face["emotions"]["happy"] == max(SHARES)


def test_pictures_with_boxes_and_a_table(tmp_path: Path) -> None:
    path = save(tmp_path / "in" / "a.jpg")
    out = tmp_path / "out"
    assert read(path, out=out) == 0
    assert {file.name for file in out.iterdir()} == {"a.png", "faces.csv"}
    drawn = cv2.imdecode(np.fromfile(out / "a.png", np.uint8), cv2.IMREAD_COLOR)
    assert tuple(drawn[2, 2].tolist()) == DRAWN
    with (out / "faces.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["file"], row["word"], row["id"]) == (str(path), "happy", "")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (["x/a.png", "y/b.png"], ["a.png", "b.png"]),
        (["x/a.png", "y/a.png"], ["x/a.png", "y/a.png"]),
        (["x/a.png", "x/A.jpg"], ["A.jpg.png", "a.png.png"]),
        (["x/a.png", "x/a.jpg", "y/a.png"], ["x/a.jpg.png", "x/a.png.png", "y/a.png.png"]),
    ],
)
def test_no_picture_overwrites_another(
    tmp_path: Path, given: list[str], written: list[str]
) -> None:
    out = tmp_path / "out"
    assert read(*[save(tmp_path / "in" / name) for name in given], out=out) == 0
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert found == sorted(written)


def test_a_given_picture_is_never_overwritten(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="would overwrite"):
        read(path, out=tmp_path)
    assert path.read_bytes() == before


def test_pictures_of_an_earlier_run_are_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png")
    for _ in range(2):
        assert read(tmp_path, out=tmp_path / "out") == 0
        assert len(capsys.readouterr().out.splitlines()) == 1


def test_stopped_midway_the_results_so_far_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.png")
    assert read(tmp_path, as_json=True, at=2) == 130
    output = capsys.readouterr()
    assert len(json.loads(output.out)) == 2
    assert "stopped after 2 of 3" in output.err
