"""Each page under AppTest: with a network, without one, and with broken files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fer.ui.text import LANGUAGES, load_texts
from tests.tiny_model import write_metrics, write_tiny_model
from tests.ui.pages import open_page, text_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_app_opens_on_the_live_page(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    monkeypatch.setenv("FER_MODEL", str(tiny_model))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "Live"


@pytest.mark.slow
def test_webrtc_can_be_loaded_after_tensorflow(tmp_path: Path) -> None:
    """The server loads the network first, and a page the WebRTC widget later."""
    code = "import app, tensorflow, fer.ui.live.webrtc"
    environ = {"FER_RUNTIME": "keras", "FER_DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


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


def test_a_missing_network_is_no_crash(tmp_path: Path) -> None:
    opened = open_page("model", tmp_path)
    assert not opened.exception
    assert "network" in opened.info[0].value


def test_a_network_that_was_not_measured_tells_how(tmp_path: Path) -> None:
    opened = open_page("model", write_tiny_model(tmp_path / "mine"))
    assert not opened.exception
    assert "not measured yet" in opened.info[0].value
    assert "--model $FER_MODEL --write $FER_MODEL/metrics.json" in opened.code[0].value


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


def test_bounds_and_worse_pictures_stand_in_tables(tiny_model: Path) -> None:
    words = text_of(open_page("model", tiny_model))
    low, high = 0.9 * 70 / 193, 70 / 193  # of fear, in the tiny model's confusion
    assert f"fear | {high:.1%} | {low:.1%} – {high:.1%} |" in words
    assert "| only 16 pixels wide | 61.8% | 40.2% | 4.7% |" in words


def test_without_shifts_the_page_leaves_that_part_out(tmp_path: Path) -> None:
    folder = write_metrics(write_tiny_model(tmp_path))
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["shifts"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    opened = open_page("model", folder)
    assert not opened.exception
    assert "worse pictures" not in text_of(opened)
    assert load_texts("en")["model.shift.title"] not in [header.value for header in opened.header]


def test_a_class_that_never_occurs_breaks_nothing(tmp_path: Path) -> None:
    table = [[10 * (row == column) for column in range(7)] for row in range(7)]
    table[1] = [0] * 7
    opened = open_page("model", write_metrics(write_tiny_model(tmp_path), table))
    assert not opened.exception
    assert "It called no face **disgust**." in text_of(opened)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["about", "model"])
def test_every_language_has_the_whole_page(tiny_model: Path, name: str, language: str) -> None:
    opened = open_page(name, tiny_model, language)
    assert not opened.exception
    assert opened.title[0].value == load_texts(language)[f"{name}.title"]
    assert "{" not in text_of(opened)
