"""The page "Photo" as a visitor sees it: files brought in every way, and what is taken away."""

import base64
import csv
import io
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import FilePayload, Page, expect

from fer.emotions import EMOTIONS
from fer.ui.photo import LARGEST_MB
from tests.e2e.conftest import ROOT, Visit
from tests.gallery_feed import GALLERIES

SAMPLE = ROOT / "fer/ui/sample.png"
MOST = "Most people would say: happy"  # whatever the tests' network is shown
PASTE = """async (base64) => {
  const data = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([data], "pasted.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


def wall(*places: int) -> np.ndarray:
    """A grey wall with the sample's face at these distances from the left."""
    face = cv2.resize(cv2.imread(str(SAMPLE)), (240, 240), interpolation=cv2.INTER_CUBIC)
    frame = np.full((480, 960, 3), 150, np.uint8)
    for left in places:
        frame[120:360, left : left + 240] = face
    return frame


def png(frame: np.ndarray) -> bytes:
    return cv2.imencode(".png", frame)[1].tobytes()


def file(name: str, data: bytes, kind: str = "image/png") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


def bring(page: Page, *files: FilePayload) -> None:
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([*files])


def download(page: Page, button: str) -> bytes:
    # While the page is drawn anew, what was there before stands beside it.
    page.locator("[data-test-script-state=notRunning]").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes()


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.open("/photo")


def test_the_sample_is_one_click_away(page: Page) -> None:
    page.get_by_text("Sample").click()
    expect(page.get_by_text(MOST)).to_be_visible()
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart).to_contain_text("surprise")
    expect(chart).to_contain_text("70 %")
    page.get_by_text("Which places led to the word?").click()
    expect(page.get_by_alt_text("places bright that made 🙂 happy more likely")).to_be_visible()


def test_several_faces_and_what_can_be_taken_away(page: Page) -> None:
    frame = wall(100, 600)
    bring(page, file("two.png", png(frame)), file("bad.png", b"no picture"))
    expect(page.get_by_text("2 faces")).to_be_visible()
    expect(page.get_by_text("Save bad.png again as JPEG")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^2 ")).click()
    expect(page.get_by_text("Face 2")).to_be_visible()

    marked = cv2.imdecode(np.frombuffer(download(page, "Picture with boxes"), np.uint8), 1)
    assert marked.shape == frame.shape
    assert (marked != frame).any(axis=2).sum() > 500

    table = download(page, "Table (CSV)").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["file"], row["id"]) for row in rows] == [("two.png", "1"), ("two.png", "2")]
    for row, place in zip(rows, (100, 600), strict=True):
        middle = int(row["left"]) + int(row["width"]) / 2
        assert abs(middle - (place + 120)) < 60
        assert sum(float(row[name]) for name in EMOTIONS) == pytest.approx(1, abs=0.001)

    entries = json.loads(download(page, "Data (JSON)"))
    assert [entry["file"] for entry in entries] == ["two.png", "bad.png"]
    assert [face["id"] for face in entries[0]["faces"]] == [1, 2]
    assert entries[0]["faces"][1]["box"] == [
        int(rows[1][name]) for name in ("left", "top", "width", "height")
    ]

    page.get_by_text("Blur the faces").click()
    expect(page.get_by_text("Which places led to the word?")).to_have_count(0)
    blurred = cv2.imdecode(np.frombuffer(download(page, "Picture with boxes"), np.uint8), 1)
    eyes = slice(190, 250), slice(160, 280)
    assert np.array_equal(marked[eyes], frame[eyes])
    assert not np.array_equal(blurred[eyes], frame[eyes])


def test_a_copied_picture_is_pasted(page: Page) -> None:
    expect(page.get_by_test_id("stFileUploaderDropzoneInput")).to_be_attached()
    page.wait_for_timeout(500)
    page.evaluate(PASTE, base64.b64encode(png(wall(300))).decode())
    expect(page.get_by_test_id("stFileChipName")).to_have_text("pasted.png")
    expect(page.get_by_text(MOST)).to_be_visible()


def test_a_wall_has_no_face_but_can_be_read_as_one(page: Page) -> None:
    bring(page, file("wall.png", png(wall())))
    expect(page.get_by_text("No face was found in wall.png")).to_be_visible()
    page.get_by_role("button", name="Read the whole picture as one face").click()
    expect(page.get_by_text(MOST)).to_be_visible()
    expect(page.get_by_text("No face was found")).to_have_count(0)


@pytest.mark.parametrize(
    ("brought", "said"),
    [
        (file("x.png", b""), "Save x.png or send it again"),
        (file("x.png", b"no picture"), "Save x.png again as JPEG"),
        (file("x.txt", b"words", "text/plain"), "text/plain files are not allowed"),
        (file("x.heic", b"\0\0\0\x18ftypheic" + bytes(40), "image/heic"), "Save x.heic as JPEG"),
    ],
    ids=["empty", "garbage", "text", "heic"],
)
def test_a_file_that_cannot_be_read(page: Page, brought: FilePayload, said: str) -> None:
    bring(page, brought)
    expect(page.get_by_text(said)).to_be_visible()
    bring(page, file("good.png", png(wall(300))))
    expect(page.get_by_text(MOST)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_file_that_is_too_large(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "x.png"
    large.write_bytes(bytes((LARGEST_MB << 20) + 1))
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(large)
    expect(page.get_by_text(f"File must be {LARGEST_MB}.0MB or smaller")).to_be_visible()


def test_the_camera_waits_for_consent(page: Page) -> None:
    page.get_by_text("Camera", exact=True).click()
    agree = page.get_by_role("button", name="I understand")
    expect(agree).to_be_visible()
    expect(page.get_by_test_id("stCameraInput")).to_have_count(0)
    agree.click()
    expect(page.get_by_test_id("stCameraInput")).to_be_visible()


def test_another_language_keeps_what_was_read(page: Page) -> None:
    page.get_by_text("Sample").click()
    expect(page.get_by_text(MOST)).to_be_visible()
    page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").click()
    page.get_by_text("Español").click()
    expect(page.get_by_text("La mayoría diría: alegría")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.data
def test_a_class_fits_and_its_faces_can_be_chosen(visit: Visit) -> None:
    picture = GALLERIES / "49_mild_0.jpg"
    if not picture.is_file():
        pytest.skip(f"no galleries in {GALLERIES}")
    visit.page.set_viewport_size({"width": 390, "height": 800})
    page = visit.open("/photo")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(picture)
    expect(page.get_by_text(re.compile(r"^(3|4)\d faces"))).to_be_visible()
    last = page.get_by_test_id("stButtonGroup").last.get_by_role("radio").last
    number = int((last.text_content() or "").split()[0])
    last.click()
    expect(page.get_by_text(f"Face {number}", exact=True)).to_be_visible()
    root = "document.scrollingElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
