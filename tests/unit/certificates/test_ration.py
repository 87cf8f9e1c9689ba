"""How often a station may ask."""

from ocppsec.certificates import ration
from ocppsec.certificates.ration import Ration


def test_a_station_that_asks_too_often_waits():
    """Five at once, then one a minute; the answer says how long."""
    requests = Ration(burst=5, seconds=60)
    assert all(requests.take("CP-1", 0.0) is None for _ in range(5))
    refused = requests.take("CP-1", 0.0)
    assert refused is not None
    assert refused.code == "too-many-requests"
    assert "60 s" in refused.text
    assert requests.take("CP-1", 59.0) is not None
    assert requests.take("CP-1", 60.0) is None
    assert requests.take("CP-1", 60.0) is not None
    assert requests.take("CP-2", 60.0) is None


def test_all_stations_together_are_rationed():
    """A thousand identities with stolen passwords do not keep the CA busy."""
    requests = Ration(burst_of_all=10)
    answers = [requests.take(f"CP-{n}", 0.0) for n in range(11)]
    assert answers[:10] == [None] * 10
    assert answers[10] is not None
    assert requests.take("CP-10", 0.03) is None


def test_memory_is_bounded(monkeypatch):
    """Beyond the limit the one that has not asked for longest is forgotten."""
    monkeypatch.setattr(ration, "STATIONS_REMEMBERED", 2)
    requests = Ration(burst=1)
    for identity in ("CP-1", "CP-2", "CP-1", "CP-3"):
        requests.take(identity, 0.0)
    assert len(requests) == 2
    assert requests.take("CP-1", 0.0) is not None
    assert requests.take("CP-2", 0.0) is None
