"""When renewal is due."""

from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.certificates.renewal import Life, due, elapsed, renew_at

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = Life(begin=BEGIN, end=BEGIN + timedelta(days=90))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(-1, False, id="not valid yet"),
        pytest.param(59.99, False, id="just before"),
        pytest.param(60, True, id="at two thirds"),
        pytest.param(91, True, id="after its end"),
    ],
)
def test_due_at_two_thirds(days, expected):
    """Without a spread it is due when two thirds of its life are over."""
    assert due(LIFE, BEGIN + timedelta(days=days)) is expected


def test_the_spread_is_the_same_every_time():
    """One station always gets the same moment, another one another."""
    assert renew_at(LIFE, spread="CP1") == renew_at(LIFE, spread="CP1")
    assert renew_at(LIFE, spread="CP1") != renew_at(LIFE, spread="CP2")


def test_a_fleet_is_spread_evenly():
    """A thousand stations renew within a tenth of the life around two thirds, no hour is crowded."""
    moments = [
        (renew_at(LIFE, spread=f"CP{number}") - BEGIN).total_seconds() / 86_400 for number in range(1000)
    ]
    assert min(moments) > 55.5 - 0.01
    assert max(moments) < 64.5 + 0.01
    by_day = [sum(day <= moment < day + 1 for moment in moments) for day in range(56, 64)]
    assert min(by_day) > 70
    assert max(by_day) < 150


def test_elapsed():
    """The share of a life that is over, also before and after it."""
    assert elapsed(LIFE, BEGIN + timedelta(days=45)) == pytest.approx(0.5)
    assert elapsed(LIFE, BEGIN - timedelta(days=9)) == pytest.approx(-0.1)
    assert elapsed(Life(begin=BEGIN, end=BEGIN), BEGIN) == 0
