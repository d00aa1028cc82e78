import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import DataError, ModelError
from fer.training.data.dataset import one_hot
from fer.training.data.load import load
from fer.training.evaluate import (
    EvaluationOptions,
    accuracy_without_copies,
    evaluate,
    judge,
    read_faces,
    summary,
    targets_of,
    ten_crops,
    truth_of,
)
from fer.training.export import with_probabilities
from fer.training.metrics import figures, rounded
from fer.training.networks import vgg
from fer.training.onnx_graph import to_onnx
from fer.training.shifts import SHIFTS
from fer.vision.classifier import Crops, Floats, Reading, batch_for
from tests.training.faces import drawings

TOP = (
    "split",
    "n",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "per_class",
    "confusion",
    "roc_auc",
    "kappa",
    "log_loss",
    "ece",
    "ferplus_accuracy",
    "ferplus_n",
    "ferplus_ece",
    "accuracy_without_copies",
    "heads",
    "further",
)


class Brightness:
    """A fake network: a face's mean grey level decides the answer."""

    def __init__(self, size: int = 48) -> None:
        self.size = size
        self.batches: list[Crops] = []

    def read(self, crops: Crops) -> Reading:
        self.batches.append(crops)
        level = crops.mean(axis=(1, 2)) / 255
        said = np.zeros((len(crops), 7), np.float32)
        said[:, 0], said[:, 1] = level, 1 - level
        return Reading({"crowd": said, "fer2013": said[:, ::-1]}, "crowd")


def quiet(_: str) -> None:
    """Log nothing."""


def sure(answers: np.ndarray, share: float = 0.7) -> Floats:
    """Return probabilities with this share for the answers; the other emotions share the rest."""
    rest = (1 - share) / (len(EMOTIONS) - 1)
    return (one_hot(answers) * (share - rest) + rest).astype(np.float32)


def network(file: Path, heads: tuple[str, ...] = ("crowd", "fer2013")) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = vgg(((4,), (8,)), heads=heads, dropout=0.0)
    model.save(file)
    return model


def test_the_top_is_judged_by_labels_and_by_the_majority() -> None:
    data = drawings(70)
    labels = data.labels.copy()
    labels[:7] = (labels[:7] + 1) % 7  # so the labels and the voters differ on a tenth
    data = replace(data, labels=labels)
    assert data.majority is not None
    metrics = judge({"crowd": sure(data.majority), "fer2013": sure(labels, 0.9)}, data)
    assert tuple(metrics) == TOP
    assert (metrics["split"], metrics["n"]) == ("training", 70)
    assert metrics["accuracy"] == metrics["ferplus_accuracy"] == 1.0
    assert metrics["ece"] == pytest.approx(0.1, abs=1e-6)
    assert metrics["ferplus_ece"] == pytest.approx(0.3, abs=1e-6)
    swapped = judge({"crowd": sure(labels), "fer2013": sure(data.majority)}, data)
    assert swapped["accuracy"] == swapped["ferplus_accuracy"] == 0.9


def test_each_head_has_its_own_truth_and_figures() -> None:
    data = drawings(70)
    heads = {"crowd": sure((data.labels + 1) % 7), "fer2013": sure(data.labels)}
    own = judge(heads, data)["heads"]
    assert {head: found["truth"] for head, found in own.items()} == {
        "crowd": "ferplus",
        "fer2013": "fer2013",
    }
    assert (own["crowd"]["accuracy"], own["fer2013"]["accuracy"]) == (0.0, 1.0)
    alone = rounded(figures(heads["fer2013"], data.labels, EMOTIONS))
    assert own["fer2013"] == {"truth": "fer2013", **alone}
    assert len(own["fer2013"]["reliability"]) == 15


def test_faces_without_a_majority_are_left_out() -> None:
    data = drawings(70)
    assert data.votes is not None
    votes = data.votes.copy()
    votes[:10] = 0
    data = replace(data, votes=votes)
    said = data.labels.copy()
    said[:10] = (said[:10] + 1) % 7  # wrong only where nobody can tell
    metrics = judge({"emotion": sure(said)}, data)
    assert (metrics["ferplus_n"], metrics["ferplus_accuracy"]) == (60, 1.0)
    assert metrics["accuracy"] == pytest.approx(60 / 70, abs=1e-6)


def test_without_votes_there_is_nothing_to_say_of_the_crowd() -> None:
    data = replace(drawings(14), votes=None)
    metrics = judge({"crowd": sure(data.labels), "fer2013": sure(data.labels)}, data)
    assert metrics["ferplus_accuracy"] is metrics["ferplus_n"] is metrics["ferplus_ece"] is None
    assert metrics["heads"]["crowd"]["n"] == 0
    assert metrics["heads"]["crowd"]["accuracy"] is None


@pytest.mark.parametrize(
    ("head", "targets", "truth"),
    [
        ("crowd", "both", "ferplus"),
        ("fer2013", "both", "fer2013"),
        ("emotion", "labels", "fer2013"),
        ("emotion", "fusion", "fer2013"),
        ("emotion", "votes", "ferplus"),
    ],
)
def test_the_truth_of_a_head(head: str, targets: str, truth: str) -> None:
    assert truth_of(head, targets) == truth


