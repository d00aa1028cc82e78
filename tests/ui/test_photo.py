"""The page "Photo" under AppTest: empty, sample, results, no face, faults, no network."""

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from fer.emotions import EMOTIONS
from fer.ui.photo import LARGEST_MB
from fer.ui.text import LANGUAGES, load_texts
from fer.vision.analyzer import Analyzer
from fer.vision.classifier import Crops, Reading
from fer.vision.media.pictures import DecodeLimits
from tests.tiny_model import SHARES
from tests.ui.pages import open_photo, text_of
from tests.vision.fakes import Squares, picture

MOST_SAID = max(SHARES, key=SHARES.__getitem__)
TWO = [(40, 60, 60), (200, 60, 60)]


def png(*squares: tuple[int, int, int]) -> bytes:
    """Return a PNG in which `Squares` finds a face at each of these places."""
    return cv2.imencode(".png", picture(*squares))[1].tobytes()


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
    assert not page.exception
    return page


def choose(page: AppTest, source: str) -> AppTest:
    page.button_group(key="photo_source").set_value(source).run()
    assert not page.exception
    return page


def charts(page: AppTest) -> int:
    return len(page.get("arrow_vega_lite_chart") or page.get("vega_lite_chart"))


@pytest.fixture
def detector() -> Squares:
    return Squares()


@pytest.fixture
def page(tiny_model: Path, detector: Squares) -> AppTest:
    opened = open_photo(Analyzer(tiny_model, detector=detector))
    assert not opened.exception
    return opened


def test_an_empty_page_tells_what_becomes_of_pictures(page: AppTest) -> None:
    assert "forgotten" in text_of(page)
    assert page.file_uploader[0].accept_multiple_files
    assert not page.download_button


def test_the_sample_is_one_click_away(page: AppTest) -> None:
    choose(page, "sample")
    assert page.subheader[0].value.endswith(MOST_SAID)


def test_one_face(page: AppTest) -> None:
    upload(page, ("a.png", png(TWO[0])))
    assert page.subheader[0].value.endswith(f"Most people would say: {MOST_SAID}")
    assert charts(page) == 1
    assert len(page.get("image")) == 3  # the picture, the crop and where it looked
    assert page.selectbox[0].value == EMOTIONS.index(MOST_SAID)
    assert len(page.download_button) == 3


def test_another_face_of_several_is_not_looked_for_again(page: AppTest, detector: Squares) -> None:
    upload(page, ("a.png", png(*TWO)))
    looked = len(detector.asked)
    assert looked == 1
    assert "**2 faces**" in text_of(page)
    assert "Face 1" in page.get("image")[0].captions + page.get("image")[1].captions
    page.button_group[1].set_value(1).run()
    assert not page.exception
    assert "Face 2" in page.get("image")[0].captions + page.get("image")[1].captions
    assert len(detector.asked) == looked


def test_several_pictures_of_which_one_is_bad(page: AppTest, detector: Squares) -> None:
    upload(page, ("a.png", png(TWO[0])), ("bad.png", b"nothing"), ("b.png", png(*TWO)))
    assert ["bad.png" in error.value for error in page.error] == [True]
    assert page.selectbox[0].options == ["a.png · 1 face", "b.png · 2 faces"]
    page.selectbox[0].set_value(1).run()
    assert "**2 faces**" in text_of(page)
    assert len(detector.asked) == 2


def test_pictures_that_are_gone_are_forgotten(page: AppTest) -> None:
    upload(page, ("a.png", png(TWO[0])), ("b.png", png(*TWO)))
    assert len(page.session_state["photo_kept"]) == 2
    page.file_uploader[0].set_value(None).run()
    assert not page.session_state["photo_kept"]


