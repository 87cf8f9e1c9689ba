"""How often a station may ask."""

import pytest

from ocppsec.certificates import request_desk
from ocppsec.certificates.request_desk import AnsweredBefore, Fresh, RequestDesk, TooMany


def test_the_same_request_gets_the_same_chain():
    """A02.FR.17: a station that was not answered in time asks again; there is never a second certificate."""
    desk = RequestDesk()
    assert desk.arrive("CP-1", "csr\n", 0.0) == Fresh()
    assert desk.arrive("CP-1", "csr\n", 1.0) == Fresh()  # it was not issued: judged again
    desk.delivered("CP-1", "csr\n", "chain")
    assert desk.arrive("CP-1", "csr\r\n", 2.0) == AnsweredBefore("chain")
    assert desk.arrive("CP-1", "other", 3.0) == Fresh()
    assert desk.arrive("CP-2", "csr\n", 4.0) == Fresh()


def test_a_station_that_asks_too_often_waits():
    """Five at once, then one a minute; the answer says how long."""
    desk = RequestDesk(burst=5, seconds=60)
    assert all(desk.arrive("CP-1", f"{n}", 0.0) == Fresh() for n in range(5))
    refused = desk.arrive("CP-1", "5", 0.0)
    assert isinstance(refused, TooMany)
    assert refused.seconds == pytest.approx(60)
    assert refused.reason.code == "too-many-requests"
    assert isinstance(desk.arrive("CP-1", "5", 59.0), TooMany)
    assert desk.arrive("CP-1", "5", 60.0) == Fresh()
    assert isinstance(desk.arrive("CP-1", "6", 60.0), TooMany)
    assert desk.arrive("CP-2", "1", 60.0) == Fresh()


def test_all_stations_together_are_rationed():
    """A thousand identities with stolen passwords do not keep the CA busy."""
    desk = RequestDesk(burst_of_all=10)
    answers = [desk.arrive(f"CP-{n}", "csr", 0.0) for n in range(11)]
    assert answers[:10] == [Fresh()] * 10
    assert isinstance(answers[10], TooMany)
    assert desk.arrive("CP-10", "csr", 0.03) == Fresh()


def test_memory_is_bounded(monkeypatch):
    """Beyond the limit the one that has not asked for longest is forgotten."""
    monkeypatch.setattr(request_desk, "STATIONS_REMEMBERED", 2)
    desk = RequestDesk()
    for identity in ("CP-1", "CP-2", "CP-1", "CP-3"):
        desk.arrive(identity, "csr", 0.0)
        desk.delivered(identity, "csr", "chain")
    assert desk.arrive("CP-1", "csr", 0.0) == AnsweredBefore("chain")
    assert desk.arrive("CP-2", "csr", 0.0) == Fresh()


def test_a_forgotten_chain_is_not_sent_again():
    """Revoked or removed: the next request is judged."""
    desk = RequestDesk()
    desk.delivered("CP-1", "csr", "chain")
    desk.forget("CP-1")
    desk.forget("CP-1")
    assert desk.arrive("CP-1", "csr", 0.0) == Fresh()
