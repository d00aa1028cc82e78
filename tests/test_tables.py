import csv
from pathlib import Path

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.tables import FaceTable

HAPPY = [float(name == "happy") for name in EMOTIONS]


def test_a_row_a_face_and_nothing_where_nothing_is_known(tmp_path: Path) -> None:
    boxes = [[1, 2, 30, 40], [50, 2, 30, 40]]
    known = Faces.of(boxes[:1], probabilities=[HAPPY], ids=[7])
    with FaceTable(tmp_path / "new" / "t.csv", "time") as table:
        table.add(0.04, known)
        table.add(1 / 3, Faces.none())
        table.add(2, Faces.of(boxes))
    with (tmp_path / "new" / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["time"] for row in rows] == ["0.040", "2.000", "2.000"]
    assert rows[0] == {
        "time": "0.040",
        "id": "7",
        **dict(zip(("left", "top", "width", "height"), map(str, boxes[0]), strict=True)),
        **{name: str(share) for name, share in zip(EMOTIONS, HAPPY, strict=True)},
        "word": "happy",
    }
    assert rows[1]["left"] == "1"
    assert all(rows[1][name] == "" for name in (*EMOTIONS, "id", "word"))
