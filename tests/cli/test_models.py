import json
from pathlib import Path

import pytest

from fer.cli import main
from fer.vision.detect.files import YUNET


def test_the_files_are_listed_with_their_licence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["models", "list"]) == 0
    output = capsys.readouterr().out
    assert f"{YUNET.name}: not installed" in output
    assert YUNET.licence in output
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[YUNET.name]["usable"] is False


def test_the_list_shows_that_a_file_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / YUNET.name).write_bytes(b"no network")
    assert main(["models", "list", "--to", str(tmp_path)]) == 0
    assert "delete it" in capsys.readouterr().out


def test_an_installed_file_is_not_fetched_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Path(__file__).resolve().parents[3] / "shared" / "detectors" / YUNET.name
    if not shared.is_file():
        pytest.skip("YuNet's file is not here")
    (tmp_path / YUNET.name).write_bytes(shared.read_bytes())
    assert main(["models", "fetch", "--to", str(tmp_path)]) == 0
    assert "is there already" in capsys.readouterr().err
