"""Every form of a data set gives the same faces; every broken one gives one clear line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data.dataset import Dataset
from fer.training.data.load import load, log_skipped, splits_in
from tests.training.faces import drawings, write_sheet
from tests.training.forms import textures, write_pictures, write_table, write_votes

TRAINING = drawings(14, 0, "training")
PUBLIC = drawings(7, 1, "public_test")
PRIVATE = drawings(7, 2, "private_test")
PARTS = [TRAINING, PUBLIC, PRIVATE]


def same(one: Dataset, other: Dataset) -> bool:
    votes = (one.votes is None) == (other.votes is None) and (
        one.votes is None or np.array_equal(one.votes, other.votes)
    )
    return (
        votes
        and one.split == other.split
        and np.array_equal(one.faces, other.faces)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.places, other.places)
    )


def sheets(folder: Path) -> Path:
    for part in PARTS:
        write_sheet(folder, part)
    return folder


def table(folder: Path) -> Path:
    write_table(folder, PARTS)
    write_votes(folder, PARTS)
    return folder


def kaggle(folder: Path) -> Path:
    write_table(folder, PARTS, "icml_face_data.csv", mixed=True)
    write_votes(folder, PARTS, mixed=True)
    return folder


@pytest.mark.parametrize("write", [sheets, table, kaggle])
def test_all_forms_hold_the_same_faces(write: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert splits_in(folder) == ("training", "public_test", "private_test")
    for part in PARTS:
        assert same(load(folder, part.split), part)


def test_faces_without_votes(tmp_path: Path) -> None:
    write_table(tmp_path, [TRAINING])
    assert load(tmp_path, "training").votes is None
    (tmp_path / "plain").mkdir()
    write_sheet(tmp_path / "plain", TRAINING)
    file = tmp_path / "plain" / "training.csv"
    file.write_text("".join(line.split(",")[0] + "\n" for line in file.read_text().splitlines()))
    assert load(tmp_path / "plain", "training").votes is None


def test_a_header_may_have_a_byte_order_mark_and_further_columns(tmp_path: Path) -> None:
    file = write_table(tmp_path, [TRAINING])
    header, *rows = file.read_text().splitlines()
    body = "".join(f"{row},x\n" for row in rows)
    file.write_text(f"\ufeff{header.upper()},more\n{body}", encoding="utf-8")
    assert np.array_equal(load(tmp_path, "training").faces, TRAINING.faces)


def test_sheets_are_read_before_tables(tmp_path: Path) -> None:
    write_sheet(tmp_path, TRAINING)
    write_table(tmp_path, [PRIVATE])
    assert splits_in(tmp_path) == ("training",)


# --- folders of pictures


@pytest.mark.parametrize(
    "names",
    [
        EMOTIONS,
        ("Anger", "Disgusted", "FEARFUL", "Happiness", "sadness", "Surprised", "Neutral"),
        ("0", "1", "2", "3", "4", "5", "6"),
    ],
)
def test_folders_by_any_of_their_names(names: tuple[str, ...], tmp_path: Path) -> None:
    write_pictures(tmp_path / "Train", TRAINING, names)
    write_pictures(tmp_path / "validation", PUBLIC, names)
    write_pictures(tmp_path / "test", PRIVATE, names)
    assert splits_in(tmp_path) == ("training", "public_test", "test")
    for split, part in (("training", TRAINING), ("public_test", PUBLIC), ("test", PRIVATE)):
        read = load(tmp_path, split)
        order = [EMOTIONS[label] for label in read.labels]
        # In the order of the paths, so that a row means the same picture on every machine.
        assert order == [e for _, e in sorted((names[EMOTIONS.index(e)], e) for e in order)]
        for label in range(len(EMOTIONS)):
            assert np.array_equal(
                read.faces[read.labels == label], part.faces[part.labels == label]
            )


def test_pictures_of_any_size_and_colour_become_grey_faces(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", TRAINING)
    write_pictures(tmp_path / "val", PUBLIC)
    face = TRAINING.faces[3]
    big = cv2.resize(face, (192, 192), interpolation=cv2.INTER_NEAREST)
    for name, picture in {"b.png": cv2.cvtColor(big, cv2.COLOR_GRAY2BGR), "c.bmp": big}.items():
        cv2.imwrite(str(tmp_path / "train" / "happy" / name), picture)
    happy = load(tmp_path, "training")
    assert happy.faces.shape[1:] == (48, 48)
    assert np.array_equal(happy.faces[happy.labels == 3][-2:], np.stack([face, face]))


def test_validation_is_held_out_of_training_where_there_is_none(tmp_path: Path) -> None:
    faces = textures(210, votes=False)
    faces.faces[70:140] = faces.faces[:70]  # copies, of the same class: 70 is ten rounds of seven
    write_pictures(tmp_path / "train", faces)
    write_pictures(tmp_path / "test", PRIVATE)
    assert splits_in(tmp_path) == ("training", "public_test", "test")
    training, held = load(tmp_path, "training"), load(tmp_path, "public_test")
    assert (training.split, held.split) == ("training", "public_test")
    assert len(training) + len(held) == 210 and 0 < len(held) < 60
    assert not set(training.digests) & set(held.digests)
    assert not set(training.places.tolist()) & set(held.places.tolist())
    assert same(held, load(tmp_path, "public_test"))


def test_broken_pictures_are_named_skipped_and_counted(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", TRAINING)
    write_pictures(tmp_path / "val", PUBLIC)
    whole = load(tmp_path, "training")
    good = (tmp_path / "train" / "angry" / "000.png").read_bytes()
    broken = {"000a.jpg": b"no picture", "000b.png": good[:-40], "000c.webp": b""}
    for name, content in broken.items():
        (tmp_path / "train" / "angry" / name).write_bytes(content)
    (tmp_path / "train" / "angry" / "notes.txt").write_text("not meant to be one")
    data = load(tmp_path, "training")
    assert [Path(path).name for path in data.skipped] == [*broken]
    assert np.array_equal(data.faces, whole.faces)
    assert data.places.tolist() == [0, *range(4, 4 + len(whole) - 1)]  # the broken ones count
    said: list[str] = []
    log_skipped(data, said.append)
    assert len(said) == 1 and "skipped 3 pictures" in said[0]
    assert all(name in said[0] for name in broken)


def test_nothing_is_said_where_nothing_was_skipped() -> None:
    said: list[str] = []
    log_skipped(TRAINING, said.append)
    assert said == []


# --- broken input: one line that names the file, the row and the fault


def edit(file: Path, row: int, change: Callable[[str], str]) -> None:
    """Change one row of a table; the header is row 1."""
    lines = file.read_text().splitlines(keepends=True)
    lines[row - 1] = change(lines[row - 1])
    file.write_text("".join(lines))


def cut(file: Path, keep: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * keep)])


def set_cell(file: Path, row: int, column: int, value: str) -> None:
    def change(line: str) -> str:
        cells = line.rstrip("\r\n").split(",")
        cells[column] = value
        return ",".join(cells) + "\n"

    edit(file, row, change)


PIXELS = "0 " * 2304
BROKEN_TABLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut in a row": (lambda f: cut(f, 0.55), r"row \d+: 2 columns instead of 3.*cut short"),
    "empty": (lambda f: cut(f, 0), "is empty"),
    "header only": (lambda f: f.write_text("emotion,pixels,Usage\n") and None, "no rows"),
    "few pixels": (
        lambda f: set_cell(f, 3, 1, "0 " * 2303),
        "row 3: 2303 pixels instead of 2304",
    ),
    "many pixels": (lambda f: set_cell(f, 3, 1, "0 " * 2305), "row 3: 2305 pixels"),
    "no pixels": (lambda f: set_cell(f, 3, 1, ""), "row 3: 0 pixels"),
    "a word": (
        lambda f: set_cell(f, 4, 1, PIXELS[:-2] + "dark"),
        "row 4: pixel 'dark' is not a number",
    ),
    "a fraction": (lambda f: set_cell(f, 4, 1, PIXELS[:-2] + "1.5"), "row 4: pixel '1.5'"),
    "too bright": (
        lambda f: set_cell(f, 5, 1, PIXELS[:-2] + "256"),
        "row 5: pixel 256 is not within 0 to 255",
    ),
    "negative": (lambda f: set_cell(f, 5, 1, PIXELS[:-2] + "-1"), "row 5: pixel -1"),
    "label too large": (lambda f: set_cell(f, 2, 0, "7"), "row 2: label '7' is not one of 0 to 6"),
    "label a word": (lambda f: set_cell(f, 2, 0, "happy"), "row 2: label 'happy'"),
    "label missing": (lambda f: set_cell(f, 2, 0, ""), "row 2: label ''"),
    "strange use": (
        lambda f: set_cell(f, 6, 2, "Validation"),
        "row 6: Usage 'Validation' is not one of Training",
    ),
    "no pixel column": (lambda f: set_cell(f, 1, 1, "image"), "row 1: no column pixels"),
    "twice a column": (
        lambda f: edit(f, 1, lambda x: x.strip() + ",usage\n"),
        "row 1: two columns",
    ),
    "a stray quote": (lambda f: set_cell(f, 3, 1, '"' + "0 " * 99), r"row \d+"),
    "no picture at all": (lambda f: f.write_bytes(b"\x89PNG\r\n\x00\xff") and None, "row 1"),
}


@pytest.mark.parametrize("case", BROKEN_TABLES)
def test_a_broken_table(case: str, tmp_path: Path) -> None:
    file = write_table(tmp_path, PARTS)
    spoil, message = BROKEN_TABLES[case]
    spoil(file)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, "training")
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_fault_in_another_split_is_left_to_that_split(tmp_path: Path) -> None:
    file = write_table(tmp_path, PARTS)
    set_cell(file, 2, 0, "7")
    assert same(load(tmp_path, "public_test"), Dataset("public_test", PUBLIC.faces, PUBLIC.labels))


BROKEN_VOTES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a row short": (
        lambda f: f.write_text("".join(f.read_text().splitlines(keepends=True)[:-1])) and None,
        "27 rows of votes, but 28 rows of faces",
    ),
    "a row long": (
        lambda f: f.write_text(f.read_text() + f.read_text().splitlines()[-1]) and None,
        "29 rows of votes, but 28 rows of faces",
    ),
    "cut in a row": (lambda f: cut(f, 0.5), r"row \d+: \d+ columns instead of 12"),
    "no such column": (lambda f: set_cell(f, 1, 4, "awe"), "row 1: no column surprise"),
    "not a number": (lambda f: set_cell(f, 3, 2, "many"), "row 3: 'many' is not a number of votes"),
    "negative": (lambda f: set_cell(f, 3, 2, "-1"), "row 3: '-1'"),
    "another order": (
        lambda f: set_cell(f, 2, 0, "PublicTest"),
        "row 2: a public_test face, but the faces' table has a training face",
    ),
}


@pytest.mark.parametrize("case", BROKEN_VOTES)
def test_broken_votes(case: str, tmp_path: Path) -> None:
    write_table(tmp_path, PARTS)
    file = write_votes(tmp_path, PARTS)
    spoil, message = BROKEN_VOTES[case]
    spoil(file)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, "training")
    assert str(file) in str(caught.value)


def small_sheet(file: Path) -> None:
    cv2.imwrite(str(file), np.zeros((48, 4800 - 48), np.uint8))


BROKEN_SHEETS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "no picture": (
        "training.webp",
        lambda f: f.write_bytes(b"RIFF") and None,
        "cannot be read as a picture",
    ),
    "picture cut": ("training.webp", lambda f: cut(f, 0.5), "cannot be read as a picture"),
    "another size": ("training.webp", small_sheet, "4752x48 pixels"),
    "picture missing": ("training.webp", Path.unlink, "is missing, but training.csv is there"),
    "table missing": ("training.csv", Path.unlink, "is missing, but training.webp is there"),
    "table cut in a row": ("training.csv", lambda f: cut(f, 0.6), r"row \d+: \d+ columns"),
    "table cut between rows": (
        "training.csv",
        lambda f: f.write_text("".join(f.read_text().splitlines(keepends=True)[:-2])) and None,
        "ends after row 13.*cut short",
    ),
    "label out of range": (
        "training.csv",
        lambda f: set_cell(f, 4, 0, "9"),
        "row 4: label '9' is not one of 0 to 6",
    ),
    "votes half there": (
        "training.csv",
        lambda f: set_cell(f, 1, 3, "awe"),
        "row 1: votes, but no column surprise",
    ),
    "votes no number": ("training.csv", lambda f: set_cell(f, 5, 3, "x"), "row 5: 'x'"),
    "no label column": ("training.csv", lambda f: set_cell(f, 1, 0, "label"), "no column emotion"),
}


@pytest.mark.parametrize("case", BROKEN_SHEETS)
def test_a_broken_sheet(case: str, tmp_path: Path) -> None:
    sheets(tmp_path)
    name, spoil, message = BROKEN_SHEETS[case]
    spoil(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, "training")
    assert str(tmp_path / name) in str(caught.value)


def test_a_sheet_shorter_than_its_table(tmp_path: Path) -> None:
    sheets(tmp_path)
    file = tmp_path / "training.csv"
    header, *rows = file.read_text().splitlines(keepends=True)
    file.write_text(header + "".join((rows * 8)[:101]))
    with pytest.raises(DataError, match=r"holds 100 faces, but training\.csv has 101 rows"):
        load(tmp_path, "training")


def empty_class(folder: Path) -> None:
    for path in (folder / "disgust").iterdir():
        path.unlink()


def unreadable_class(folder: Path) -> None:
    for path in (folder / "disgust").iterdir():
        path.write_bytes(b"no picture")


BROKEN_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty class": (empty_class, "train/disgust: no picture of the class disgust in it"),
    "nothing readable": (unreadable_class, "train/disgust: none of its disgust pictures"),
    "missing class": (lambda f: shutil.rmtree(f / "fear"), "train: no folder for the class fear"),
    "strange class": (
        lambda f: (f / "contempt").mkdir(),
        "train/contempt: not the name of a class",
    ),
    "seventh number": (lambda f: (f / "7").mkdir(), "train/7: not the name of a class"),
    "two for one split": (
        lambda f: (f.parent / "training").mkdir(),
        "training: train beside it is training already",
    ),
}


@pytest.mark.parametrize("case", BROKEN_FOLDERS)
def test_a_broken_folder(case: str, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "train", TRAINING)
    spoil, message = BROKEN_FOLDERS[case]
    spoil(folder)
    with pytest.raises(DataError, match=message):
        load(tmp_path, "training")


@pytest.mark.parametrize("read", [lambda f: load(f, "training"), splits_in])
def test_nothing_to_read(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such folder"):
        read(tmp_path / "none")
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"looked for SPLIT\.webp .*fer2013\.csv.*train/") as caught:
        read(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: write_sheet(f, TRAINING), r"no sheet private_test\.webp.*only training"),
        (lambda f: write_table(f, [TRAINING]), "no row belongs to the split private_test"),
        (lambda f: write_pictures(f / "train", TRAINING), "no folder for the split private_test"),
    ],
)
def test_a_split_that_is_not_there(
    write: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write(tmp_path)
    with pytest.raises(DataError, match=message):
        load(tmp_path, "private_test")


def test_a_split_of_no_known_name(small_set: Path) -> None:
    with pytest.raises(DataError, match="no split is called 'holdout'"):
        load(small_set, "holdout")


@pytest.mark.data
def test_fer2013_whole(fer2013: Path) -> None:
    for split in ("training", "public_test"):
        data = load(fer2013, split)
        rows = len((fer2013 / f"{split}.csv").read_text().splitlines()) - 1
        assert len(data) == rows and data.votes is not None and len(data.votes) == rows
        assert set(data.labels.tolist()) == set(range(7))
        assert (data.faces.std(axis=(1, 2)) > 5).mean() > 0.99
