"""Times and delays of frames from clients whose clocks are wrong."""

import pytest

from fer.server.clock import DelayGauge, FrameClock


def test_possible_times_are_kept() -> None:
    clock = FrameClock()
    times = [clock.time(50 + at / 10, 900 + at / 10 + at % 3 / 50) for at in range(20)]
    assert times == pytest.approx([50 + at / 10 for at in range(20)])


@pytest.mark.parametrize("first", [-1.0, 1e300, 1e12])
def test_an_impossible_first_time_becomes_zero(first: float) -> None:
    assert FrameClock().time(first, 1.0) == 0


def test_a_reloaded_page_goes_on_by_our_clock() -> None:
    clock = FrameClock()
    clock.time(500.0, 10.0)
    assert clock.time(0.2, 13.0) == pytest.approx(503)
    assert clock.time(0.3, 13.1) == pytest.approx(503.1)


def test_two_equal_times_are_a_small_step_apart() -> None:
    clock = FrameClock()
    assert clock.time(5.0, 1.0) < clock.time(5.0, 1.0)


def test_a_delay_needs_no_common_clock() -> None:
    gauge = DelayGauge()
    for at in range(10):
        gauge.arrived(at / 10, 7000 + at / 10 + (0.3 if at == 9 else 0.0))
    assert gauge.delay(0.9, 7000.9 + 0.3 + 0.05) == pytest.approx(0.35)


def test_drifting_clocks_do_not_let_the_delay_grow() -> None:
    gauge = DelayGauge()
    for second in range(3600):
        now = second * 1.001
        gauge.arrived(second, now)
        assert gauge.delay(second, now + 0.05) < 0.2


@pytest.mark.parametrize("jump", [1e12, -1e12])
def test_after_a_jump_of_the_clock_the_delay_is_bounded(jump: float) -> None:
    gauge = DelayGauge()
    gauge.arrived(5.0, 100.0)
    gauge.arrived(5.0 + jump, 100.1)
    assert 0 <= gauge.delay(5.0, 100.2) <= DelayGauge.MEMORY
    assert 0 <= gauge.delay(5.0 + jump, 100.2) <= DelayGauge.MEMORY
