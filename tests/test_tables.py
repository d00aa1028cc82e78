import csv
import io
from pathlib import Path

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.tables import EXCEL_MARK, FaceTable, csv_text

HAPPY = [float(name == "happy") for name in EMOTIONS]


def test_each_face_has_a_row_with_empty_cells_for_unknown_values(tmp_path: Path) -> None:
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


def test_a_text_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    cells = ["=1+1", "+1-cmd", "-2+3", "@SUM(A1)", "\tx", "-0.25", -0.25, "plain", ""]
    text = csv_text(["cell"], [[cell] for cell in cells])
    (_, *rows) = csv.reader(io.StringIO(text.removeprefix(EXCEL_MARK), newline=""))
    shown = ["'=1+1", "'+1-cmd", "'-2+3", "'@SUM(A1)", "'\tx", "-0.25", "-0.25", "plain", ""]
    assert [cell for row in rows for cell in row or [""]] == shown


def test_a_download_begins_with_the_mark_that_excel_needs() -> None:
    assert csv_text(["größe"], []).encode().startswith(b"\xef\xbb\xbf")