def test_no_face_tells_what_to_try_and_takes_the_whole_picture(page: AppTest) -> None:
    upload(page, ("wall.png", png()))
    assert "No face was found in `wall.png`" in page.info[0].value
    assert not charts(page)
    assert not page.download_button
    page.button[0].click().run()
    assert not page.exception
    assert not page.info
    assert page.subheader[0].value.endswith(MOST_SAID)
    assert "read as one face" in text_of(page)
    assert len(page.download_button) == 3


def heic() -> bytes:
    return b"\x00\x00\x00\x18ftypheic" + bytes(40)


def many_pixels() -> bytes:
    side = int(DecodeLimits().pixels ** 0.5) + 10
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Save `x.png` or send it again: it is empty"),
        (b"no picture", "Save `x.png` again as JPEG"),
        (png(TWO[0])[:200], "or it is damaged"),
        (heic(), "HEIC"),
        (many_pixels(), f"more than {DecodeLimits().pixels / 1e6:.0f} megapixels"),
        (bytes(2 * LARGEST_MB * 10**6), f"`x.png` smaller first: it has {2 * LARGEST_MB}.0 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(page: AppTest, data: bytes, said: str) -> None:
    upload(page, ("x.png", data))
    assert said in page.error[0].value
    assert not page.get("image")
    assert charts(upload(page, ("good.png", png(TWO[0])))) == 1
    assert not page.error


def test_a_missing_network_is_no_crash(tmp_path: Path) -> None:
    opened = open_photo(Analyzer(tmp_path, detector=Squares()))
    assert not opened.exception
    assert not opened.file_uploader
    assert "network" in opened.info[0].value
    assert str(tmp_path) in text_of(opened)


def test_blurred_faces_are_shown_nowhere(page: AppTest) -> None:
    upload(page, ("a.png", png(TWO[0])))
    page.toggle(key="photo_blur").set_value(True).run()
    assert not page.exception
    assert len(page.get("image")) == 1
    assert charts(page) == 1


def test_a_camera_only_after_consent(page: AppTest) -> None:
    choose(page, "camera")
    assert not page.get("camera_input")
    page.button[0].click().run()
    shot = cv2.imencode(".jpg", picture(TWO[0]))[1].tobytes()
    page.camera_input[0].set_value(("shot.jpg", shot, "image/jpeg")).run()
    assert not page.exception
    assert page.subheader[0].value.endswith(MOST_SAID)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_tells_it_all(tiny_model: Path, language: str) -> None:
    page = open_photo(Analyzer(tiny_model, detector=Squares()), language)
    said = load_texts(language)
    assert page.title[0].value == said["photo.title"]
    upload(page, ("bad.png", b"nothing"), ("wall.png", png()))
    assert page.error[0].value == said["photo.fault.unreadable"].format(name="bad.png")
    assert page.info[0].value == said["photo.nobody.text"].format(name="wall.png")
    upload(page, ("a.png", png(*TWO)))
    assert page.subheader[0].value.endswith(
        said["photo.face.most"].format(word=said[f"emotion.{MOST_SAID}"])
    )


@dataclass
class Torn:
    """A network with a low top share and no attention map."""

    size: int = 48

    def read(self, crops: Crops) -> Reading:
        shares = np.full((len(crops), len(EMOTIONS)), 0.1, np.float32)
        shares[:, EMOTIONS.index("sad")] = 0.4
        return Reading({"crowd": shares}, "crowd")


def test_a_guess_is_called_one() -> None:
    page = open_photo(Analyzer(detector=Squares(), classifier=Torn()))
    upload(page, ("a.png", png(*TWO)))
    assert page.subheader[0].value.endswith("the most likely word: sad")
    assert all(option.endswith("?") for option in page.button_group[1].options)
    assert len(page.get("image")) == 3  # the picture, the face, the crop; no map


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (4000, 3), (3000, 3000)])
def test_any_size_is_shown(page: AppTest, size: tuple[int, int]) -> None:
    upload(page, ("x.png", cv2.imencode(".png", np.zeros((*size, 3), np.uint8))[1].tobytes()))
    assert page.info
    assert len(page.get("image")) == 1
