"""The tracker on simulated galleries, and properties that hold for any input."""

import pickle
from collections import Counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.vision.boxes import overlaps
from fer.vision.track import Tracker
from fer.vision.track.appearance import best_pairs
from fer.vision.track.flow import GREY_SIDE, THUMB_SIDE
from fer.vision.track.state import FRAMES, MOST, drop_forgotten, new_rows
from tests.gallery_feed import (
    GALLERIES,
    Call,
    FaultyDetector,
    Person,
    Scene,
    cut_people,
    drawn_people,
    measure_tracker,
)

SIZE = (640, 360)
FRAME = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
HAPPY, SAD = np.eye(len(EMOTIONS))[[3, 4]]


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return drawn_people(10, seed=1)


def shown(people: list[Person], places: list[int], time: float, grid: int = 3) -> Scene:
    """Return a scene with these people in these places."""
    call = Call([people[who] for who in places], len(places), changes_every=None, size=SIZE)
    call.smallest_grid = grid
    scene = next(call.feed(1, 1))
    return scene._replace(time=time, people=np.array(places)[scene.people])


def truth(scene: Scene) -> Faces:
    return Faces.of(scene.boxes, confidence=np.ones(len(scene.boxes)))


def ids_of(tracker: Tracker, scene: Scene) -> dict[int, int]:
    """Return each person's id; people without a box are left out."""
    faces = tracker.faces
    shared = overlaps(faces.boxes, scene.boxes)
    return {
        int(scene.people[person]): int(faces.ids[row])
        for row, person in np.argwhere(shared > 0.3).tolist()
    }


def track(tracker: Tracker, scene: Scene) -> dict[int, int]:
    """Track one scene with a full search of it, and return the ids."""
    tracker.move(scene.frame, scene.time)
    tracker.match(truth(scene), scene.time)
    return ids_of(tracker, scene)


# Who is who


def test_ids_stay_while_nothing_happens(people: list[Person]) -> None:
    tracker = Tracker()
    call = Call(people, 9, changes_every=None, size=SIZE)
    seen = [track(tracker, scene) for scene in call.feed(3, 5)]
    assert seen == [seen[0]] * 15
    assert len(seen[0]) == 9


@pytest.mark.parametrize(
    ("places", "grid"),
    [
        ([1, 0, 2, 3, 4, 5, 6], 3),  # two swap
        ([1, 2, 3, 4, 5, 6], 3),  # the first one leaves, all the others move up
        ([6, 5, 4, 3, 2, 1, 0], 3),  # all are shuffled
        ([0, 1, 2, 3, 4, 5, 6], 4),  # the tiles shrink
        ([3, 6, 0, 1, 5, 4, 2], 5),
    ],
)
def test_ids_go_where_the_people_go(people: list[Person], places: list[int], grid: int) -> None:
    tracker = Tracker()
    before = track(tracker, shown(people, list(range(7)), 0))
    after = track(tracker, shown(people, places, 0.1, grid))
    assert after == {who: before[who] for who in places}


def test_who_takes_a_place_takes_no_id(people: list[Person]) -> None:
    tracker = Tracker()
    before = track(tracker, shown(people, [0, 1, 2], 0))
    after = track(tracker, shown(people, [0, 5, 2], 0.1))
    assert after[0] == before[0] and after[2] == before[2]
    assert after[5] not in before.values()


def test_who_comes_back_has_the_old_id(people: list[Person]) -> None:
    tracker = Tracker()
    track(tracker, shown(people, [0, 1, 2], 0))
    before = track(tracker, shown(people, [0, 1, 2], 0.5))
    tracker.read([before[1]], [HAPPY], 0.5)
    track(tracker, shown(people, [0, 2], 1))
    back = track(tracker, shown(people, [0, 2, 7, 1], 300))
    assert back[1] == before[1] and back[7] not in before.values()
    row = tracker.faces.ids == before[1]
    assert not tracker.faces.known[row].any(), "a mood of five minutes ago is none"


