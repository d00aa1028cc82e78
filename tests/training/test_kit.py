from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer.errors import DataError, UsageError
from fer.training.data.load import load
from fer.training.kit import main, pack
from tests.training.faces import drawings
from tests.training.forms import write_table


def test_a_kit_holds_the_faces_the_package_and_a_script(small_set: Path, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    size = pack(small_set, kit)
    assert size == sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    for split in ("training", "public_test"):
        before, after = load(small_set, split), load(kit / "data", split)
        assert np.array_equal(after.faces, before.faces)
        assert np.array_equal(after.labels, before.labels)
        assert np.array_equal(after.votes, before.votes)
    assert (kit / "fer" / "training" / "reports" / "templates" / "page.html").exists()
    assert not [*kit.rglob("__pycache__"), *kit.rglob("node_modules")]
    assert (kit / "run.sh").stat().st_mode & stat.S_IXUSR


def test_a_table_is_packed_as_sheets_without_loss(tmp_path: Path) -> None:
    parts = [drawings(150), drawings(30, 1, "public_test")]
    write_table(tmp_path / "table", parts)
    pack(tmp_path / "table", tmp_path / "kit")
    packed = load(tmp_path / "kit" / "data", "training")
    assert np.array_equal(packed.faces, parts[0].faces)
    assert packed.votes is None


def test_wheels_travel_with_the_kit(small_set: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with pytest.raises(DataError, match="no wheels in it"):
        pack(small_set, tmp_path / "kit", wheels)
    (wheels / "a-1-py3-none-any.whl").write_bytes(b"a wheel")
    pack(small_set, tmp_path / "kit", wheels)
    assert [path.name for path in (tmp_path / "kit" / "wheels").iterdir()] == [
        "a-1-py3-none-any.whl"
    ]


def test_a_kit_that_is_too_large_is_refused_and_not_left_behind(
    small_set: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="leave out wheels"):
        pack(small_set, tmp_path / "kit", most=1000)
    assert not (tmp_path / "kit").exists()


def test_an_older_kit_is_not_overwritten(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="exists already"):
        pack(small_set, tmp_path)
    assert main(["--data", str(small_set), "--out", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_the_script_trains_and_goes_on_without_pyav(small_set: Path, tmp_path: Path) -> None:
    """Training works without packages that only the app needs: importing av fails here."""
    pack(small_set, tmp_path / "kit")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "av.py").write_text("raise ImportError('av is not here')")
    environ = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(tmp_path / "site")}
    script = (tmp_path / "kit" / "run.sh").read_text().replace("KERAS_BACKEND=torch ", "")
    (tmp_path / "kit" / "run.sh").write_text(script)  # torch is not among the tests' needs
    for epochs in ("1", "2"):
        command = [tmp_path / "kit" / "run.sh", "--out", tmp_path / "run", "--epochs", epochs]
        done = subprocess.run(
            [*command, "--batch", "64"], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "going on after epoch 1" in done.stderr
