"""Each page under AppTest: with a network, without one, and with broken files."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer.errors import DataError
from fer.ui.face import crop_of
from tests.tiny_model import write_metrics, write_tiny_model
from tests.ui.pages import open_page, text_of

ROOT = Path(__file__).resolve().parents[2]


def png(height: int = 60, width: int = 80) -> bytes:
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[:, width // 2 :] = 200
    return cv2.imencode(".png", picture)[1].tobytes()


def test_the_app_opens_on_one_face(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    monkeypatch.setenv("FER_MODEL", str(tiny_model))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "One face"


def test_the_app_names_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_RUNTIME", "abacus")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "FER_RUNTIME is 'abacus'" in app.error[0].value


def test_about_tells_what_is_forbidden(tmp_path: Path) -> None:
    page = open_page("about", tmp_path)
    words = text_of(page)
    assert not page.exception
    for said in ("not a feeling", "Article 5(1)(f)", "2 February 2025", "know and agree", "graded"):
        assert said in words


def test_a_face_is_read(tiny_model: Path) -> None:
    page = open_page("face", tiny_model)
    assert "forgotten" in text_of(page)
    page.file_uploader[0].set_value(("a.png", png(), "image/png")).run()
    assert not page.exception
    assert page.subheader[0].value == "🙂 Most people would say: happy"
    assert len(page.get("arrow_vega_lite_chart") or page.get("vega_lite_chart")) == 1


def test_the_sample_is_one_click_away(tiny_model: Path) -> None:
    page = open_page("face", tiny_model)
    page.toggle[0].set_value(True).run()
    assert not page.exception
    assert page.subheader
    assert page.selectbox[0].value == "happy"  # the word that came first


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:60]])
def test_a_file_that_is_no_picture_is_named(tiny_model: Path, data: bytes) -> None:
    page = open_page("face", tiny_model)
    page.file_uploader[0].set_value(("broken.png", data, "image/png")).run()
    assert not page.exception
    assert page.error[0].value.startswith("broken.png: this is not a picture that can be read")


@pytest.mark.parametrize("page", ["face", "model"])
def test_a_missing_network_is_no_crash(tmp_path: Path, page: str) -> None:
    opened = open_page(page, tmp_path)
    assert not opened.exception
    assert not opened.file_uploader
    assert "network" in opened.info[0].value


def test_a_network_that_was_not_measured_tells_how(tmp_path: Path) -> None:
    opened = open_page("model", write_tiny_model(tmp_path / "mine"))
    assert not opened.exception
    assert "not measured yet" in opened.info[0].value
    assert "--write mine/metrics.json" in opened.code[0].value


def test_broken_figures_are_a_clear_error(tmp_path: Path) -> None:
    (write_tiny_model(tmp_path) / "metrics.json").write_text(json.dumps({"split": "x"}))
    opened = open_page("model", tmp_path)
    assert not opened.exception
    assert "metrics.json: no figures of the head crowd" in opened.error[0].value


def test_the_figures_are_told_in_words(tiny_model: Path) -> None:
    opened = open_page("model", tiny_model)
    words = text_of(opened)
    assert not opened.exception
    assert "Of ten faces it calls **fear**, **about five** are; the others are mostly" in words
    assert opened.metric[0].label == "Agreement"
    assert opened.metric[3].value == "69.0%"


def test_a_class_that_never_occurs_breaks_nothing(tmp_path: Path) -> None:
    table = [[10 * (row == column) for column in range(7)] for row in range(7)]
    table[1] = [0] * 7
    opened = open_page("model", write_metrics(write_tiny_model(tmp_path), table))
    assert not opened.exception
    assert "It called no face **disgust**." in text_of(opened)


@pytest.mark.parametrize("shape", [(60, 80), (80, 60), (48, 48), (1, 1), (30, 500)])
def test_a_crop_is_the_middle_square(shape: tuple[int, int]) -> None:
    crop = crop_of(png(*shape), 48)
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    if min(shape) > 1:
        assert crop[:, :20].max() == 40
        assert crop[:, -20:].min() == 200


@pytest.mark.parametrize("mode", ["grey", "alpha", "deep"])
def test_a_crop_takes_any_kind_of_picture(mode: str) -> None:
    made = {
        "grey": np.full((50, 50), 90, np.uint8),
        "alpha": np.dstack([np.full((50, 50, 3), 90), np.full((50, 50), 255)]).astype(np.uint8),
        "deep": np.full((50, 50, 3), 90 * 257, np.uint16),
    }[mode]
    crop = crop_of(cv2.imencode(".png", made)[1].tobytes(), 48)
    assert abs(int(crop.mean()) - 90) <= 1


def test_no_bytes_are_a_clear_error() -> None:
    with pytest.raises(DataError, match="not a picture"):
        crop_of(b"", 48)