def test_a_single_head_is_judged_against_both() -> None:
    data = drawings(70)
    metrics = judge({"emotion": sure(data.labels)}, data, targets="votes")
    assert metrics["accuracy"] == metrics["ferplus_accuracy"] == 1.0
    assert metrics["heads"]["emotion"]["truth"] == "ferplus"


def test_heads_that_do_not_answer_labels_are_refused() -> None:
    data = drawings(7)
    with pytest.raises(ModelError, match="left, right"):
        judge({"left": sure(data.labels), "right": sure(data.labels)}, data)


def test_byte_copies_of_training_faces_are_left_out() -> None:
    data, training = drawings(14, seed=1), drawings(14, seed=2)
    faces = training.faces.copy()
    faces[:4] = data.faces[:4]
    said = data.labels.copy()
    said[4:9] = (said[4:9] + 1) % 7  # right on the four copies, wrong on five of the ten others
    found = accuracy_without_copies(sure(said), data, replace(training, faces=faces))
    assert found == pytest.approx(5 / 10)
    assert accuracy_without_copies(sure(said), data, data) is None
    assert accuracy_without_copies(sure(said), data, None) is None


def test_figures_are_short_and_the_same_every_time() -> None:
    data = drawings(30)
    said = np.random.default_rng(0).dirichlet(np.ones(7), 30).astype(np.float32)
    texts = [json.dumps(judge({"emotion": said}, data), allow_nan=False) for _ in range(2)]
    assert texts[0] == texts[1]
    assert json.loads(texts[0], parse_float=lambda n: len(n.partition(".")[2]) <= 6)["ece"]


def test_faces_are_read_in_batches_at_the_size_of_the_network() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (batch_for(48) + 5, 48, 48)).astype(np.uint8)
    fake = Brightness(size=32)
    heads = read_faces(fake, faces, log=quiet)
    assert [batch.shape for batch in fake.batches] == [(batch_for(48), 32, 32), (5, 32, 32)]
    assert heads["crowd"].shape == (batch_for(48) + 5, 7)
    assert heads["crowd"][:, 0] == pytest.approx(faces.mean(axis=(1, 2)) / 255, abs=0.02)


def test_progress_is_logged_only_after_two_seconds() -> None:
    faces = np.zeros((batch_for(48) * 4, 48, 48), np.uint8)

    def told(times: list[float]) -> list[str]:
        ticking: Iterator[float] = iter(times)
        lines: list[str] = []
        read_faces(Brightness(), faces, log=lines.append, clock=lambda: next(ticking))
        return lines

    assert told([0, 0.4, 0.8, 1.2, 1.6]) == []
    assert told([0, 1, 3, 5, 7]) == ["read 512 of 1,024 faces, 3 s left"]


def test_ten_crops_average_five_places_and_their_mirror_images() -> None:
    face = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))[None]
    crops = [*ten_crops(face)]
    assert [crop.shape for crop in crops] == [(1, 48, 48)] * 10
    for crop, mirrored in zip(crops[::2], crops[1::2], strict=True):
        assert (crop[:, :, ::-1] == mirrored).all()
    left, right = crops[0], crops[2]
    assert left.mean() < right.mean()  # the picture grows brighter to the right
    fake = Brightness()
    heads = read_faces(fake, face, tta=True, log=quiet)
    assert len(fake.batches) == 10
    expected = np.mean([Brightness().read(crop).heads["crowd"] for crop in crops], axis=0)
    assert heads["crowd"] == pytest.approx(expected)


