"""Single faces: followed only if switched on, forgotten with time, ordered by concern."""

import numpy as np
import pytest

from fer.faces import NOBODY
from fer.lesson.people import ENOUGH, KEPT, MOST, UNSEEN, People
from tests.lesson.classes import crowd, faces, mixed, new_lesson, one, run


def test_nobody_is_followed_unless_that_is_switched_on() -> None:
    lesson = new_lesson()
    run(lesson, crowd(sad=3), range(30))
    assert lesson.people() is None


def test_each_second_has_one_emotion() -> None:
    lesson = new_lesson(individuals=True)
    run(lesson, faces(one("happy")), range(3))
    run(lesson, faces(one("sad")), range(5, 7))
    lesson.add(faces(one("neutral")), 7.0)  # the current second is not shown yet
    (person,) = lesson.people()
    happy, sad = 3, 4  # places in EMOTIONS
    assert person.words[-7:].tolist() == [happy] * 3 + [UNSEEN] * 2 + [sad] * 2
    assert (person.words[:-7] == UNSEEN).all()
    assert person.word == "sad"
    assert person.stability == 3 / 4  # of four steps from one read second to the next


def test_a_second_has_the_emotion_of_its_mean_reading() -> None:
    people = People()
    people.add(faces(one("happy", 0.6)), 0)
    people.add(faces(one("angry", 1.0)), 0)  # together: 0.3 happy, 0.5 angry, 0.2 neutral
    people.add(faces(one("happy")), 1)
    (person,) = people.all()
    assert person.word == "angry"


def test_faces_are_ordered_by_concern_and_half_needs_attention() -> None:
    lesson = new_lesson(individuals=True)
    sad, wavering, calm = one("sad"), mixed(angry=0.3, surprise=0.3, neutral=0.4), one("neutral")
    for second in range(41):
        first = sad if second < 20 else calm
        lesson.add(faces(first, calm, wavering), second + 0.5)
    found = lesson.people()
    assert [(who.id, who.concern, who.may_need_attention) for who in found] == [
        (2, 1.0, True),
        (0, 0.5, True),  # 20 of 40 seconds
        (1, 0.0, False),
    ]


def test_a_face_read_too_briefly_has_no_concern() -> None:
    lesson = new_lesson(individuals=True)
    run(lesson, faces(one("sad")), range(ENOUGH))  # the last of them still runs
    (person,) = lesson.people()
    assert np.isnan(person.concern)
    assert not person.may_need_attention
    run(lesson, faces(one("sad")), range(ENOUGH, ENOUGH + 1))
    assert lesson.people()[0].may_need_attention


def test_a_face_unseen_for_too_long_is_forgotten() -> None:
    people = People()
    people.add(faces(one("sad"), one("happy")), 0)
    people.add(faces(one("happy"), first_id=1), KEPT - 1)
    assert [who.id for who in people.all()] == [0, 1]
    people.add(faces(one("happy"), first_id=1), KEPT)
    assert [who.id for who in people.all()] == [1]


def test_beyond_the_limit_the_longest_unseen_face_is_forgotten() -> None:
    people = People()
    for id in range(MOST + 3):
        people.add(faces(one("happy"), first_id=id), id // 10)
    known = {who.id for who in people.all()}
    assert known == set(range(3, MOST + 3))


def test_a_new_face_keeps_no_data_of_the_face_it_replaces() -> None:
    people = People()
    for second in range(3):
        people.add(faces(*[one("sad")] * MOST), second)
    people.add(faces(one("happy"), first_id=MOST), 3)
    newest = next(who for who in people.all() if who.id == MOST)
    assert newest.word is None  # its first second still runs
    assert len(people.all()) == MOST


@pytest.mark.parametrize("who", ["nobody", "unread"])
def test_faces_without_id_or_reading_are_left_out(who: str) -> None:
    seen = faces(one("sad"))
    column = {"nobody": {"ids": [NOBODY]}, "unread": {"probabilities": np.full((1, 7), np.nan)}}
    people = People()
    people.add(seen.but(**column[who]), 0)
    assert people.all() == []
