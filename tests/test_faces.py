import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.emotions import EMOTIONS
from fer.faces import LANDMARKS, NOBODY, Faces

SIDES = st.floats(1, 2000, width=32)
BOXES = st.lists(st.tuples(st.floats(-500, 2000, width=32), st.floats(-500, 2000), SIDES, SIDES))


def some(count: int = 3) -> Faces:
    rng = np.random.default_rng(count)
    shares = rng.dirichlet(np.ones(len(EMOTIONS)), count)
    return Faces.of(
        rng.uniform(1, 100, (count, 4)),
        confidence=rng.uniform(size=count),
        probabilities=shares,
        ids=np.arange(count) + 10,
        landmarks=rng.uniform(0, 100, (count, len(LANDMARKS), 2)),
    )


def test_unknown_values_are_nan_or_nobody() -> None:
    faces = Faces.of([[1, 2, 3, 4]])
    assert not faces.known.any()
    assert faces.words() == [None]
    assert faces.ids.tolist() == [NOBODY]
    assert faces.to_records() == [
        {"box": [1, 2, 3, 4], "confidence": None, "readable": True, "emotions": {}, "id": None}
    ]


def test_records_hold_everything_and_are_json() -> None:
    faces = some()
    records = json.loads(json.dumps(faces.to_records()))
    for at, record in enumerate(records):
        assert record["id"] == faces.ids[at]
        assert list(record["emotions"]) == list(EMOTIONS)
        assert sum(record["emotions"].values()) == pytest.approx(1, abs=1e-3)
        assert max(record["emotions"], key=record["emotions"].get) == faces.words()[at]
        assert record["landmarks"]["nose"] == pytest.approx(faces.landmarks[at, 2], abs=0.06)


def test_columns_cannot_be_written_to() -> None:
    given_boxes = np.ones((2, 4), np.float32)
    faces = Faces.of(given_boxes)
    given_boxes[:] = 7  # the caller's own array stays the caller's
    assert (faces.boxes == 1).all()
    for name in ("boxes", "confidence", "probabilities", "ids", "landmarks"):
        for column in (getattr(faces, name), getattr(faces[:1], name), getattr(some(), name)):
            with pytest.raises(ValueError, match="read-only"):
                column[:] = 0
    with pytest.raises(AttributeError):
        faces.boxes = given_boxes  # type: ignore[misc]


@pytest.mark.parametrize(
    "which",
    [slice(1, None), np.array([False, True, True]), np.array([2, 0]), np.array([], int)],
)
def test_slices_take_every_column(which: slice | np.ndarray) -> None:
    faces = some()
    picked = faces[which]
    assert len(picked) == len(faces.ids[which])
    assert np.array_equal(picked.ids, faces.ids[which])
    assert np.array_equal(picked.boxes, faces.boxes[which])
    assert np.array_equal(picked.probabilities, faces.probabilities[which])
    assert np.array_equal(picked.landmarks, faces.landmarks[which])


def test_but_returns_a_copy_with_other_columns() -> None:
    faces = some()
    bare = Faces.of(faces.boxes)
    assert bare != faces
    assert (
        bare.but(
            confidence=faces.confidence,
            probabilities=faces.probabilities,
            ids=faces.ids,
            landmarks=faces.landmarks,
        )
        == faces
    )


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"confidence": [1, 2]}, "confidence must have the shape"),
        ({"probabilities": [[1, 0]]}, "probabilities must have the shape"),
        ({"colour": [1]}, "no column colour"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Faces.of([[0, 0, 1, 1]], **columns)
    with pytest.raises(ValueError, match=fault):
        Faces.of([[0, 0, 1, 1]]).but(**columns)


@pytest.mark.parametrize("box", [[0, 0, 0, 1], [0, 0, 1, -1], [np.nan, 0, 1, 1], [0, np.inf, 1, 1]])
def test_boxes_that_no_face_can_have_are_refused(box: list[float]) -> None:
    with pytest.raises(ValueError, match="boxes must be finite"):
        Faces.of([box])


def test_a_record_may_have_no_faces() -> None:
    none = Faces.none()
    assert len(none) == 0
    assert none == Faces.of([]) == some()[:0]
    assert none.to_records() == none.words() == []


@given(BOXES)
def test_a_slice_of_everything_is_the_same(boxes: list[tuple[float, ...]]) -> None:
    faces = Faces.of(boxes)
    assert faces[:] == faces
    assert faces[np.ones(len(faces), bool)] == faces
    assert len(faces.to_records()) == len(faces) == len(boxes)
