from datetime import UTC, datetime, timedelta, timezone

import pytest

from ocppsec.ocppj.times import from_wire, to_wire

NOON = datetime(2031, 1, 5, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2031-01-05T12:00:00Z", NOON, id="utc"),
        pytest.param("2031-01-05T12:00:00.000Z", NOON, id="milliseconds"),
        pytest.param("2031-01-05T12:00:00.123456789Z", NOON.replace(microsecond=123456), id="nanoseconds"),
        pytest.param("2031-01-05T12:00:00.5Z", NOON.replace(microsecond=500000), id="one decimal"),
        pytest.param("2031-01-05T13:00:00+01:00", NOON, id="offset"),
        pytest.param("2031-01-05T13:00:00+0100", NOON, id="offset without colon"),
        pytest.param("2031-01-05T12:00:00", NOON, id="no offset"),
        pytest.param("2031-01-05 12:00:00Z", NOON, id="space"),
        pytest.param("2031-01-05t12:00:00z", NOON, id="lower case"),
        pytest.param("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC), id="a clock never set"),
    ],
)
def test_the_spellings_of_the_field_are_read(text, moment):
    """Points in time are understood with and without fractions and offsets, and come out in UTC."""
    assert from_wire(text) == moment
    assert from_wire(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2031-01-05",
        "12:00:00",
        "2031-13-05T12:00:00Z",
        "2031-01-05T25:00:00Z",
        "2031-01-05T12:00:00+99:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٣١-01-05T12:00:00Z",
    ],
)
def test_what_is_no_point_in_time_is_refused(text):
    """Anything else is a ValueError, also at the edges of the calendar."""
    with pytest.raises(ValueError):
        from_wire(text)


def test_we_write_utc_with_milliseconds():
    """Part 2, time format: at most three decimals, and always an offset."""
    assert to_wire(NOON.replace(microsecond=123999)) == "2031-01-05T12:00:00.123Z"
    assert to_wire(NOON.astimezone(timezone(timedelta(hours=5)))) == "2031-01-05T12:00:00.000Z"


def test_a_naive_time_never_reaches_the_wire():
    """A point in time without an offset is our mistake, not something to guess about."""
    with pytest.raises(ValueError, match="offset"):
        to_wire(NOON.replace(tzinfo=None))