def test_twins_are_not_taken_for_each_other(people: list[Person]) -> None:
    tracker = Tracker()
    twins = [people[0], people[0], people[1]]
    for time in (0, 0.5):
        before = track(tracker, shown(twins, [0, 1, 2], time))
    track(tracker, shown(twins, [2], 1))
    back = track(tracker, shown(twins, [2, 1], 20))
    assert back[2] == before[2]
    assert back[1] not in (before[0], before[1]), "it can't be told which of them is back"


@pytest.mark.parametrize("gap", [1, 2])
def test_a_gap_of_the_detector_changes_no_id(people: list[Person], gap: int) -> None:
    tracker = Tracker()
    scenes = list(Call(people, 4, changes_every=None, size=SIZE).feed(gap + 2, 5))
    before = track(tracker, scenes[0])
    for scene in scenes[1:-1]:
        tracker.move(scene.frame, scene.time)
        if scene.time in range(gap + 1):
            tracker.match(truth(scene)[1:], scene.time)
    assert track(tracker, scenes[-1]) == before


def test_two_boxes_on_one_face_become_one() -> None:
    tracker = Tracker()
    tracker.move(FRAME, 0)
    tracker.match(Faces.of([[100, 100, 60, 80], [105, 98, 60, 80], [300, 100, 60, 80]]), 0)
    assert len(tracker.faces) == 2


# What is shown


def test_a_cut_clears_the_picture_at_once(people: list[Person]) -> None:
    tracker = Tracker()
    track(tracker, shown(people, [0, 1, 2], 0))
    assert not tracker.needs_detection
    other = shown(people, [5, 6, 7, 8, 9], 0.03, grid=2)
    tracker.move(other.frame, 0.03)
    assert len(tracker.faces) == 0 and tracker.needs_detection
    tracker.match(truth(other)[:0], 0)
    assert tracker.needs_detection, "a search of an earlier frame doesn't know of it"
    tracker.match(truth(other), 0.03)
    assert len(tracker.faces) == 5 and not tracker.needs_detection


def test_a_new_tile_asks_for_a_scan(people: list[Person]) -> None:
    tracker = Tracker()
    track(tracker, shown(people, [0, 1, 2], 0))
    tracker.move(shown(people, [0, 1, 2, 3], 0.03).frame, 0.03)
    assert len(tracker.faces) == 3 and tracker.needs_detection


def test_who_stays_unseen_vanishes_if_scans_happen(people: list[Person]) -> None:
    tracker = Tracker(patience=2.5)
    scene = shown(people, [0, 1], 0)
    for time in range(10):
        tracker.move(scene.frame, time)
        if time < 2:
            tracker.match(truth(scene), time)
    assert len(tracker.faces) == 2, "nobody looked"
    sizes = []
    for time in range(10, 14):
        tracker.move(scene.frame, time)
        tracker.match(truth(scene)[:1], time)
        sizes.append(len(tracker.faces))
    assert sizes == [2, 1, 1, 1], "one search may err, two don't"


def test_what_is_seen_once_vanishes_sooner(people: list[Person]) -> None:
    tracker = Tracker()
    scene = shown(people, [0, 1], 0)
    track(tracker, scene)
    for time in (0.5, 1.0):
        tracker.move(scene.frame, time)
        tracker.match(truth(scene)[:1], time)
    assert len(tracker.faces) == 1


def test_confidence_fades_while_a_face_is_missed(people: list[Person]) -> None:
    tracker = Tracker()
    scene = shown(people, [0, 1], 0)
    track(tracker, scene)
    tracker.move(scene.frame, 1)
    tracker.match(truth(scene)[:1], 1)
    sure, missed = tracker.faces.confidence.tolist()
    assert sure == 1 and missed == pytest.approx(0.8)


def test_a_picture_without_contrast_loses_nobody() -> None:
    tracker = with_faces(3)
    for time in (0.1, 0.2):
        tracker.move(FRAME, time)
    assert tracker.faces.ids.tolist() == [0, 1, 2]


def test_a_look_around_some_leaves_the_others_alone(people: list[Person]) -> None:
    tracker = Tracker()
    scene = shown(people, [0, 1, 2], 0)
    ids = track(tracker, scene)
    for time in (1, 2, 3, 4):
        tracker.move(scene.frame, time)
        tracker.match_around(truth(scene)[:1], [ids[0], ids[1]], time)
    assert set(tracker.faces.ids.tolist()) == {ids[0], ids[2]}


