"""Boxes and labels drawn on pictures: which pixels change, and that labels are readable."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.emotions import EMOTIONS
from fer.faces import NOBODY, Faces
from fer.vision.draw import (
    BLOCKS,
    DARK,
    SURE,
    Mark,
    annotated,
    colour_of,
    draw,
    ink_on,
    marks,
    plate,
)

HD = (720, 1280, 3)
Box = tuple[int, int, int, int]


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def reading(word: str = "happy", share: float = 0.9) -> list[float]:
    rest = (1 - share) / (len(EMOTIONS) - 1)
    return [share if name == word else rest for name in EMOTIONS]


def faces_at(boxes: list[list[float]], word: str = "happy", share: float = 0.9) -> Faces:
    read = [reading(word, share)] * len(boxes)
    return Faces.of(boxes, probabilities=read, ids=list(range(1, len(boxes) + 1)))


def gallery(columns: int) -> Faces:
    """A face in the middle of every tile, at the size that galleries of 1280x720 have."""
    wide, high = 1280 / columns, 720 / columns
    side = 0.4 * high
    middles = [((x + 0.5) * wide, (y + 0.5) * high) for y in range(columns) for x in range(columns)]
    return faces_at([[x - side / 2, y - side / 2, side, side] for x, y in middles], "surprise")


def around(mark: Mark) -> Box:
    """Return the rectangle of a mark's lines: the coloured ones and the dark one outside."""
    left, top, right, bottom = mark.box
    reach = mark.line + 1
    return left - reach, top - reach, right + reach, bottom + reach


def label_box(mark: Mark) -> Box:
    assert mark.label is not None
    left, top, plates = mark.label
    width = sum(piece.shape[1] for piece in plates)
    return left, top, left + width, top + plates[0].shape[0]


def shared(first: Box, second: Box) -> int:
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    return max(wide, 0) * max(high, 0)


def contrast(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """WCAG 2's contrast ratio of two colours (blue, green, red)."""

    def luminance(colour: tuple[int, ...]) -> float:
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
            for v in (value / 255 for value in colour)
        ]
        return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", [*map(colour_of, EMOTIONS), DARK])
def test_text_can_be_read_on_every_plate(ground: tuple[int, int, int]) -> None:
    assert contrast(ground, ink_on(ground)) >= 4.5


@pytest.mark.parametrize("word", EMOTIONS)
def test_a_sure_word_stands_on_its_colour_and_a_guess_on_dark(word: str) -> None:
    assert tuple(plate(word, 13)[0, 0]) == colour_of(word)
    assert tuple(plate(word + "?", 13)[0, 0]) == DARK


@pytest.mark.parametrize(("share", "texts"), [(SURE, ["sad", "50%"]), (0.34, ["sad?", "34%"])])
def test_a_label_says_the_word_and_the_share(share: float, texts: list[str]) -> None:
    [mark] = marks(faces_at([[600, 300, 60, 60]], "sad", share), HD)
    assert mark.label is not None
    wanted = [plate(text, 13) for text in [*texts, "#1"]]
    assert all(map(np.array_equal, mark.label.plates, wanted))
    assert len(mark.label.plates) == 3


def test_a_guess_has_a_thinner_line() -> None:
    sure, guess = (
        marks(faces_at([[600, 300, 60, 60]], share=share), HD)[0] for share in (0.9, 0.3)
    )
    assert guess.line < sure.line
    assert guess.colour == sure.colour


def test_no_id_where_none_is_known_or_none_is_wanted() -> None:
    faces = faces_at([[600, 300, 60, 60]])
    for mark in (*marks(faces, HD, ids=False), *marks(faces.but(ids=[NOBODY]), HD)):
        assert mark.label is not None
        assert len(mark.label.plates) == 2


def test_a_face_not_read_yet_gets_a_grey_box_without_a_word() -> None:
    [mark] = marks(Faces.of([[600, 300, 60, 60]], ids=[4]), HD)
    assert mark.label is None
    assert len(set(mark.colour)) == 1
    frame = np.zeros(HD, np.uint8)
    draw(frame, Faces.of([[600, 300, 60, 60]]))
    left, top, right, bottom = around(mark)
    assert frame[top:bottom, left:right].any()
    frame[top:bottom, left:right] = 0
    assert not frame.any()


@pytest.mark.parametrize("columns", [5, 7])
def test_gallery_labels_cover_no_face_and_no_other_label(columns: int) -> None:
    found = marks(gallery(columns), HD)
    assert len(found) == columns**2
    for first, second in combinations(found, 2):
        assert shared(label_box(first), label_box(second)) == 0
    for mark in found:
        assert all(shared(label_box(mark), other.box) == 0 for other in found)
        assert mark.label is not None
        assert len(mark.label.plates) == 3


