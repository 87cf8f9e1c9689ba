"""What is audited: doors, the profile that follows from them, and names as they go into a URL."""

import pytest

from ocppsec.audit.finding import Need
from ocppsec.audit.target import BadTarget, Door, Papers, Target, doors


@pytest.mark.parametrize("url", ["http://x/ocpp", "x:9000", "ws://", "", "wss:///ocpp"])
def test_what_is_no_door_is_said(url):
    """Only ws:// and wss:// with a host."""
    with pytest.raises(BadTarget):
        Door(url=url)


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        ("CS001", "/ocpp/CS001"),
        ("RDAM 123", "/ocpp/RDAM%20123"),
        ("a/b", "/ocpp/a%2Fb"),
        ("50%", "/ocpp/50%25"),
    ],
)
def test_an_identity_is_encoded_once(identity, path):
    """Part 4, 3.1.1."""
    assert Door(url="ws://x/ocpp/").path(identity) == path


@pytest.mark.parametrize(
    ("url", "port"), [("ws://x/o", 80), ("wss://x/o", 443), ("wss://x:9/o", 9), ("ws://[::1]:7/o", 7)]
)
def test_ports_follow_the_scheme(url, port):
    """80 and 443 unless the URL says otherwise."""
    assert Door(url=url).port == port


@pytest.mark.parametrize(
    ("given", "profile", "first"),
    [
        pytest.param({"url": "ws://a/o"}, 1, "ws://a/o", id="plain"),
        pytest.param({"url": "wss://b/o"}, 2, "wss://b/o", id="secure"),
        pytest.param({"url": "wss://b/o", "ws": "ws://a/o"}, 2, "wss://b/o", id="secure first"),
        pytest.param({"url": "ws://a/o", "wss": "wss://b/o"}, 1, "ws://a/o", id="plain first"),
        pytest.param({"url": "wss://b/o", "profile": 3}, 3, "wss://b/o", id="said"),
    ],
)
def test_the_first_url_says_where_the_station_is(given, profile, first):
    """A boot at that door changes nothing; a higher one would."""
    target = Target(**doors(**given))
    assert (target.profile, target.first.url) == (profile, first)


def test_one_tls_door_serves_both_profiles():
    """Unless another is named, profile 3 is looked for where profile 2 is."""
    assert doors("wss://b/o")["mutual"].url == "wss://b/o"
    assert doors("wss://b/o", mtls="wss://c/o")["mutual"].url == "wss://c/o"


@pytest.mark.parametrize("wrong", [{"ws": "wss://b/o"}, {"wss": "ws://a/o"}, {"mtls": "ws://a/o"}])
def test_a_door_has_its_scheme(wrong):
    """A TLS door that is none would make every refusal meaningless."""
    with pytest.raises(BadTarget):
        doors("ws://a/o", **wrong)


@pytest.mark.parametrize("need", [one for one in Need if one is not Need.PLAIN])
def test_nothing_is_there_that_nobody_gave(need):
    """Each need of a check is unmet until it is given."""
    assert not Target(**doors("ws://a/o")).has(need)


def test_no_secret_is_in_a_repr():
    """Passwords and keys do not reach logs by way of a value."""
    papers = Papers(chain_pem="CHAIN", key_pem=b"very-secret-key")
    target = Target(**doors("ws://a/o"), password="very-secret-word", papers=papers)
    assert "very-secret" not in repr(target)
