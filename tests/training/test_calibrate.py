import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from fer.errors import ModelError, UsageError
from fer.training.calibrate import (
    COLDEST,
    HOTTEST,
    best_temperature,
    calibrate,
    fit,
    held_out,
    lifts_for,
)
from fer.training.data.batches import COMMON
from fer.training.data.dataset import fold, half, hold_out, joined
from fer.training.data.load import load
from fer.training.metrics import log_loss
from fer.training.networks import vgg
from fer.training.recipes import RECIPES
from fer.vision.classifier import Floats, KerasClassifier, softmax
from tests.training.faces import drawings

SHARE = 0.3


def quiet(_: str) -> None:
    """Log nothing."""


def calibrated(count: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Return logits, and truths drawn from their probabilities: the temperature is 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 7)).astype(np.float32)
    edges = softmax(logits).cumsum(axis=1)
    return logits, (rng.random(count)[:, None] > edges).sum(axis=1).clip(max=6)


def run_folder(folder: Path, share: float = SHARE, **more: object) -> Path:
    """Write a run folder of a network that was not trained."""
    folder.mkdir()
    vgg(((4,), (8,)), heads=("crowd", "fer2013"), dropout=0.0).save(folder / "best.keras")
    config = {"recipe": asdict(replace(RECIPES["ours"], hold_out=share)), "clean": None, **more}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0, 9.0])
def test_a_known_temperature_is_found_again(factor: float) -> None:
    logits, truth = calibrated(4000, 0)
    honest = best_temperature(logits, truth)
    assert honest == pytest.approx(1, abs=0.06)  # the draw of the truths leaves that much
    assert best_temperature(logits * factor, truth) == pytest.approx(honest * factor, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_temperature_has_a_lower_log_loss(seed: int) -> None:
    logits, truth = calibrated(300, seed)
    logits = logits * (1 + seed)
    found = best_temperature(logits, truth)
    least = log_loss(softmax(logits / found), truth)
    for other in np.geomspace(COLDEST, HOTTEST, 200):
        assert least <= log_loss(softmax(logits / other), truth) + 1e-6


def test_a_huge_logit_breaks_nothing() -> None:
    logits = np.array([[1e4, 0, 0], [0, 1e4, 0], [0, 0, 1e4]], np.float32)
    assert np.isfinite(best_temperature(logits, np.array([0, 1, 0])))


def test_the_ends_of_the_range_are_kept() -> None:
    logits = np.eye(3, dtype=np.float32) * 4
    assert best_temperature(logits, np.arange(3)) == COLDEST  # right on every face
    assert best_temperature(logits, (np.arange(3) + 1) % 3) == HOTTEST  # wrong on every face


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ModelError, match="cannot be calibrated"):
        best_temperature(np.full((2, 7), np.nan, np.float32), np.array([0, 1]))
    with pytest.raises(ValueError, match="3 answers for 2 faces"):
        best_temperature(np.zeros((3, 7), np.float32), np.array([0, 1]))


def test_each_head_is_fitted_to_its_own_truth() -> None:
    data = drawings(700)
    assert data.votes is not None
    labels = data.labels.copy()
    labels[::4] = (labels[::4] + 2) % 7  # the labels are wrong more often than the crowd
    data = replace(data, labels=labels)
    logits = np.eye(7, dtype=np.float32)[data.majority] * 3
    logits[::10] = logits[::10, ::-1]
    found = fit({"crowd": logits, "fer2013": logits}, data, targets="both", log=quiet)
    assert found["crowd"] == round(best_temperature(logits, data.majority), 6)
    assert found["fer2013"] == round(best_temperature(logits, labels), 6)
    assert found["crowd"] < found["fer2013"]
    votes = fit({"emotion": logits}, data, targets="votes", log=quiet)
    assert votes == {"emotion": found["crowd"]}
    fusion = fit({"emotion": logits}, data, targets="fusion", log=quiet)
    assert fusion == {"emotion": found["fer2013"]}


def test_faces_without_a_majority_are_not_asked_of_the_crowd() -> None:
    data = drawings(140)
    assert data.votes is not None
    votes = data.votes.copy()
    votes[:70] = 0
    logits = calibrated(140, 2)[0]
    found = fit({"crowd": logits}, replace(data, votes=votes), targets="both", log=quiet)
    assert found["crowd"] == round(best_temperature(logits[70:], data.majority[70:]), 6)


def test_a_crowd_without_votes_is_refused() -> None:
    data = replace(drawings(14), votes=None)
    with pytest.raises(UsageError, match="has no votes"):
        fit({"crowd": calibrated(14, 0)[0]}, data, targets="both", log=quiet)


def test_the_calibration_error_is_logged_before_and_after() -> None:
    logits, truth = calibrated(2000, 3)
    data = replace(drawings(2000), labels=truth)
    said: list[str] = []
    fit({"fer2013": logits * 4}, data, targets="both", log=said.append)
    (line,) = said
    before, after = (float(line.split(word)[0].split()[-1]) for word in (" before", " after"))
    assert before > 5 * after
    assert "2,000 faces that it did not learn from" in line


