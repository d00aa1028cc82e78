"""What can be taken away from the page Photo."""

import csv
import io
import json
from pathlib import Path

import pytest

from fer.emotions import EMOTIONS
from fer.tables import EXCEL_MARK
from fer.ui.photo import csv_table, json_list
from fer.vision.analyzer import Analyzer
from fer.vision.photos import Photos
from tests.tiny_model import SHARES
from tests.vision.fakes import Squares, class_picture, picture
from tests.vision.test_photos import TWO, encoded


@pytest.fixture
def reader(tiny_model: Path) -> Analyzer:
    return Analyzer(tiny_model, detector=Squares())


def test_the_table_has_a_row_a_face(reader: Analyzer) -> None:
    photos = [
        Photos(reader).read(encoded(picture(*squares)), name)
        for name, squares in (("a,b.png", TWO), ("none.png", []), ("c.png", TWO[:1]))
    ]
    rows = list(csv.DictReader(io.StringIO(csv_table(photos).removeprefix(EXCEL_MARK))))
    assert [(row["file"], row["id"]) for row in rows] == [
        ("a,b.png", "1"),
        ("a,b.png", "2"),
        ("c.png", "1"),
    ]
    for row in rows:
        assert {name: float(row[name]) for name in EMOTIONS} == pytest.approx(SHARES, abs=1e-3)
        assert row["word"] == max(SHARES, key=SHARES.__getitem__)
    left, top, side = TWO[1]
    assert [int(rows[1][name]) for name in ("left", "top", "width", "height")] == [
        left,
        top,
        side,
        side,
    ]


def test_every_row_is_of_its_own_face(reader: Analyzer) -> None:
    words = {"a.png": ["sad", "neutral", "angry"], "b.png": ["fear"]}
    photos = [
        Photos(reader).read(encoded(class_picture(*each)), name) for name, each in words.items()
    ]
    rows = list(csv.DictReader(io.StringIO(csv_table(photos).removeprefix(EXCEL_MARK))))
    assert [(row["file"], row["id"], row["word"]) for row in rows] == [
        (name, str(at), word) for name, each in words.items() for at, word in enumerate(each, 1)
    ]
    told = json.loads(json_list(photos, []))
    for photo in told:
        most = [max(face["emotions"], key=face["emotions"].get) for face in photo["faces"]]
        assert most == words[photo["file"]]


def test_the_data_hold_the_records_and_the_faults(reader: Analyzer) -> None:
    photo = Photos(reader).read(encoded(picture(*TWO)), "é.png")
    text = json_list([photo], [("bad.png", "is empty")])
    assert "é.png" in text
    assert json.loads(text) == [
        {"file": "é.png", "faces": photo.faces.to_records()},
        {"file": "bad.png", "error": "is empty"},
    ]
