import pytest

from ocppsec.station.security_events import LOG_LENGTH, QUEUE_LENGTH, delivered, raised, raised_once


def types(events):
    return [event.type for event in events]


@pytest.mark.parametrize(
    ("type_", "critical"),
    [
        pytest.param("StartupOfTheDevice", True, id="startup"),
        pytest.param("InvalidCsmsCertificate", True, id="bad CSMS certificate"),
        pytest.param("InvalidChargingStationCertificate", True, id="bad own certificate"),
        pytest.param("InvalidTLSVersion", True, id="old TLS"),
        pytest.param("ReconfigurationOfSecurityParameters", False, id="reconfiguration"),
        pytest.param("FailedToAuthenticateAtCsms", False, id="refused by the CSMS"),
    ],
)
def test_critical_events_are_queued_and_all_are_logged(world, type_, critical):
    """A04.FR.01, 04."""
    kept = raised(world.kept, type_, world.now, "why")
    assert types(kept.log) == [type_]
    assert types(kept.undelivered) == ([type_] if critical else [])


def test_an_event_waits_until_it_was_answered(world):
    """A04.FR.02: only what was delivered leaves the queue, the log keeps it."""
    kept = raised(world.kept, "StartupOfTheDevice", world.now)
    kept = raised(kept, "ResetOrReboot", world.now)
    kept = delivered(kept, kept.undelivered[0])
    assert types(kept.undelivered) == ["ResetOrReboot"]
    assert types(kept.log) == ["StartupOfTheDevice", "ResetOrReboot"]


def test_equal_events_are_delivered_one_by_one(world):
    """Two reboots in the same millisecond are two events."""
    kept = raised(raised(world.kept, "ResetOrReboot", world.now), "ResetOrReboot", world.now)
    assert len(delivered(kept, kept.undelivered[0]).undelivered) == 1


def test_a_series_of_failures_is_one_event(world):
    """A00.FR.316, 419: until it was delivered, the same failure is no news."""
    kept = raised_once(world.kept, "InvalidTLSVersion", world.now)
    assert raised_once(kept, "InvalidTLSVersion", world.now) == kept
    assert types(raised_once(kept, "InvalidCsmsCertificate", world.now).undelivered) == [
        "InvalidTLSVersion",
        "InvalidCsmsCertificate",
    ]
    kept = delivered(kept, kept.undelivered[0])
    assert types(raised_once(kept, "InvalidTLSVersion", world.now).undelivered) == ["InvalidTLSVersion"]


def test_a_series_of_uncritical_failures_fills_no_log(world):
    """A station that is refused for days logs it once."""
    kept = raised_once(world.kept, "FailedToAuthenticateAtCsms", world.now)
    assert raised_once(kept, "FailedToAuthenticateAtCsms", world.now) == kept


def test_log_and_queue_are_bounded(world):
    """A CSMS that never answers costs no more and no more memory; the oldest go."""
    kept = world.kept
    for number in range(QUEUE_LENGTH + 5):
        kept = raised(kept, "ResetOrReboot", world.now, str(number))
    assert (len(kept.log), len(kept.undelivered)) == (LOG_LENGTH, QUEUE_LENGTH)
    assert kept.undelivered[0].tech_info == "5"


def test_tech_info_fits_the_schema(world):
    """At most 255 characters."""
    assert len(raised(world.kept, "ResetOrReboot", world.now, "x" * 300).log[0].tech_info) == 255
