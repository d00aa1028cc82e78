"""Managed training in folders laid out as the platforms' contracts describe."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from fer.training.cloud.job import FAILED, TAKEN_AWAY, main
from fer.training.recipe import Recipe
from fer.training.run_folder import Run
from fer.vision.classifier import load_classifier
from tests.training.test_trainer import TINY

MADE = {"model.json", "emotion.onnx", "emotion.keras", "metrics.json", "report"}
ROOT = Path(__file__).resolve().parents[3]


def small_recipe(name: str) -> Recipe:
    """Return a small recipe under this name."""
    return replace(TINY, name=name)


class SageMaker:
    """A folder laid out as SageMaker's /opt/ml."""

    def __init__(self, root: Path, faces: Path, channel: str = "training", **told: str) -> None:
        self.root, self.environ = root, {"ML_ROOT": str(root)}
        shutil.copytree(faces, root / "input" / "data" / channel)
        for name in ("model", "output", "input/config"):
            (root / name).mkdir(parents=True)
        self.tell(**told)

    def tell(self, **told: str) -> None:
        (self.root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(told))

    @property
    def failure(self) -> str | None:
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else None

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def train(self) -> int:
        return main(["train"], self.environ, small_recipe)


@pytest.mark.long
def test_sagemaker_gets_a_model_that_the_app_can_use(small_set: Path, tmp_path: Path) -> None:
    job = SageMaker(tmp_path / "ml", small_set, recipe='"mine"', epochs="2", sagemaker_region="x")
    assert job.train() == 0
    model = job.root / "model"
    assert {path.name for path in model.iterdir()} == MADE
    assert load_classifier(model).size == TINY.sizes[-1][1]
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["split"] == "public_test"
    assert (model / "report" / "index.html").exists()
    assert len((model / "report" / "log.csv").read_text().splitlines()) == 1 + 2
    assert json.loads((model / "report" / "config.json").read_text())["recipe"]["name"] == "mine"
    assert job.failure is None


@pytest.mark.long
def test_vertex_ai_gets_the_same_through_its_mounted_bucket(
    small_set: Path, tmp_path: Path
) -> None:
    bucket = tmp_path / "gcs" / "school"
    bucket.mkdir(parents=True)
    with zipfile.ZipFile(bucket / "faces.zip", "w") as archive:
        for path in small_set.iterdir():
            archive.write(path, f"faces/{path.name}")
    environ = {
        "GCS_ROOT": str(tmp_path / "gcs"),
        "AIP_MODEL_DIR": "gs://school/job-1/model/",
        "AIP_CHECKPOINT_DIR": "gs://school/job-1/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": str(bucket / "job-1" / "logs"),
    }
    words = ["--data=gs://school/faces.zip", "--epochs", "2"]
    assert main(words, environ, small_recipe) == 0
    made = bucket / "job-1"
    assert {path.name for path in (made / "model").iterdir()} == MADE
    assert (made / "checkpoints" / "state.npz").exists()
    (events,) = (made / "logs").glob("events.out.tfevents.*")
    log = Run(made / "checkpoints").log()
    assert figures(events)["loss"] == pytest.approx([row["loss"] for row in log])


def figures(events: Path) -> dict[str, list[float]]:
    """Return the figures in a TensorBoard event file."""
    import tensorflow as tf

    drawn: dict[str, list[float]] = {}
    first, *rest = tf.data.TFRecordDataset(str(events)).as_numpy_iterator()
    assert tf.compat.v1.Event.FromString(first).file_version == "brain.Event:2"
    for at, record in enumerate(rest, 1):
        event = tf.compat.v1.Event.FromString(record)
        assert event.step == at
        for value in event.summary.value:
            drawn.setdefault(value.tag, []).append(value.simple_value)
    return drawn


def interrupted(job: SageMaker) -> int:
    """Run a job that gets SIGTERM after its first saved epoch; return its exit status."""

    def interrupt() -> None:
        while not (job.checkpoints / "state.npz").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        return job.train()
    finally:
        interrupter.join()