# Where the boxes are


def panned(picture: npt.NDArray[Any], dx: float, dy: float, zoom: float = 1) -> npt.NDArray[Any]:
    way = np.array([[zoom, 0, dx], [0, zoom, dy]], np.float32)
    return np.asarray(cv2.warpAffine(picture, way, SIZE, borderMode=cv2.BORDER_REFLECT))


def test_boxes_and_landmarks_move_with_the_picture(people: list[Person]) -> None:
    tracker = Tracker()
    scene = shown(people, [0, 1, 2, 3, 4], 0)
    marks = scene.boxes[:, None, :2] + scene.boxes[:, None, 2:] * np.float32([0.3, 0.4])
    marks = np.repeat(marks, 5, axis=1)
    tracker.move(scene.frame, 0)
    tracker.match(truth(scene).but(landmarks=marks), 0)
    for step in range(1, 16):
        tracker.move(panned(scene.frame, 2 * step, step, 1 + 0.002 * step), step / 30)
    zoom, shift = 1.03, np.array([30, 15])
    faces = tracker.faces
    np.testing.assert_allclose(faces.boxes[:, :2], scene.boxes[:, :2] * zoom + shift, atol=1.5)
    np.testing.assert_allclose(faces.boxes[:, 2:], scene.boxes[:, 2:] * zoom, rtol=0.05)
    np.testing.assert_allclose(faces.landmarks, marks * zoom + shift, atol=2)


def test_a_late_scan_is_carried_to_now(people: list[Person]) -> None:
    scene = shown(people, [0, 1, 2, 3, 4], 0)
    to_the_right = np.float32([30, 0, 0, 0])
    tracker = Tracker()
    for step in range(31):
        tracker.move(panned(scene.frame, step, 0), step / 30)
        if step == 15:
            tracker.match(truth(scene)[:3], 0)
    np.testing.assert_allclose(tracker.faces.boxes, scene.boxes[:3] + to_the_right, atol=2)
    tracker.match(truth(scene), 0)  # the first three are known, the others are carried all the way
    np.testing.assert_allclose(tracker.faces.boxes, scene.boxes + to_the_right, atol=2)
    assert tracker.faces.ids.tolist() == list(range(5))


def test_a_scan_from_before_a_cut_starts_nobody(people: list[Person]) -> None:
    tracker = Tracker()
    old, new = shown(people, [0, 1, 2], 0), shown(people, [5, 6, 7, 8], 0.1, grid=2)
    tracker.move(old.frame, 0)
    tracker.move(new.frame, 0.1)
    tracker.match(truth(old), 0)
    assert len(tracker.faces) == 0 and tracker.needs_detection


@pytest.mark.parametrize("late", [-1, -0.001])
def test_a_scan_of_an_unknown_frame_says_nothing(people: list[Person], late: float) -> None:
    scene = shown(people, [0], 0)
    tracker = Tracker()
    tracker.match(truth(scene), 0)
    tracker.move(scene.frame, 0)
    tracker.match(truth(scene), late)
    assert len(tracker.faces) == 0


def test_another_resolution_rescales_the_boxes(people: list[Person]) -> None:
    tracker = Tracker()
    scene = shown(people, [0, 1, 2], 0)
    before = track(tracker, scene)
    tracker.move(np.asarray(cv2.resize(scene.frame, (1280, 720))), 0.1)
    np.testing.assert_allclose(tracker.faces.boxes, scene.boxes * 2, atol=2)
    assert tracker.faces.ids.tolist() == sorted(before.values())
    tracker.match(truth(scene), 0)  # its boxes are in pixels of the smaller frame
    np.testing.assert_allclose(tracker.faces.boxes, scene.boxes * 2, atol=2)


def test_a_recording_may_jump_back(people: list[Person]) -> None:
    tracker = Tracker()
    before = track(tracker, shown(people, [0, 1, 2], 100))
    tracker.read(tracker.due(9), [HAPPY] * 3, 100)
    assert track(tracker, shown(people, [0, 1, 2], 5)) == before
    tracker.read(tracker.due(9), [SAD] * 3, 6)
    assert tracker.faces.probabilities[0, 3] == pytest.approx(0.5 ** (1 / tracker.half_life))


