"""Recall, false boxes and confidence, with a detector that finds squares."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.bench import detection
from fer.bench.detection import KnownPicture, Score, known_pictures, matches, scores
from fer.cli import main
from fer.errors import DataError
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from tests.vision.fakes import Network, Squares

NOTHING = Faces.none().boxes


def analyzer() -> Analyzer:
    return Analyzer(detector=Squares(), classifier=Network())


def folder(path: Path, entry: object, name: str = "one.png") -> Path:
    """Return a folder with a picture of three squares, 40 pixels high, and its faces.json."""
    frame = np.zeros((120, 160, 3), np.uint8)
    for left in (10, 60, 110):
        frame[40:80, left : left + 30] = 200
    cv2.imwrite(str(path / name), frame)
    (path / "faces.json").write_text(json.dumps({name: entry}))
    return path


def known(faces: list[list[float]], ignore: list[list[float]] = ()) -> KnownPicture:  # type: ignore[assignment]
    return KnownPicture(Path("one"), "class", Faces.of(faces).boxes, Faces.of(ignore).boxes)


def test_each_true_box_counts_once() -> None:
    truth = Faces.of([[0, 0, 10, 10], [50, 0, 10, 10]]).boxes
    twice = Faces.of([[0, 0, 10, 10], [1, 0, 10, 10], [90, 90, 5, 5]]).boxes
    hits, found = matches(twice, truth)
    assert (hits.tolist(), found.tolist()) == ([True, False, False], [True, False])
    assert matches(truth, truth)[1].all()
    assert not matches(truth[:0], truth)[1].any()


def test_a_box_on_an_ignored_region_is_not_counted() -> None:
    score = Score()
    found = [[0, 0, 20, 20], [100, 0, 20, 20], [200, 0, 10, 10], [300, 0, 20, 20]]
    faces = Faces.of(found, confidence=[0.9] * 4)
    # The second box is on an ignored face, the third lies inside a large ignored region.
    score.add(known([[0, 0, 20, 20]], [[102, 0, 20, 20], [190, 0, 90, 90]]), faces)
    row = score.row()
    assert (row["recall"], row["false_boxes"]) == (1.0, 1.0)


def test_recall_is_given_by_height_and_kind() -> None:
    score = Score()
    faces = Faces.of([[0, 0, 20, 20], [90, 0, 50, 50]], confidence=[0.9, 0.9])
    score.add(known([[0, 0, 20, 20], [50, 0, 30, 30], [90, 0, 50, 50]]), faces)
    row = score.row()
    heights = {name: part["recall"] for name, part in row["by_height"].items()}
    assert heights == {"16-24": 1.0, "24-32": 0.0, "32-48": None, "48+": 1.0}
    assert row["by_kind"] == {"class": {"faces": 3, "recall": round(2 / 3, 4)}}
    assert row["worst"]["missed"] == [{"picture": "one", "count": 1}]


def test_reliability_compares_confidence_with_the_share_of_faces() -> None:
    score = Score()
    boxes = [[0, 0, 20, 20], [90, 0, 20, 20], [200, 0, 20, 20]]
    score.add(known(boxes[:1]), Faces.of(boxes, confidence=[0.92, 0.94, 0.6]))
    assert score.row()["reliability"] == [
        {"from": 0.5, "boxes": 1, "confidence": 0.6, "faces": 0.0},
        {"from": 0.9, "boxes": 2, "confidence": 0.93, "faces": 0.5},
    ]


def test_a_higher_threshold_costs_recall_and_saves_false_boxes() -> None:
    score = Score()
    boxes = [[0, 0, 20, 20], [90, 0, 20, 20], [200, 0, 20, 20]]
    score.add(known(boxes[:2]), Faces.of(boxes, confidence=[0.9, 0.5, 0.7]))
    assert score.curve() == [(1.0, 1.0), (1.0, 0.5), (0.0, 0.5)]


def test_low_faces_are_ignored_after_a_picture_is_reduced() -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    small, left = known([[0, 0, 30, 30], [100, 0, 80, 80]]).fitted(frame, 200, 200)
    assert small.shape == (200, 200, 3)
    assert left.faces.tolist() == [[50, 0, 40, 40]]
    assert left.ignore.tolist() == [[0, 0, 15, 15]]


def test_both_forms_of_faces_json_are_read(tmp_path: Path) -> None:
    corners = [[10, 40, 40, 80], [60, 40, 90, 80]]
    (listed,) = known_pictures(folder(tmp_path, corners, "25_mild_0.png"))
    assert (listed.kind, listed.faces.tolist()) == (
        "25 tiles",
        [[10, 40, 30, 40], [60, 40, 30, 40]],
    )
    record = {"faces": corners[:1], "ignore": corners[1:], "kind": "class"}
    (recorded,) = known_pictures(folder(tmp_path, record))
    assert (recorded.kind, len(recorded.faces), len(recorded.ignore)) == ("class", 1, 1)


@pytest.mark.parametrize("path", detection.PATHS)
def test_each_path_finds_what_is_shown(tmp_path: Path, path: str) -> None:
    corners = [[10, 40, 40, 80], [60, 40, 90, 80], [10, 90, 30, 110]]  # one not there, one unknown
    found = scores({"auto": analyzer()}, known_pictures(folder(tmp_path, corners)), [path])
    row = found["auto", path].row()
    assert (row["recall"], row["false_boxes"]) == (round(2 / 3, 4), 1.0)


def test_galleries_are_summed_by_their_tiles(tmp_path: Path) -> None:
    corners = [[10, 40, 40, 80], [60, 40, 90, 80], [110, 40, 140, 80]]
    rows = detection.galleries({"auto": analyzer()}, folder(tmp_path, corners, "25_mild_0.png"))
    assert rows == [{"kind": "25 tiles", "detector": "auto", "recall": 1.0, "false_boxes": 0.0}]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"faces": [[1, 2, 3]]}, "faces of one.png must be a list of"),
        ({"faces": [[5, 5, 1, 9]]}, "faces of one.png must be a list of"),
        ({"faces": [], "ignore": "none"}, "ignore of one.png must be a list of"),
        ([[1, 2, 3, "x"]], "faces of one.png must be a list of"),
    ],
)
def test_malformed_boxes_are_named(tmp_path: Path, entry: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        known_pictures(folder(tmp_path, entry))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"gone.png": []}', "names gone.png, but this picture is not"),
        ("{", "not valid JSON"),
        ("[]", "must map names of pictures"),
    ],
)
def test_a_wrong_list_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "faces.json").write_text(text)
    with pytest.raises(DataError, match=message):
        known_pictures(tmp_path)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"no picture")
    (tmp_path / "faces.json").write_text('{"one.png": []}')
    (one,) = known_pictures(tmp_path)
    with pytest.raises(DataError, match=r"one\.png"):
        one.read()


def test_options_that_exclude_each_other_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--live", "--pictures", str(tmp_path)]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main(["bench", "--curve", "curve.svg"]) == 2
    assert "--pictures" in capsys.readouterr().err
