"""Findings files: they drop and relabel faces, and a broken one gives one clear line."""

from pathlib import Path

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.training.data.dataset import Dataset
from fer.training.data.findings import ACTIONS, COLUMNS, Finding, apply, read, write
from fer.training.data.load import load
from tests.training.faces import drawings

HEADER = ",".join(COLUMNS)
DATA = drawings(14)


def findings(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    file = tmp_path / "findings.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def test_drop_relabel_and_keep(tmp_path: Path) -> None:
    file = findings(
        tmp_path,
        "training,3,no_face,drop,,10 of 10 votes",
        "training,5,crowd_disagrees,relabel,sad,9 of 10",
        "training,7,copy,keep,,same pixels",
        "public_test,0,no_face,drop,,another split",
    )
    cleaned = apply(DATA, file)
    assert cleaned.places.tolist() == [row for row in range(14) if row != 3]
    expected = DATA.labels.copy()
    expected[5] = EMOTIONS.index("sad")
    assert cleaned.labels.tolist() == np.delete(expected, 3).tolist()
    assert np.array_equal(cleaned.faces, np.delete(DATA.faces, 3, axis=0))
    assert cleaned.votes is not None
    assert DATA.votes is not None
    assert np.array_equal(cleaned.votes, np.delete(DATA.votes, 3, axis=0))


def test_the_data_itself_stays_as_it_was(tmp_path: Path) -> None:
    labels = DATA.labels.copy()
    apply(DATA, findings(tmp_path, "training,0,x,relabel,happy,", "training,1,x,drop,,"))
    assert np.array_equal(DATA.labels, labels)
    assert len(DATA) == 14


def test_a_split_that_is_not_named_is_left_alone(tmp_path: Path) -> None:
    file = findings(tmp_path, "training,3,no_face,drop,,", "training,9999,no_face,drop,,")
    public = drawings(7, 1, "public_test")
    assert np.array_equal(apply(public, file).faces, public.faces)


def test_rows_mean_places_in_the_split_also_after_some_are_gone(tmp_path: Path) -> None:
    part = DATA.take(np.array([2, 5, 9]))
    cleaned = apply(part, findings(tmp_path, "training,5,x,drop,,", "training,9,x,relabel,fear,"))
    assert cleaned.places.tolist() == [2, 9]
    assert cleaned.labels[1] == EMOTIONS.index("fear")


def test_skipped_pictures_stay_known(tmp_path: Path) -> None:
    data = Dataset("training", DATA.faces, DATA.labels, skipped=("broken.jpg",))
    assert apply(data, findings(tmp_path)).skipped == ("broken.jpg",)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_drop_goes_before_relabel_and_relabel_before_keep(
    order: tuple[int, ...], tmp_path: Path
) -> None:
    rows = [f"training,4,x,{action},happy," for action in ACTIONS]
    file = findings(tmp_path, *(rows[at] for at in order), "training,6,x,relabel,fear,")
    cleaned = apply(DATA, file)
    assert 4 not in cleaned.places
    assert cleaned.labels[cleaned.places == 6].tolist() == [EMOTIONS.index("fear")]


def test_what_is_written_is_read_again_and_replaces_the_old_file(tmp_path: Path) -> None:
    made = [
        Finding("training", 3, "copy", "drop", "", 'same, as "4"'),
        Finding("public_test", 0, "crowd_disagrees", "keep", "sad", "7 of 10 → sad"),
    ]
    file = tmp_path / "deep" / "findings.csv"
    write(file, made[:1])
    write(file, made)
    assert read(file) == made
    assert [path.name for path in file.parent.iterdir()] == ["findings.csv"]


def test_an_edited_file_may_have_other_columns_and_order(tmp_path: Path) -> None:
    header = "row,split,note,finding,Action,label,detail"
    file = findings(tmp_path, "3,training,mine,x,drop,,", header=header)
    assert read(file) == [Finding("training", 3, "x", "drop")]


def test_a_set_is_cleaned_on_load_and_only_where_asked(small_set: Path, tmp_path: Path) -> None:
    file = findings(tmp_path, "training,0,x,drop,,")
    whole = load(small_set, "training")
    assert len(load(small_set, "training", clean=file)) == len(whole) - 1
    assert np.array_equal(load(small_set, "training", clean=file).faces, whole.faces[1:])
    assert len(load(small_set, "training", clean=None)) == len(whole)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("train,3,x,drop,,", "row 2: no split is called 'train'"),
        ("training,three,x,drop,,", "row 2: 'three' is not a row number"),
        ("training,-1,x,drop,,", "row 2: '-1' is not a row number"),
        ("training,14,x,drop,,", "row 2: training has no face 14"),
        ("training,3,x,delete,,", "row 2: action 'delete' is not one of keep, drop, relabel"),
        ("training,3,x,relabel,joy,", "row 2: label 'joy' is not one of angry"),
        ("training,3,x,relabel,,", "row 2: label ''"),
        ("training,3,x", "row 2: 3 columns, not 6"),
        ("training,3,x,relabel,sad,\ntraining,3,x,relabel,fear,", "row 3: .*both sad and fear"),
    ],
)
def test_a_bad_row(row: str, message: str, tmp_path: Path) -> None:
    file = findings(tmp_path, row)
    with pytest.raises(DataError, match=message) as caught:
        apply(DATA, file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("split,row,finding,label,detail\n", "row 1: no column action"),
        ("\x00\x01\n", "row 1"),
    ],
)
def test_a_file_that_is_none(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "findings.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        apply(DATA, file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such findings file"):
        apply(DATA, tmp_path / "none.csv")
