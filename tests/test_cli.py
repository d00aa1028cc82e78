import json
import subprocess
import sys
from pathlib import Path

import pytest

from fer.cli import fold, main, parser
from fer.settings import Settings
from tests.training.faces import write_set

ROOT = Path(__file__).resolve().parent.parent


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--data", "{tmp}/none", "--out", "{tmp}/run"], "none: no such folder"),
        (
            ["train", "--data", "{tmp}", "--out", "{tmp}/run", "--recipe", "x"],
            "no recipe is called",
        ),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--epochs", "0"], "more than 0"),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--minutes", "-1"], "more than 0"),
        (["evaluate", "--data", "{tmp}/none"], "none: no such folder"),
        (["evaluate", "--data", "{tmp}"], "no data set in it"),
        (["calibrate", "--data", "{tmp}", "--model", "{tmp}/none"], "no run to read here"),
        (
            ["export", "--data", "{tmp}", "--model", "{tmp}/none", "--out", "{tmp}/m"],
            "no model here",
        ),
        (["explore", "--data", "{tmp}/none", "--out", "{tmp}/page"], "none"),
    ],
)
def test_an_error_is_one_line_and_status_2(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.replace("{tmp}", str(tmp_path)) for word in words]) == 2
    lines = lines_of(capsys)
    assert len(lines) == 1
    assert lines[0].startswith("fer: ")
    assert message in lines[0]


@pytest.mark.parametrize("content", ["no model", "PK\x03\x04"])
def test_a_damaged_model_file_is_one_line(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "emotion.keras"
    model.write_text(content)
    data = write_set(tmp_path / "set", 14, 7)
    assert main(["evaluate", "--data", str(data), "--model", str(model)]) == 2
    (line,) = lines_of(capsys)
    assert "emotion.keras: not a Keras model that can be loaded" in line


@pytest.mark.parametrize("text", ["2", "0/5", "6/5", "1/1", "a/b", "1/"])
def test_a_wrong_fold_is_refused(text: str) -> None:
    with pytest.raises(SystemExit) as fault:
        parser(Settings()).parse_args(["train", "--data", "x", "--out", "y", "--fold", text])
    assert fault.value.code == 2


def test_a_fold_is_read() -> None:
    assert fold("2/5") == (2, 5)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("serve", "doctor", "bench", "recipes")
    for name in (*names, "explore", "train", "evaluate", "calibrate", "export"):
        with pytest.raises(SystemExit) as fault:
            main([name, "--help"])
        assert fault.value.code == 0
        assert f"usage: fer {name}" in capsys.readouterr().out


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    assert capsys.readouterr().out.startswith("ours ")


@pytest.mark.slow
def test_from_data_to_model_as_in_the_readme(tmp_path: Path) -> None:
    """Train, calibrate, export and evaluate by the command line, on drawings."""
    data = str(write_set(tmp_path / "set", 280, 140))
    run, model = str(tmp_path / "run"), str(tmp_path / "model")

    def fer(*words: str) -> str:
        command = [sys.executable, "-m", "fer", *words, "--data", data]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert fer("train", "--out", run, "--epochs", "2").strip() == run
    assert set(json.loads(fer("calibrate", "--model", run))) == {"crowd", "fer2013"}
    described = json.loads(fer("export", "--model", run, "--out", model))
    assert described["shown"] == "crowd"
    page = tmp_path / "report"
    metrics = json.loads(fer("evaluate", "--model", model, "--json", "--report", str(page)))
    assert metrics["split"] == "public_test"
    assert metrics["n"] == 140
    assert metrics["accuracy_without_copies"] is not None
    assert (page / "index.html").exists()
