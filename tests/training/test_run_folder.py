import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer.errors import ModelError
from fer.training.run_folder import Run, RunState


def state(epoch: int) -> RunState:
    arrays = [np.full((2, 3), epoch, np.float32), np.arange(4.0)]
    return RunState(epoch, 12.5, arrays, [np.array(epoch), *arrays], arrays)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.load_state() is None
    run.save_state(state(3))
    kept = run.load_state()
    assert kept is not None
    assert (kept.epoch, kept.seconds) == (3, 12.5)
    for name in ("weights", "optimizer", "average"):
        for mine, theirs in zip(getattr(state(3), name), getattr(kept, name), strict=True):
            assert np.array_equal(mine, theirs)


def test_more_than_ten_arrays_keep_their_order(tmp_path: Path) -> None:
    many = [np.array(float(i)) for i in range(25)]
    Run(tmp_path).save_state(RunState(1, 0, many, many, many))
    kept = Run(tmp_path).load_state()
    assert kept is not None
    assert [float(value) for value in kept.weights] == [*range(25)]


def test_text_is_utf_8_whatever_the_machine_writes(tmp_path: Path) -> None:
    """Every page declares it."""
    program = (
        "from pathlib import Path; from fer.training.reports.comparison import write_page; "
        "write_page(Path('page.html'), {'rows': [], 'missing': ['caf\\u00e9'], 'minutes': 1})"
    )
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    bare["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", program]
    subprocess.run(command, env=os.environ | bare, cwd=tmp_path, check=True)
    page = (tmp_path / "page.html").read_bytes().decode("utf-8")
    assert "caf\u00e9" in page


def test_the_log_keeps_empty_figures_apart_from_zero(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.log() == []
    rows = [{"epoch": 1.0, "val_loss": None}, {"epoch": 2.0, "val_loss": 0.0}]
    run.write_log(rows)
    assert run.log() == rows


def test_a_rewritten_log_stays_the_same(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_log([{"epoch": 9, "size": 48, "rate": 1e-05, "val_loss": None, "loss": 1.0}])
    before = run.log_file.read_text()
    run.write_log(run.log())
    assert run.log_file.read_text() == before


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04 cut off"])
def test_a_broken_state_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    run = Run(tmp_path)
    run.state_file.write_bytes(content)
    with pytest.raises(ModelError, match=r"state\.npz: not a training state"):
        run.load_state()


def test_a_folder_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json: no run to read here"):
        Run(tmp_path / "nothing").config()


def test_progress_is_read_without_the_weights(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.progress() is None
    run.save_state(state(3))
    assert run.progress() == (3, 12.5)
    run.state_file.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ModelError, match="not a training state"):
        run.progress()