@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_run_and_a_keras_file_are_evaluated(form: str, small_set: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    network(run / "best.keras")
    model = run if form == "folder" else run / "best.keras"
    metrics = evaluate(model, small_set, "public_test", log=quiet)
    assert tuple(metrics) == (*TOP, "model", "tta")
    assert metrics["model"] == {"file": "run/best.keras", "runtime": "keras"}
    assert metrics["tta"] is False
    assert (metrics["split"], metrics["n"]) == ("public_test", 70)
    assert metrics["accuracy_without_copies"] == metrics["accuracy"]  # drawings differ by noise
    assert "run/best.keras" in summary(metrics)
    assert f"{metrics['accuracy']:.2%}" in summary(metrics)


def exported(folder: Path, model: keras.Model) -> Path:
    """Write a model folder with both forms of a network, the runtime form in float."""
    folder.mkdir()
    heads = [*model.output]
    exact = with_probabilities(model, dict.fromkeys(heads, 1.0))
    exact.save(folder / "emotion.keras")
    (folder / "emotion.onnx").write_bytes(to_onnx(exact, 48, heads[0]).SerializeToString())
    described = {"size": 48, "emotions": [*EMOTIONS], "heads": heads, "shown": heads[0]}
    (folder / "model.json").write_text(json.dumps(described))
    return folder


def test_a_model_folder_is_read_in_its_runtime_form(small_set: Path, tmp_path: Path) -> None:
    folder = exported(tmp_path / "model", network(tmp_path / "best.keras"))
    quick = evaluate(folder, small_set, "public_test", log=quiet)
    slow = evaluate(folder, small_set, "public_test", EvaluationOptions(runtime="keras"), log=quiet)
    assert quick["model"] == {"file": "model/emotion.onnx", "runtime": "onnx"}
    assert slow["model"] == {"file": "model/emotion.keras", "runtime": "keras"}
    assert quick["log_loss"] == pytest.approx(slow["log_loss"], abs=1e-4)
    assert quick["confusion"] == slow["confusion"]


def test_the_runtime_form_of_a_run_is_its_export(small_set: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    network(run / "best.keras", heads=("emotion",))
    (run / "config.json").write_text('{"recipe": {"targets": "votes"}}')
    with pytest.raises(ModelError, match=r"python -m fer export .*run/export") as missing:
        evaluate(run, small_set, "public_test", EvaluationOptions(runtime="onnx"), log=quiet)
    assert "\n" not in str(missing.value)
    exported(run / "export", network(tmp_path / "other.keras", heads=("emotion",)))
    for model, runtime in ((run, "onnx"), (run / "export", None)):
        metrics = evaluate(
            model, small_set, "public_test", EvaluationOptions(runtime=runtime), log=quiet
        )
        assert metrics["model"] == {"file": "run/export/emotion.onnx", "runtime": "onnx"}
        assert metrics["heads"]["emotion"]["truth"] == "ferplus"  # as the run was taught


def test_the_training_split_is_not_compared_with_itself(small_set: Path, tmp_path: Path) -> None:
    network(tmp_path / "some.keras", heads=("emotion",))
    metrics = evaluate(tmp_path / "some.keras", small_set, "training", log=quiet)
    assert metrics["accuracy_without_copies"] is None
    assert [*metrics["heads"]] == ["emotion"]


def test_a_report_is_written_where_asked(small_set: Path, tmp_path: Path) -> None:
    network(tmp_path / "some.keras")
    said: list[str] = []
    report = tmp_path / "new" / "report"
    evaluate(
        tmp_path / "some.keras",
        small_set,
        "public_test",
        EvaluationOptions(report=report),
        log=said.append,
    )
    assert (report / "index.html").exists()
    assert any("index.html" in line for line in said)


def test_what_cannot_be_evaluated_is_one_clear_line(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="private_test") as missing:
        evaluate(tmp_path, small_set, "private_test", log=quiet)
    assert "\n" not in str(missing.value)
    with pytest.raises(ModelError, match="no model here"):
        evaluate(tmp_path, small_set, "public_test", log=quiet)
    with pytest.raises(ModelError, match=r"model\.json"):
        evaluate(tmp_path, small_set, "public_test", EvaluationOptions(runtime="onnx"), log=quiet)
    (tmp_path / "best.keras").write_text("no model")
    with pytest.raises(ModelError, match=r"best\.keras"):
        evaluate(tmp_path, small_set, "public_test", log=quiet)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"recipe": null}', '{"recipe": {"targets": "votes"}}']
)
def test_a_config_without_targets_means_labels(text: str, tmp_path: Path) -> None:
    assert targets_of(tmp_path / "best.keras") == "labels"
    (tmp_path / "config.json").write_text(text)
    assert targets_of(tmp_path / "best.keras") == ("votes" if "votes" in text else "labels")


@pytest.mark.data
def test_public_test_holds_copies_of_training_faces(fer2013: Path) -> None:
    public, training = load(fer2013, "public_test"), load(fer2013, "training")
    copies = np.isin(np.array(public.digests), np.array(training.digests))
    # Right exactly where no copy is: leaving the copies out leaves no mistake.
    said = np.where(copies, (public.labels + 1) % 7, public.labels)
    metrics = judge({"emotion": sure(said)}, public, training=training)
    assert metrics["accuracy_without_copies"] == 1.0
    assert metrics["accuracy"] == pytest.approx(1 - copies.mean(), abs=1e-6)
    assert 0 < copies.mean() < 0.15
    assert metrics["ferplus_n"] == (public.majority >= 0).sum()


def test_shifts_are_measured_for_each_head(small_set: Path, tmp_path: Path) -> None:
    network(tmp_path / "some.keras")
    report = tmp_path / "report"
    metrics = evaluate(
        tmp_path / "some.keras",
        small_set,
        "public_test",
        EvaluationOptions(shifts=True, report=report),
        log=quiet,
    )
    assert [*metrics["shifts"]] == [*SHIFTS]
    for head in ("crowd", "fer2013"):
        same = metrics["shifts"]["none"][head]
        assert same == {name: metrics["heads"][head][name] for name in same}
        assert {*same} == {"n", "accuracy", "balanced_accuracy", "ece"}
    assert "small 16" in summary(metrics)
    assert "JPEG at quality 20" in (report / "index.html").read_text()


def test_recall_has_an_interval_for_both_labelings() -> None:
    data = drawings(70)
    own = judge({"crowd": sure(data.labels), "fer2013": sure(data.labels)}, data)["heads"]
    for head in own.values():
        for row in head["per_class"].values():
            low, high = row["recall_interval"]
            assert low < row["recall"] <= high == 1.0