@pytest.mark.long
def test_a_machine_that_is_taken_away_loses_nothing_finished(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    epochs = 12
    job = SageMaker(tmp_path / "ml", small_set, epochs=str(epochs))
    assert interrupted(job) == TAKEN_AWAY
    assert signal.getsignal(signal.SIGTERM) is before
    assert job.failure is None
    assert [*(job.root / "model").iterdir()] == []
    progress = Run(job.checkpoints).progress()
    assert progress is not None
    done = progress.epochs
    assert 1 <= done < epochs
    job.tell()  # the same job anew needn't be told again; the run knows
    assert job.train() == 0
    assert f"going on after epoch {done}" in capsys.readouterr().err
    assert [row["epoch"] for row in Run(job.checkpoints).log()] == [*range(1, epochs + 1)]
    assert {path.name for path in (job.root / "model").iterdir()} == MADE


@pytest.mark.long
def test_taken_away_after_training_it_is_not_trained_again(small_set: Path, tmp_path: Path) -> None:
    job = SageMaker(tmp_path / "ml", small_set, epochs="1")
    assert job.train() == 0
    for path in (job.root / "model").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    kept = (job.checkpoints / "state.npz").read_bytes()
    assert job.train() == 0
    assert (job.checkpoints / "state.npz").read_bytes() == kept
    assert {path.name for path in (job.root / "model").iterdir()} == MADE


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"epochs": "many"}, "argument --epochs: invalid int value: 'many'"),
        ({"epochs": "0"}, "epochs must be more than 0, not 0"),
        ({"learning-rate": "1"}, "unrecognized arguments: --learning-rate=1"),
        ({"data": "s3://a/b"}, "unrecognized arguments: --data=s3://a/b"),
    ],
)
def test_a_wrong_hyperparameter_is_reported_to_sagemaker(
    told: dict[str, str], says: str, small_set: Path, tmp_path: Path
) -> None:
    job = SageMaker(tmp_path / "ml", small_set, **told)
    assert job.train() == FAILED
    assert job.failure == says


def test_an_unknown_recipe_is_reported(small_set: Path, tmp_path: Path) -> None:
    job = SageMaker(tmp_path / "ml", small_set, recipe="best")
    assert main(["train"], job.environ) == FAILED
    assert "no recipe is called 'best'" in (job.failure or "")


def test_an_unexpected_exception_is_reported_with_its_type(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> Recipe:
        raise ZeroDivisionError("x" * 2000)

    job = SageMaker(tmp_path / "ml", small_set)
    assert main([], job.environ, broken) == FAILED
    assert (job.failure or "").startswith("ZeroDivisionError: xxx")
    assert len(job.failure or "") == 1024  # SageMaker reads no more
    assert "Traceback" in capsys.readouterr().err


def test_data_without_the_channel_is_reported(small_set: Path, tmp_path: Path) -> None:
    job = SageMaker(tmp_path / "ml", small_set, channel="one")
    shutil.copytree(small_set, job.root / "input" / "data" / "two")
    assert job.train() == FAILED
    assert "found one, two" in (job.failure or "")


def test_unreadable_hyperparameters_are_reported(small_set: Path, tmp_path: Path) -> None:
    job = SageMaker(tmp_path / "ml", small_set)
    (job.root / "input" / "config" / "hyperparameters.json").write_text("[1")
    assert job.train() == FAILED
    assert "the hyperparameters cannot be read" in (job.failure or "")


@pytest.mark.parametrize(
    ("environ", "words", "says"),
    [
        ({"AIP_MODEL_DIR": "gs://none/m"}, ["--data", "x"], "gs://none/m: "),
        ({"AIP_MODEL_DIR": "{tmp}/m"}, [], "required: --data"),
        ({"AIP_MODEL_DIR": "{tmp}/m"}, ["--data", "{tmp}/no"], "no such folder"),
        ({}, [], "found neither SageMaker's folder"),
    ],
)
def test_what_cannot_begin_is_one_line(
    environ: dict[str, str],
    words: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environ = {"ML_ROOT": str(tmp_path / "ml"), "GCS_ROOT": str(tmp_path / "gcs")} | environ
    here = str(tmp_path)
    environ = {name: value.replace("{tmp}", here) for name, value in environ.items()}
    assert main([word.replace("{tmp}", here) for word in words], environ, small_recipe) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.long
def test_as_the_container_calls_it(small_set: Path, tmp_path: Path) -> None:
    """The real command with a real recipe, killed once and started again."""
    job = SageMaker(tmp_path / "ml", small_set, epochs="3", batch="16")
    command = [sys.executable, "-m", "fer.training.cloud.job", "train"]
    environ = os.environ | job.environ
    log = tmp_path / "log"
    for attempt in range(2):
        with log.open("a") as lines:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=lines)
            try:
                while attempt == 0 and not (job.checkpoints / "state.npz").exists():
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.05)
                if attempt == 0:
                    process.send_signal(signal.SIGTERM)
                code = process.wait(240)
            finally:
                process.kill()
                process.wait()
        assert code == (TAKEN_AWAY, 0)[attempt], log.read_text()
    assert {path.name for path in (job.root / "model").iterdir()} == MADE
    assert "going on after epoch" in log.read_text()
