import pytest

from ocppsec.station.attempts import BackOff, after_loss, after_reboot, own_reconnect


def dialled(attempts, number):
    """The slots of *number* attempts that all fail, and the back-off step before each."""
    seen = []
    for _ in range(number):
        seen.append((attempts.slot, attempts.back_off_step))
        attempts = attempts.failed()
    return seen


def test_after_a_reboot_the_list_is_tried_from_its_first_entry():
    """B10.FR.03, 04: each slot its number of attempts, the first at once, then the next slot at once."""
    attempts = after_reboot((2, 1), last_good=1, per_slot=2)
    assert dialled(attempts, 4) == [(2, 0), (2, 1), (1, 0), (1, 1)]


def test_after_all_slots_the_last_good_one_is_dialled_for_ever():
    """B10.FR.07, 09: the station falls back and never gives up, with growing waits."""
    attempts = after_reboot((2, 3), last_good=1, per_slot=1)
    assert dialled(attempts, 6) == [(2, 0), (3, 0), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_falling_back_is_known_as_such():
    """Only the fallback presents the old certificate again (A02.FR.28)."""
    attempts = after_reboot((2,), last_good=1, per_slot=1)
    assert not attempts.recovering
    assert attempts.failed().recovering


def test_a_station_that_never_connected_falls_back_to_its_first_slot():
    """Without a last success there is only the list."""
    assert dialled(after_reboot((2, 1), last_good=None, per_slot=1), 3) == [(2, 0), (1, 0), (2, 0)]


def test_falling_back_to_the_slot_that_has_just_failed_is_no_new_beginning():
    """TC_B_49_CS: both slots failed, the old one is dialled again after RetryBackOffWaitMinimum."""
    attempts = after_reboot((2, 1), last_good=1, per_slot=1)
    assert dialled(attempts, 5) == [(2, 0), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_the_waits_of_the_only_slot_grow_on():
    """TC_B_57_CS: twice as long after a failure, also where the attempts on the slot are used up."""
    assert dialled(after_loss((1,), active=1, per_slot=1), 4) == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert dialled(after_loss((1,), active=1, per_slot=2), 4) == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_a_lost_connection_is_dialled_again_after_a_wait():
    """Part 4, 5.3: the slot that was in use, not before RetryBackOffWaitMinimum; then the others."""
    assert dialled(after_loss((2, 1), active=1, per_slot=2), 5) == [(1, 1), (1, 2), (2, 0), (2, 1), (1, 0)]


def test_a_station_that_hung_up_itself_comes_back_at_once():
    """A01, A02.FR.08: new credentials are tried without a wait."""
    assert dialled(own_reconnect((1,), active=1, per_slot=2), 2) == [(1, 0), (1, 1)]


def test_no_attempts_are_at_least_one():
    """A CSMS that sets nonsense does not stop the station."""
    assert dialled(after_reboot((2, 1), last_good=1, per_slot=0), 2) == [(2, 0), (1, 0)]


@pytest.mark.parametrize(
    ("step", "random", "seconds"),
    [
        pytest.param(1, 0.0, 10, id="first wait"),
        pytest.param(2, 0.0, 20, id="doubled"),
        pytest.param(3, 0.0, 40, id="doubled twice"),
        pytest.param(4, 0.0, 40, id="no more doublings than RepeatTimes"),
        pytest.param(1, 0.5, 12.5, id="random part"),
        pytest.param(3, 0.5, 42.5, id="random part is not doubled"),
    ],
)
def test_back_off(step, random, seconds):
    """Part 4, 5.3: minimum, doubled RepeatTimes times, each time with a new random part."""
    assert BackOff(minimum=10, random_range=5, repeats=2).wait(step, random) == seconds
