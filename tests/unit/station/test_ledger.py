"""The account of a fleet, from happenings and times."""

import pytest

from ocppsec.station import happenings as told
from ocppsec.station.ledger import OTHER, REASONS, Ledger, latency

DIALLING = told.Dialling(slot=1, profile=1, url="ws://h/CS1")
CONNECTED = told.Connected(slot=1, profile=1)
BOOTED = told.Booted(status="Accepted", profile=1, reason="PowerUp", interval=300)
LET_IN = told.Confirmed(slot=1, profile=1)
GONE = told.Disconnected(code=1006, reason="")
UNREACHABLE = told.ConnectFailed(slot=1, profile=1, stage="tcp", reason="Connection refused")


def refused(status, body):
    return told.Refused(slot=1, profile=1, status=status, body=body)


def lived(ledger, number, begin, *happenings):
    """One happening each second from *begin*."""
    for second, happening in enumerate(happenings):
        ledger.note(number, happening, begin + second)


def test_it_counts_what_is_and_what_was():
    """Connected and let in are states, ever accepted is history."""
    ledger = Ledger(["right", "right", "flood"])
    lived(ledger, 0, 0, DIALLING, CONNECTED, BOOTED, LET_IN)
    lived(ledger, 1, 0, DIALLING, CONNECTED, BOOTED, LET_IN, GONE)
    lived(ledger, 2, 0, DIALLING, CONNECTED)
    total = ledger.report(9).total
    assert (total.stations, total.connected, total.accepted, total.ever_accepted) == (3, 2, 1, 2)
    right = ledger.report(9).manners["right"]
    assert (right.stations, right.connected, right.accepted, right.ever_accepted) == (2, 1, 1, 2)
    assert ledger.report(9).manners["flood"].connected == 1


def test_a_stopped_station_is_not_connected():
    """Also when no Disconnected came before."""
    ledger = Ledger(["right"])
    lived(ledger, 0, 0, DIALLING, CONNECTED, LET_IN, told.Stopped())
    assert (ledger.report(9).total.connected, ledger.report(9).total.accepted) == (0, 0)


def test_latencies_are_counted_from_dialling():
    """To the WebSocket, and to the accepted boot; a Pending one does not count."""
    ledger = Ledger(["right"])
    pending = told.Booted(status="Pending", profile=1, reason="PowerUp", interval=1)
    lived(ledger, 0, 5, DIALLING, CONNECTED, pending, BOOTED, LET_IN)
    report = ledger.report(20)
    assert (report.connect.count, report.connect.p50) == (1, 1000)
    assert (report.boot.count, report.boot.p50) == (1, 3000)


def test_refusals_are_counted_by_their_words():
    """The most frequent first; only the first line, and cut."""
    ledger = Ledger(["right", "flood"])
    lived(ledger, 0, 0, refused(401, "wrong password\nmore"), refused(401, "wrong password"), UNREACHABLE)
    lived(ledger, 1, 0, refused(404, "x" * 500))
    report = ledger.report(1)
    assert report.total.refused == {
        "401 wrong password": 2,
        "tcp: Connection refused": 1,
        ("404 " + "x" * 500)[:100]: 1,
    }
    assert list(report.manners["flood"].refused.values()) == [1]


def test_a_csms_with_endless_words_fills_no_memory():
    """So many different reasons are kept; the rest is counted together."""
    ledger = Ledger(["right"])
    lived(ledger, 0, 0, *(refused(401, f"try {number}") for number in range(REASONS + 50)))
    reasons = ledger.report(1).total.refused
    assert (len(reasons), reasons[OTHER]) == (REASONS + 1, 50)


def test_a_storm_is_over_when_all_are_back():
    """Only those that were connected count; each is back when the CSMS lets it in again."""
    ledger = Ledger(["right"] * 3)
    for number in (0, 1):
        lived(ledger, number, 0, DIALLING, CONNECTED, BOOTED, LET_IN)
    ledger.storm(10)
    lived(ledger, 0, 10, GONE, DIALLING, CONNECTED, LET_IN)
    lived(ledger, 2, 10, DIALLING, CONNECTED, LET_IN)
    (storm,) = ledger.report(20).storms
    assert (storm.at, storm.cut, storm.back, storm.recovery.count) == (10, 2, 1, 1)
    assert storm.recovery.longest == 3000
    lived(ledger, 0, 30, GONE, DIALLING, LET_IN)
    assert ledger.report(40).storms[0].back == 1


def test_a_crash_of_the_simulator_is_told():
    """By the name of the error; the station is gone."""
    ledger = Ledger(["right"])
    lived(ledger, 0, 0, DIALLING, CONNECTED, LET_IN)
    ledger.crashed(0, RuntimeError("secret"))
    total = ledger.report(1).total
    assert (total.crashed, total.connected, ledger.report(1).failed) == ({"RuntimeError": 1}, 0, True)


@pytest.mark.parametrize(
    ("label", "let_in", "failed"),
    [
        pytest.param("right", False, True, id="a right station was never let in"),
        pytest.param("right", True, False, id="a right station was let in"),
        pytest.param("wrong-password", False, False, id="a wrong one was not"),
    ],
)
def test_a_fleet_fails_with_its_right_stations(label, let_in, failed):
    """What misbehaves need not get in."""
    ledger = Ledger([label])
    lived(ledger, 0, 0, DIALLING, *([CONNECTED, LET_IN, GONE] if let_in else [UNREACHABLE]))
    assert ledger.report(1).failed is failed


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param([], (0, 0.0, 0.0, 0.0), id="none"),
        pytest.param([2.0], (1, 2000.0, 2000.0, 2000.0), id="one"),
        pytest.param([n / 1000 for n in range(200, 0, -1)], (200, 101.0, 199.0, 200.0), id="many"),
    ],
)
def test_latencies_are_ranked(seconds, expected):
    """By the nearest rank, in milliseconds."""
    told_ = latency(seconds)
    assert (told_.count, told_.p50, told_.p99, told_.longest) == expected


def test_an_account_of_each():
    """Only where it is asked for: what became of every station, and on which profile it was refused."""
    ledger = Ledger(["right", "flood"], identities=["CS0", "CS1"])
    lived(ledger, 0, 0, DIALLING, CONNECTED, LET_IN, GONE, refused(401, "401 wrong-password: no"))
    ours, other = ledger.report(9).stations.values()
    assert (ours.manner, ours.ever_accepted, ours.accepted, ours.profile) == ("right", True, False, 1)
    assert ours.refused == {"1: 401 wrong-password: no": 1}
    assert (other.manner, other.ever_accepted, other.profile, other.refused) == ("flood", False, None, {})
    assert Ledger(["right"]).report(9).stations == {}
