"""Planted faults are found, and no other face is changed."""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import DataError, ModelError
from fer.training.data.dataset import FERPLUS, Dataset, fold
from fer.training.data.findings import Finding, read
from fer.training.data.load import load
from fer.training.explore import explore
from fer.training.explore.duplicates import NEAR, exact_groups, is_flat, linked, near_pairs
from tests.training.faces import write_sheet
from tests.training.forms import textures, write_pictures


def quiet(_: str) -> None:
    """Discard a log line."""


def shifted(face: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return the same photograph with another crop and light."""
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    moved = cv2.warpAffine(face, matrix, (48, 48), borderMode=cv2.BORDER_REFLECT_101)
    return np.clip(moved * 0.8 + 20, 0, 255).astype(np.uint8)


def votes(**given: int) -> list[int]:
    return [given.get(name, 0) for name in FERPLUS]


def planted(folder: Path) -> Path:
    """Write a data set with a fault of every kind at known rows."""
    training, public = textures(70), textures(28, "public_test", seed=1)
    faces, labels, cast = training.faces, training.labels, training.votes
    assert cast is not None
    faces[10] = faces[3]  # a copy, same label (both 3)
    faces[20], labels[20] = faces[6], 0  # copies that differ; all votes are for 6's neutral
    faces[30] = public.faces[2]  # a copy of a public_test face
    labels[30], cast[30] = public.labels[2], public.votes[2]  # type: ignore[index]
    faces[40] = shifted(faces[41], 2, -1)  # a near copy within training
    faces[42] = shifted(public.faces[5], -1, 2)  # a near copy across
    faces[50] = 200  # blank
    cast[51] = votes(not_a_face=8, neutral=2)
    labels[52], cast[52] = EMOTIONS.index("fear"), votes(happiness=10)
    labels[53], cast[53] = EMOTIONS.index("fear"), votes(happiness=8, neutral=2)
    labels[54], cast[54] = EMOTIONS.index("fear"), votes(happiness=9, fear=1)  # not strong
    public.labels[9], public.votes[9] = EMOTIONS.index("fear"), votes(happiness=10)  # type: ignore[index]
    write_sheet(folder, training)
    write_sheet(folder, public)
    return folder


def found(out: Path, kind: str) -> dict[tuple[str, int], Finding]:
    return {(f.split, f.row): f for f in read(out / "findings.csv") if f.finding == kind}


def actions(out: Path, kind: str) -> dict[tuple[str, int], str]:
    return {where: f.action for where, f in found(out, kind).items()}


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = planted(tmp_path_factory.mktemp("planted"))
    out = tmp_path_factory.mktemp("explored") / "page"
    assert explore(folder, out, log=quiet) == out / "index.html"
    return folder, out


def test_copies_and_what_becomes_of_them(explored: tuple[Path, Path]) -> None:
    assert actions(explored[1], "copy") == {
        ("training", 3): "keep",
        ("training", 10): "keep",
        ("training", 6): "keep",
        ("training", 20): "drop",
        ("training", 30): "drop",
        ("public_test", 2): "keep",
    }


def test_near_copies(explored: tuple[Path, Path]) -> None:
    assert actions(explored[1], "near_copy") == {
        ("training", 40): "keep",
        ("training", 41): "keep",
        ("training", 42): "drop",
        ("public_test", 5): "keep",
    }
    assert "public_test 5" in found(explored[1], "near_copy")["training", 42].detail


def test_empty_pictures(explored: tuple[Path, Path]) -> None:
    assert actions(explored[1], "blank") == {("training", 50): "drop"}
    assert actions(explored[1], "no_face") == {("training", 51): "drop"}


def test_labels_that_the_crowd_contradicts(explored: tuple[Path, Path]) -> None:
    doubted = found(explored[1], "crowd_disagrees")
    assert {where: (f.action, f.label) for where, f in doubted.items()} == {
        ("training", 20): ("relabel", "neutral"),
        ("training", 52): ("relabel", "happy"),
        ("training", 53): ("keep", "happy"),
        ("public_test", 9): ("keep", "happy"),
    }


def test_test_splits_are_never_changed(explored: tuple[Path, Path]) -> None:
    lines = read(explored[1] / "findings.csv")
    assert any(f.split == "public_test" for f in lines)
    assert {f.action for f in lines if f.split == "public_test"} == {"keep"}


def test_the_findings_clean_the_set_on_load(explored: tuple[Path, Path]) -> None:
    folder, out = explored
    cleaned = load(folder, "training", clean=out / "findings.csv")
    gone = {row for row in range(70) if row not in cleaned.places}
    assert gone == {20, 30, 42, 50, 51}
    assert cleaned.labels[cleaned.places == 52].tolist() == [EMOTIONS.index("happy")]


def test_exploring_what_was_cleaned_finds_nothing_more_to_change(
    explored: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, out = explored
    explore(folder, tmp_path, clean=out / "findings.csv", log=quiet)
    assert {f.action for f in read(tmp_path / "findings.csv")} == {"keep"}
    assert "findings.csv applied" in (tmp_path / "index.html").read_text()


def test_the_page_stands_alone_and_names_every_rule(explored: tuple[Path, Path]) -> None:
    page = (explored[1] / "index.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    for kind in ("blank", "no_face", "copy", "near_copy", "crowd_disagrees", "network_disagrees"):
        assert f"<code>{kind}</code>" in page
    assert "private_test, test" in page  # said not to have been opened
    for name in EMOTIONS:
        assert f"mean {name} face" in page
    assert "nan" not in page.lower().split("<style>")[0]


def test_files_are_replaced_whole(explored: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "findings.csv").write_text("old")
    explore(explored[0], tmp_path, log=quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["findings.csv", "index.html"]
    assert "old" not in (tmp_path / "findings.csv").read_text().splitlines()


# --- which splits are opened


def test_private_test_is_only_opened_when_asked_for(tmp_path: Path) -> None:
    write_sheet(tmp_path, textures(14))
    for end, content in ((".webp", b"opened"), (".csv", b"opened")):
        (tmp_path / f"private_test{end}").write_bytes(content)
    explore(tmp_path, tmp_path / "out", log=quiet)
    with pytest.raises(DataError, match="private_test"):
        explore(tmp_path, tmp_path / "out", splits=("private_test",), log=quiet)


@pytest.mark.parametrize("split", ["training", "public_test"])
def test_one_split_is_enough(split: str, tmp_path: Path) -> None:
    write_sheet(tmp_path, textures(14, split))
    assert explore(tmp_path, tmp_path / "out", log=quiet).exists()


def test_nothing_that_may_be_opened(tmp_path: Path) -> None:
    write_sheet(tmp_path, textures(14, "private_test"))
    with pytest.raises(DataError, match="none of training, public_test in it, only private_test"):
        explore(tmp_path, tmp_path / "out", log=quiet)
    assert not (tmp_path / "out").exists()


def test_folders_without_votes_and_with_a_broken_picture(tmp_path: Path) -> None:
    data = textures(70, votes=False)
    write_pictures(tmp_path / "train", data)
    write_pictures(tmp_path / "val", textures(14, seed=1, votes=False))
    (tmp_path / "train" / "happy" / "broken.jpg").write_bytes(b"no picture")
    copied = tmp_path / "train" / "sad" / "copy.png"
    copied.write_bytes((tmp_path / "train" / "angry" / "000.png").read_bytes())
    said: list[str] = []
    page = explore(tmp_path, tmp_path / "out", log=said.append)
    assert "No FER+ votes" in page.read_text()
    assert "broken.jpg" in page.read_text()
    assert any("skipped 1 picture" in line and "broken.jpg" in line for line in said)
    # Two copies, two labels, nobody to ask: neither can be trusted.
    assert list(actions(tmp_path / "out", "copy").values()) == ["drop", "drop"]


def test_without_votes_most_copies_decide(tmp_path: Path) -> None:
    data = textures(35, votes=False)
    data.faces[[7, 15]] = data.faces[0]  # 0 and 7 are angry, 15 is disgust
    write_pictures(tmp_path / "train", data)
    write_pictures(tmp_path / "val", textures(14, seed=1, votes=False))
    explore(tmp_path, tmp_path / "out", log=quiet)
    by_label = {
        load(tmp_path, "training").labels[row]: a
        for (_, row), a in actions(tmp_path / "out", "copy").items()
    }
    assert by_label == {0: "keep", 1: "drop"}


# --- networks that left a fold out


def runs(folder: Path, count: int) -> list[Path]:
    made = [folder / f"run{number}" for number in range(1, count + 1)]
    for number, run in enumerate(made, 1):
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps({"fold": [number, count]}))
    return made


def test_networks_are_asked_only_about_faces_they_never_saw(tmp_path: Path) -> None:
    data = textures(70)
    data.labels[8] = EMOTIONS.index("fear")  # voters say what it was
    happy = np.array(votes(happiness=8, neutral=2))
    data = replace(data, votes=np.where(np.arange(70)[:, None] == 8, happy, data.votes))
    write_sheet(tmp_path, data)
    write_sheet(tmp_path, textures(14, "public_test", seed=1))
    asked: list[tuple[str, int]] = []

    def predict(run: Path, faces: np.ndarray) -> np.ndarray:
        asked.append((run.name, len(faces)))
        answers = np.full((len(faces), 7), 0.01, np.float32)
        answers[:, EMOTIONS.index("happy")] = 0.94
        return answers

    folds = runs(tmp_path / "runs", 3)
    said: list[str] = []
    explore(tmp_path, tmp_path / "out", folds=folds, predict=predict, log=said.append)
    read_again = load(tmp_path, "training")
    assert asked == [(f"run{k}", len(fold(read_again, k, 3)[1])) for k in (1, 2, 3)]
    assert sum(count for _, count in asked) == len(data)
    assert any("run2" in line for line in said)
    # Two witnesses who know nothing of each other: the crowd, strongly, and the network.
    doubted = found(tmp_path / "out", "crowd_disagrees")
    assert [(where, f.action, f.label) for where, f in doubted.items()] == [
        (("training", 8), "relabel", "happy")
    ]
    # One network alone changes nothing.
    listed = found(tmp_path / "out", "network_disagrees")
    others = {row for row in range(70) if data.labels[row] != EMOTIONS.index("happy")}
    assert {row for _, row in listed} == others
    assert {f.action for f in listed.values()} == {"keep"}
    assert "3 networks were asked" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("config", ["{}", '{"fold": null}', "no json"])
def test_a_run_that_left_nothing_out(config: str, small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(config)
    with pytest.raises(ModelError, match="run"):
        explore(small_set, tmp_path / "out", folds=[tmp_path / "run"], log=quiet)


# --- duplicates on their own


def test_near_pairs_see_through_light_and_crop_but_not_across_faces() -> None:
    faces = textures(60).faces
    faces[30] = shifted(faces[4], 2, 1)
    faces[31] = cv2.GaussianBlur(faces[5], (3, 3), 0)
    pairs = near_pairs(faces, quiet, block=16).above(NEAR)
    assert {*zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)} == {(4, 30), (5, 31)}


def test_groups_follow_links() -> None:
    faces = textures(20).faces
    faces[9], faces[14] = shifted(faces[2], 1, 0), shifted(faces[2], -1, 1)
    groups = linked(20, near_pairs(faces, quiet).above(NEAR))
    assert [group.tolist() for group in groups] == [[2, 9, 14]]


def test_exact_groups_and_flat_pictures() -> None:
    data = textures(6)
    data.faces[4] = data.faces[1]
    data.faces[5] = 7
    assert [group.tolist() for group in exact_groups(data.digests)] == [[1, 4]]
    assert np.flatnonzero(is_flat(data.faces)).tolist() == [5]


def test_no_pairs_at_all() -> None:
    pairs = near_pairs(textures(3).faces, quiet)
    assert linked(3, pairs) == []
    assert len(near_pairs(textures(1).faces, quiet).first) == 0


# --- the real thing


@pytest.mark.data
@pytest.mark.timeout(900)  # twenty seconds of work, but the machine may be busy
def test_fer2013(fer2013: Path, tmp_path: Path) -> None:
    """The number of copies equals a plain count of equal rows, and the known number of the set."""
    explore(fer2013, tmp_path, log=quiet)
    parts: Sequence[Dataset] = [load(fer2013, split) for split in ("training", "public_test")]
    names = [(p.split, int(row)) for p in parts for row in p.places]
    pixels = [face.tobytes() for part in parts for face in part.faces]
    count = Counter(face for face in pixels if len(set(face)) > 1)  # blank ones are no copies
    assert set(found(tmp_path, "copy")) == {
        name for name, face in zip(names, pixels, strict=True) if count[face] > 1
    }
    repeated = [often for often in count.values() if often > 1]
    # The three splits together have 1,514 groups of 3,365 pictures.
    assert 1000 < len(repeated) < 1514
    assert 2000 < sum(repeated) < 3365
    with (fer2013 / "training.csv").open() as lines:
        jpegs = {row for row, r in enumerate(csv.DictReader(lines)) if r["from_jpeg"] == "1"}
    no_faces = {row for split, row in found(tmp_path, "no_face") if split == "training"}
    assert len(jpegs & no_faces) / len(jpegs | no_faces) > 0.95
    cleaned = load(fer2013, "training", clean=tmp_path / "findings.csv")
    assert not set(cleaned.digests) & set(parts[1].digests)