def test_between_crowded_faces_a_label_gets_shorter_before_it_covers_one() -> None:
    face = [300.0, 300, 40, 40]
    [alone] = marks(faces_at([face], "sad"), HD)
    assert alone.label is not None
    *short, last = (piece.shape[1] for piece in alone.label.plates)
    # A tall neighbour on either side leaves room for the word and the share, not for the id.
    room = sum(short) + last // 2 + 2 * (alone.line + 1)
    tall = [[face[0] + room, 200, 80, 240], [face[0] + face[2] - room - 80, 200, 80, 240]]
    found = marks(faces_at([face, *tall], "sad"), HD)
    assert found[0].label is not None
    assert len(found[0].label.plates) == 2
    assert all(shared(label_box(mark), other.box) == 0 for mark in found for other in found)


@pytest.mark.parametrize(
    "box",
    [[0, 0, 60, 60], [1220, 0, 60, 60], [0, 660, 60, 60], [1220, 660, 60, 60], [-9, 9, 60, 60]],
)
def test_at_an_edge_the_label_stays_in_the_picture_and_off_the_face(box: list[float]) -> None:
    [mark] = marks(faces_at([box], "surprise"), HD)
    left, top, right, bottom = label_box(mark)
    assert left >= 0
    assert top >= 0
    assert right <= HD[1]
    assert bottom <= HD[0]
    assert shared(label_box(mark), mark.box) == 0
    assert mark.label is not None
    assert len(mark.label.plates) == 3


def test_a_crowd_gets_short_labels_that_cover_no_face() -> None:
    side, apart = 30, 64  # a word fits above each face, and nothing else
    places = [(x, y) for y in range(40, 680, apart) for x in range(20, 1240, apart)]
    found = marks(faces_at([[x, y, side, side] for x, y in places]), HD)
    assert {len(mark.label.plates) for mark in found if mark.label} == {1}
    boxes = [mark.box for mark in found]
    assert all(shared(label_box(mark), box) == 0 for mark in found for box in boxes)


def test_a_face_that_fills_the_picture_has_its_label_inside() -> None:
    [mark] = marks(faces_at([[-50, -50, 1400, 900]]), HD)
    assert shared(label_box(mark), (0, 0, HD[1], HD[0])) > 0
    assert label_box(mark)[0] >= 0
    assert label_box(mark)[3] <= HD[0]


def test_lines_and_text_grow_with_the_face_and_the_picture() -> None:
    def sizes(scale: int) -> tuple[int, int]:
        box = [300.0 * scale, 300.0 * scale, 60.0 * scale, 60.0 * scale]
        [mark] = marks(faces_at([box]), (720 * scale, 1280 * scale, 3))
        assert mark.label is not None
        return mark.line, mark.label.plates[0].shape[0]

    assert sizes(3)[0] == 3 * sizes(1)[0]
    # The sizes of text are steps of a quarter, so three times as large is so within a step.
    assert sizes(3)[1] == pytest.approx(3 * sizes(1)[1], rel=0.25)
    small, large = (
        label_box(marks(faces_at([[300, 300, side, side]]), HD)[0]) for side in (24, 100)
    )
    assert large[3] - large[1] > small[3] - small[1]


def test_faces_outside_the_picture_leave_no_trace() -> None:
    frame = noise((90, 160, 3))
    outside = faces_at([[-100, 10, 40, 40], [200, 10, 40, 40], [10, -90, 40, 40], [10, 150, 9, 9]])
    assert np.array_equal(annotated(frame, outside), frame)
    assert np.array_equal(annotated(frame, Faces.none(), blur=True), frame)


def test_annotated_leaves_the_picture_alone_even_a_read_only_one() -> None:
    frame = noise((90, 160, 3))
    frame.flags.writeable = False
    before = frame.copy()
    drawn = annotated(frame, faces_at([[40, 40, 30, 30]]), blur=True)
    assert np.array_equal(frame, before)
    assert not np.array_equal(drawn, before)


@pytest.mark.parametrize(
    "view",
    [np.s_[20:200, 30:300], np.s_[:, ::-1], np.s_[::-1], np.s_[..., ::-1], np.s_[::2, ::3]],
    ids=["part", "mirrored", "upside down", "RGB", "thinned"],
)
@pytest.mark.parametrize("blur", [False, True])
def test_every_view_of_a_picture_can_be_drawn_into(view: tuple[slice, ...], blur: bool) -> None:
    whole = noise((240, 480, 3))
    part = whole[view]
    wanted = annotated(part, faces_at([[40, 40, 30, 30]]), blur=blur)
    assert not np.array_equal(part, wanted)
    draw(part, faces_at([[40, 40, 30, 30]]), blur=blur)
    assert np.array_equal(whole[view], wanted)


