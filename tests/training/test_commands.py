"""The commands of training that other tests do not call."""

import json
import zipfile
from pathlib import Path

import pytest

from fer.cli import main
from fer.training.recipes import PUBLISHED, RECIPES


def test_recipes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert [*rows] == [*RECIPES]
    for name, row in rows.items():
        assert {"name", "parameters", "input", "published"} <= row.keys()
        size = RECIPES[name].sizes[-1][1]
        assert row["input"] == [size, size, RECIPES[name].channels]
        assert row["parameters"] == PUBLISHED[name].parameters
    assert rows["mobilenet-v2-224"]["input"] == [224, 224, 3]
    assert rows["sequential-48"]["published"]["accuracy"] == 0.516
    assert rows["ours"]["published"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "--recipe", "ours", "--weights", "none"], "begins without weights anyway"),
        (["train", "--seed", "-1"], f"seed must be from 0 to {2**32 - 1}, not -1"),
        (["train", "--seed", str(2**32)], f"seed must be from 0 to {2**32 - 1}, not {2**32}"),
        (["compare", "--recipes", "best"], "no recipe is called 'best'"),
        (["compare", "--minutes", "0"], "--minutes must be more than 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    words: list[str],
    says: str,
    small_set: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*words, "--data", str(small_set), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert says in line


@pytest.mark.parametrize("address", ["ftp://host.example/a", "s3://"])
def test_a_bad_address_is_one_line(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", address]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"fer: {address}: --data takes a folder")


def test_a_zip_with_a_path_outside_its_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../evil", "x")
    assert main(["evaluate", "--data", str(tmp_path / "slip.zip")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "points outside its folder" in line
    assert not [*tmp_path.rglob("evil")]


@pytest.mark.slow
def test_a_recipe_compared_by_the_command_line(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--recipes", "sequential-48", "--minutes", "0.02", "--runs", str(tmp_path), "--json"]
    assert main(["compare", "--data", str(small_set), *words]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["cut_short"]
    assert row["cpu_ms_1"] > 0
    assert row["cpu_ms_50"] > 0
    assert (tmp_path / "compare" / "index.html").exists()