# Readings


def with_faces(count: int, half_life: float = 0.6) -> Tracker:
    """Return a tracker of so many faces, with ids from 0."""
    tracker = Tracker(half_life)
    tracker.move(FRAME, 0)
    tracker.match(Faces.of([[40 + 60 * at, 100, 40, 50] for at in range(count)]), 0)
    assert tracker.faces.ids.tolist() == list(range(count))
    return tracker


def test_a_first_reading_is_taken_as_it_is_and_half_of_it_stays_for_a_half_life() -> None:
    tracker = with_faces(2, half_life=0.5)
    tracker.read([1, 99], [HAPPY, SAD], 0)
    assert tracker.faces.words() == [None, "happy"]
    assert tracker.faces.probabilities[1].tolist() == HAPPY.tolist()
    tracker.read([1], [SAD], 0.5)
    np.testing.assert_allclose(tracker.faces.probabilities[1], (HAPPY + SAD) / 2)
    tracker.read([1], [HAPPY], 0.2)
    np.testing.assert_allclose(tracker.faces.probabilities[1], (HAPPY + SAD) / 2)


@pytest.mark.parametrize("bad", [[np.nan] * 7, [0] * 7, [-1, 2, 0, 0, 0, 0, 0], [np.inf] * 7])
def test_a_reading_that_is_no_distribution_is_ignored(bad: list[float]) -> None:
    tracker = with_faces(1)
    tracker.read([0], [bad], 0)
    assert not tracker.faces.known.any()


@given(st.lists(st.floats(0.01, 0.9), max_size=20), st.floats(0.1, 5))
def test_smoothing_knows_no_frame_rate(parts: list[float], half_life: float) -> None:
    tracker = with_faces(1, half_life)
    tracker.read([0], [HAPPY], 0)
    for part in sorted(parts):
        tracker.read([0], [SAD], part)
    tracker.read([0], [SAD], 1)
    old = 0.5 ** (1 / half_life)
    np.testing.assert_allclose(
        tracker.faces.probabilities[0], old * HAPPY + (1 - old) * SAD, atol=1e-5
    )


@given(st.integers(1, 9), st.lists(st.integers(0, 12), max_size=30))
def test_turns_are_fair(faces: int, counts: list[int]) -> None:
    tracker = with_faces(faces)
    turns = Counter(dict.fromkeys(range(faces), 0))
    for count in counts:
        ids = tracker.due(count).tolist()
        assert len(ids) == len(set(ids)) == min(count, faces)
        turns.update(ids)
        assert max(turns.values()) - min(turns.values()) <= 1


def test_new_faces_have_their_turn_first() -> None:
    tracker = with_faces(3)
    assert tracker.due(2).tolist() == [0, 1]
    tracker.match(Faces.of([[40 + 60 * at, 100, 40, 50] for at in range(5)]), 0)
    assert tracker.due(4).tolist() == [2, 3, 4, 0]


# Whatever comes in

boxes = st.tuples(
    st.floats(-200, 700, width=32),
    st.floats(-200, 400, width=32),
    st.floats(0.125, 900, width=32),
    st.floats(0.125, 900, width=32),
)
steps = st.fixed_dictionaries(
    {
        "do": st.sampled_from(["move", "move", "match", "match", "around", "read", "due"]),
        "time": st.floats(0, 30),
        "size": st.sampled_from([(1, 1), (3, 200), (90, 160), (90, 160), (360, 640), (480, 480)]),
        "seed": st.integers(0, 5),
        "boxes": st.lists(boxes, max_size=6),
        "ids": st.lists(st.integers(-1, 12), max_size=6),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25))
