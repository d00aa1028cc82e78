"""How a share of one face is shown: nobody can be certain of it."""

import pytest

from fer.emotions import percent


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, 0), (0.004, 0), (0.126, 13), (0.5, 50), (0.99, 99), (0.994, 99), (0.996, 99), (1.0, 99)],
)
def test_no_face_is_ever_shown_with_a_hundred_percent(share: float, shown: int) -> None:
    assert percent(share) == shown
