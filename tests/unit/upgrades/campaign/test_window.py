"""When stations may be begun."""

from datetime import UTC, datetime

import pytest

from ocppsec.upgrades.campaign.window import Window, is_open

NIGHT = Window(hours="22:00-05:00", days=("fri",), timezone="Europe/Berlin")
DAY = Window(hours="09:00-17:00", days=("fri",))


def at(day, hour, minute=0):
    """November 2026; the 20th is a Friday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "now", "timezone", "opened"),
    [
        pytest.param(None, at(20, 3), "", True, id="no window"),
        pytest.param(DAY, at(20, 9), "", True, id="begins"),
        pytest.param(DAY, at(20, 8, 59), "", False, id="before"),
        pytest.param(DAY, at(20, 17), "", False, id="ends"),
        pytest.param(DAY, at(21, 10), "", False, id="another day"),
        pytest.param(NIGHT, at(20, 21), "", True, id="22:00 in Berlin"),
        pytest.param(NIGHT, at(20, 20, 59), "", False, id="21:59 in Berlin"),
        pytest.param(NIGHT, at(21, 3, 59), "", True, id="behind midnight it is still Friday's"),
        pytest.param(NIGHT, at(21, 4), "", False, id="05:00 in Berlin"),
        pytest.param(NIGHT, at(20, 1), "", False, id="Thursday's night is not Friday's"),
        pytest.param(DAY, at(20, 6), "Asia/Dubai", True, id="a station's own time"),
        pytest.param(DAY, at(20, 6), "Mars/Olympus", False, id="a time zone nobody knows"),
    ],
)
def test_is_open(window, now, timezone, opened):
    """Hours count in the station's time zone, else in the window's."""
    assert is_open(window, timezone, now) is opened