def test_the_promises_hold_whatever_comes(done: list[dict[str, Any]]) -> None:
    tracker, known = Tracker(), set[int]()
    for step in done:
        chance = np.random.default_rng(step["seed"])
        found = Faces.of(np.float32(step["boxes"]).reshape(-1, 4))
        if step["do"] == "move":
            noise = chance.integers(0, 256, (5, 9, 3)).astype(np.uint8)
            tracker.move(np.asarray(cv2.resize(noise, step["size"][::-1])), step["time"])
        elif step["do"] == "match":
            tracker.match(found, step["time"])
        elif step["do"] == "around":
            tracker.match_around(found, step["ids"], step["time"])
        elif step["do"] == "read":
            shares = chance.dirichlet(np.ones(len(EMOTIONS)), len(step["ids"]))
            tracker.read(step["ids"], shares, step["time"])
        else:
            assert set(tracker.due(3).tolist()) <= set(tracker.faces.ids.tolist())
        faces = tracker.faces  # Faces itself checks that boxes are finite and have a size
        ids = faces.ids.tolist()
        assert len(set(ids)) == len(ids)
        assert all(new > max(known, default=-1) for new in set(ids) - known), "never used again"
        known |= set(ids)
        np.testing.assert_allclose(faces.probabilities[faces.known].sum(axis=1), 1, atol=1e-5)


def test_only_so_many_are_remembered_and_only_so_long() -> None:
    rows = new_rows(Faces.of(np.ones((3 * MOST, 4))), 0, 0)
    rows["lost_at"], rows["detections"] = np.arange(len(rows)), 2
    rows["detections"][-1] = 1
    kept = drop_forgotten(rows, time=len(rows))
    assert kept["id"].tolist() == list(range(2 * MOST, 3 * MOST))
    assert len(drop_forgotten(rows, time=1e6)) == 0


def test_best_pairs_come_first_and_doubtful_ones_not_at_all() -> None:
    scores = np.array([[0.9, 0.88, 0.1], [0.1, 0.2, 0.8]], np.float32)
    assert best_pairs(scores, 0.5) == [(0, 0), (1, 2)]
    assert best_pairs(scores, 0.5, margin=0.05) == [(1, 2)]
    one = np.zeros((3, 3), bool)
    one[0, 1] = one[1, 0] = True
    assert best_pairs(scores, 0.5, margin=0.05, one=one) == [(0, 0), (1, 2)]
    assert best_pairs(scores[:0], 0.5) == best_pairs(scores[:, :0], 0.5) == []


# Whole lessons


def expect_good(call: Call, seconds: float, fps: float, detector: FaultyDetector) -> None:
    tracker = Tracker()
    verdict = measure_tracker(call, seconds, fps, detector, tracker)
    print(verdict)
    assert verdict.hand_overs_in_1000 <= 1
    assert verdict.needless <= 0.001 * verdict.track_seconds
    assert verdict.kept_ids >= 0.9 * (verdict.kept_ids + verdict.changed_ids)
    # In a change of the grid the faces that move are hidden until the next search is done.
    assert verdict.track_seconds >= 0.85 * verdict.face_seconds

    thumb = THUMB_SIDE**2 * 9 // 16 * 3
    row = new_rows(Faces.none(), 0, 0).itemsize
    most = (FRAMES + 1) * 1.05 * thumb + GREY_SIDE**2 + (MOST + len(call.people)) * row
    assert len(pickle.dumps(tracker)) <= most


def test_a_short_lesson_of_drawn_people() -> None:
    call = Call(drawn_people(12, seed=2), 9, seed=1, changes_every=5, size=(640, 360))
    expect_good(call, 24, 4, FaultyDetector(seed=1))


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_a_lesson_of_drawn_people(seed: int) -> None:
    call = Call(drawn_people(49, seed), 30, seed=seed, changes_every=15)
    expect_good(call, 300, 5, FaultyDetector(seed=seed))


@pytest.mark.long
@pytest.mark.data
@pytest.mark.skipif(not GALLERIES.is_dir(), reason=f"no galleries in {GALLERIES}")
@pytest.mark.parametrize("name", ["25_mild_0", "25_hard_1", "49_mild_1", "49_hard_0"])
def test_a_lesson_of_a_gallery(name: str) -> None:
    people = cut_people(name)
    call = Call(people, round(0.75 * len(people)), seed=len(people), changes_every=20)
    expect_good(call, 600, 5, FaultyDetector(seed=7))