def test_a_run_is_calibrated_on_the_faces_it_kept_out(small_set: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run")
    raw = KerasClassifier(run)
    found = calibrate(run, small_set, log=quiet)
    assert json.loads((run / "temperature.json").read_text()) == found
    assert [*found] == ["crowd", "fer2013"]
    _, held = hold_out(load(small_set, "training"), SHARE)
    assert 0 < len(held) < 140
    assert found == fit(raw.logits(held.faces), held, targets="both", log=quiet)
    cooled = KerasClassifier(run)
    assert cooled.temperatures == found
    before, after = raw.read(held.faces).heads, cooled.read(held.faces).heads
    for head in before:
        assert (before[head].argmax(axis=1) == after[head].argmax(axis=1)).all()
    assert calibrate(run, small_set, log=quiet) == found  # a second time changes nothing


def test_rare_expressions_are_lifted_by_their_share_and_common_ones_are_not() -> None:
    labels = np.where(np.arange(1000) % 50 == 0, 1, np.arange(1000) % 2 * 3)
    data = replace(drawings(1000), labels=labels)
    lifts = lifts_for({"fer2013": 0.5}, data, "both")
    assert lifts["fer2013"][1] == pytest.approx(0.5 * np.log(COMMON / 0.02), abs=1e-5)
    assert lifts["fer2013"][0] == lifts["fer2013"][3] == 0
    assert lifts_for({}, data, "both") == {}
    with pytest.raises(UsageError, match="has no votes"):
        lifts_for({"crowd": 0.5}, replace(data, votes=None), "both")


def test_a_lifted_run_answers_the_rare_expression_more_often(
    small_set: Path, tmp_path: Path
) -> None:
    plain, lifted = run_folder(tmp_path / "plain"), run_folder(tmp_path / "lifted")
    config = json.loads((lifted / "config.json").read_text())
    config["recipe"]["lift"] = {"crowd": 2.0}
    (lifted / "config.json").write_text(json.dumps(config))
    (lifted / "best.keras").write_bytes((plain / "best.keras").read_bytes())
    calibrate(plain, small_set, log=quiet)
    calibrate(lifted, small_set, log=quiet)
    faces = load(small_set, "public_test").faces
    before, after = KerasClassifier(plain).logits(faces), KerasClassifier(lifted).logits(faces)
    raised = json.loads((lifted / "lift.json").read_text())["crowd"]
    assert np.allclose(after["crowd"], before["crowd"] + np.array(raised), atol=1e-5)
    assert np.array_equal(after["fer2013"], before["fer2013"])
    assert json.loads((plain / "lift.json").read_text()) == {}


def test_half_of_public_test_is_read_only_where_the_recipe_says_so(
    small_set: Path, tmp_path: Path
) -> None:
    run = run_folder(tmp_path / "run")
    alone: list[str] = []
    calibrate(run, small_set, log=alone.append)
    config = json.loads((run / "config.json").read_text())
    config["recipe"]["public_half"] = True
    (run / "config.json").write_text(json.dumps(config))
    said: list[str] = []
    both = calibrate(run, small_set, log=said.append)
    _, held = hold_out(load(small_set, "training"), SHARE)
    first, second = half(load(small_set, "public_test"))
    assert all(f"on {len(held)} faces" in line for line in alone[:1])
    assert f"on {len(held) + len(first)} faces" in said[0]
    assert 0 < len(first) < len(first) + len(second) == 70
    network = KerasClassifier(run)
    assert both == fit(
        network.logits(np.concatenate([held.faces, first.faces])),
        joined(held, first),
        targets="both",
        log=quiet,
    )


def test_a_fold_is_kept_out_of_the_slice_as_it_was_of_training(small_set: Path) -> None:
    training = load(small_set, "training")
    inside, _ = fold(training, 2, 5)
    _, expected = hold_out(inside, SHARE)
    config = {"recipe": {"hold_out": SHARE}, "fold": [2, 5]}
    assert held_out(config, Path("run"), small_set).digests == expected.digests


def test_a_run_that_kept_nothing_out_is_refused(small_set: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", share=0.0)
    with pytest.raises(UsageError, match="trained on every face") as refused:
        calibrate(run, small_set, log=quiet)
    assert "\n" not in str(refused.value)
    assert not (run / "temperature.json").exists()
    with pytest.raises(UsageError, match="held out no face"):
        held_out({"recipe": {"hold_out": 1e-9}}, run, small_set)


def test_other_data_than_the_run_learned_from_is_refused(small_set: Path, tmp_path: Path) -> None:
    _, held = hold_out(load(small_set, "training"), SHARE)
    same = run_folder(tmp_path / "same", faces={"held_out": len(held)})
    assert calibrate(same, small_set, log=quiet)
    other = run_folder(tmp_path / "other", faces={"held_out": len(held) + 1})
    with pytest.raises(UsageError, match="not the data of"):
        calibrate(other, small_set, log=quiet)


@pytest.mark.parametrize(
    "text", [None, "{", "{}", '{"recipe": {}}', '{"recipe": {"hold_out": "a"}}']
)
def test_a_folder_that_is_no_run_is_refused(
    text: str | None, small_set: Path, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        calibrate(tmp_path, small_set, log=quiet)


@pytest.mark.data
def test_the_slice_is_a_twentieth_of_training_and_shares_no_face_with_it(fer2013: Path) -> None:
    config = {"recipe": {"hold_out": 0.05}}
    held = held_out(config, Path("run"), fer2013)
    training = load(fer2013, "training")
    assert len(held) / len(training) == pytest.approx(0.05, abs=0.005)
    learned, _ = hold_out(training, 0.05)
    assert not set(held.digests) & set(learned.digests)