def head(box: list[float], shape: tuple[int, ...]) -> np.ndarray:
    """Return the slices of a face with brow and chin, without the background around the head."""
    mask = np.zeros(shape[:2], bool)
    x, y, width, height = box
    top, bottom = int(max(y - 0.2 * height, 0)), int(max(y + 1.1 * height, 0))
    mask[top:bottom, int(max(x, 0)) : int(max(x + width, 0))] = True
    return mask


@pytest.mark.parametrize(
    "box",
    [
        [300, 200, 30, 36],
        [300, 200, 6, 8],
        [-10, -12, 40, 50],
        [620, 330, 60, 70],
        [90, -40, 500, 500],
    ],
    ids=["gallery", "tiny", "upper corner", "lower corner", "huge"],
)
def test_a_blurred_head_is_a_few_even_blocks(box: list[float]) -> None:
    frame = noise((360, 640, 3))
    # An unread face of the same box: its lines lie outside, so what is inside is only blurred.
    blurred = annotated(frame, Faces.of([box]), blur=True)
    x, y, width, height = (round(value) for value in box)
    inside = blurred[max(y, 0) : y + height, max(x, 0) : x + width]
    rows, columns = inside[:, 0].reshape(len(inside), -1), inside[0].reshape(inside.shape[1], -1)
    changes = [
        int((np.diff(line.astype(int), axis=0) != 0).any(axis=1).sum()) for line in (rows, columns)
    ]
    assert max(changes) < BLOCKS
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) <= BLOCKS**2
    # A block of a head of noise is the mean of at least 16 pixels: its detail is gone.
    energy = [
        np.square(cv2.Laplacian(part.astype(np.float32), cv2.CV_32F)).mean()
        for part in (inside, frame[max(y, 0) : y + height, max(x, 0) : x + width])
    ]
    assert energy[0] < 0.1 * energy[1]


def test_a_blurred_head_has_nothing_of_the_original_left() -> None:
    box = [300.0, 150, 60, 70]
    frame = noise((360, 640, 3))
    blurred = annotated(frame, Faces.of([box]), blur=True)
    changed = (blurred != frame).any(axis=2)
    assert changed[head(box, frame.shape)].mean() > 0.99  # noise may equal its mean here and there


def test_two_faces_of_one_coarse_look_cannot_be_told_apart() -> None:
    # Fine detail that differs, around the same mean in every block: what makes a face somebody's.
    board = np.indices((360, 640)).sum(axis=0) % 2 * 200
    one, other = (np.repeat(b[..., None], 3, axis=2).astype(np.uint8) for b in (board, 200 - board))
    face = Faces.of([[300, 150, 60, 68]])
    mask = head([300, 150, 60, 68], one.shape)
    apart = (
        annotated(one, face, blur=True)[mask].astype(int) - annotated(other, face, blur=True)[mask]
    )
    assert np.abs(apart).max() <= 2


lengths = st.floats(0.0078125, 3000, width=32)
places = st.floats(-3000, 3000, width=32)
wild = st.sampled_from([np.float32(-3e38), -1e6, np.float32(3e38)])
boxes = st.lists(
    st.tuples(places | wild, places | wild, lengths, lengths | wild.map(abs)), max_size=6
)
shapes = st.tuples(st.integers(1, 300), st.integers(1, 400), st.just(3))


def fill(mask: np.ndarray, box: Box, value: bool) -> None:
    left, top, right, bottom = (max(side, 0) for side in box)
    mask[top:bottom, left:right] = value


@settings(max_examples=60, deadline=None)
@given(boxes=boxes, shape=shapes, share=st.floats(0.15, 1), read=st.booleans(), ids=st.booleans())
def test_only_lines_and_labels_are_touched(
    boxes: list[list[float]], shape: tuple[int, int, int], share: float, read: bool, ids: bool
) -> None:
    frame = noise(shape)
    faces = faces_at(boxes, "fear", share) if read else Faces.of(boxes)
    drawn = annotated(frame, faces, ids=ids)
    allowed = np.zeros(shape[:2], bool)
    for mark in marks(faces, shape, ids=ids):
        ring = np.zeros(shape[:2], bool)
        fill(ring, around(mark), True)
        fill(ring, mark.box, False)
        allowed |= ring
        if mark.label is not None:
            fill(allowed, label_box(mark), True)
    assert np.array_equal(drawn[~allowed], frame[~allowed])


@settings(max_examples=40, deadline=None)
@given(boxes=boxes, shape=shapes)
def test_blurring_takes_any_box_and_picture(
    boxes: list[list[float]], shape: tuple[int, int, int]
) -> None:
    assert annotated(noise(shape), faces_at(boxes), blur=True).shape == shape
