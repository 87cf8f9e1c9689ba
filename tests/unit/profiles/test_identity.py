"""The identity is read once from the path, and from nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsec.profiles.identity import BadIdentity, check_identity, parse_identity


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        pytest.param("/ocpp/CP001", "CP001", id="as it is"),
        pytest.param(b"/ocpp/CP001", "CP001", id="bytes"),
        pytest.param("/ocpp/RDAM%20123", "RDAM 123", id="a space, as in Part 4"),
        pytest.param("/ocpp/RDAM%7C123", "RDAM|123", id="a bar, percent-encoded"),
        pytest.param("/ocpp/a+b", "a+b", id="plus is plus"),
        pytest.param("/ocpp/cp001?x=/cp002", "cp001", id="a query is not looked at"),
        pytest.param("/ocpp/cp001?", "cp001", id="an empty query"),
        pytest.param("/ocpp/%43P", "CP", id="what needs no encoding may be encoded"),
        pytest.param("/ocpp/" + "x" * 48, "x" * 48, id="48 characters"),
        pytest.param("/ocpp/" + "%78" * 48, "x" * 48, id="48 characters, encoded"),
        pytest.param("/ocpp/...", "...", id="three dots are a name"),
    ],
)
def test_identity(path, identity):
    """The one segment behind the prefix is percent-decoded once."""
    assert parse_identity(path) == identity


@pytest.mark.parametrize(
    ("path", "word"),
    [
        pytest.param("/ocpp/", "empty", id="nothing"),
        pytest.param("/ocpp", "has to be /ocpp/", id="no segment"),
        pytest.param("/", "has to be /ocpp/", id="root"),
        pytest.param("", "has to be /ocpp/", id="empty path"),
        pytest.param("/ocppCP", "has to be /ocpp/", id="prefix without slash"),
        pytest.param("/other/CP", "has to be /ocpp/", id="another prefix"),
        pytest.param("ws://host/ocpp/CP", "has to be /ocpp/", id="absolute form"),
        pytest.param("/ocpp//CP", "one path segment", id="double slash"),
        pytest.param("/ocpp/CP/", "one path segment", id="trailing slash"),
        pytest.param("/ocpp/a/b", "one path segment", id="two segments"),
        pytest.param("/ocpp/a%2Fb", "letters, digits", id="an encoded slash"),
        pytest.param("/ocpp/..", "step in a path", id="two dots"),
        pytest.param("/ocpp/.", "step in a path", id="one dot"),
        pytest.param("/ocpp/%2e%2E", "step in a path", id="two dots, encoded"),
        pytest.param("/ocpp/%2541", "letters, digits", id="decoded once, not twice"),
        pytest.param("/ocpp/%zz", "hexadecimal", id="percent without digits"),
        pytest.param("/ocpp/CP%4", "hexadecimal", id="percent cut short"),
        pytest.param("/ocpp/%FF", "not UTF-8", id="not UTF-8"),
        pytest.param("/ocpp/%C3%A9", "letters, digits", id="a letter outside ASCII"),
        pytest.param("/ocpp/é", "percent-encoded", id="raw text outside ASCII"),
        pytest.param(b"/ocpp/\xe9", "percent-encoded", id="raw bytes outside ASCII"),
        pytest.param("/ocpp/CP%00", "letters, digits", id="NUL"),
        pytest.param("/ocpp/CP%0A", "letters, digits", id="line feed at the end"),
        pytest.param("/ocpp/CP:1", "colon", id="a colon"),
        pytest.param("/ocpp/CP%3A1", "colon", id="an encoded colon"),
        pytest.param("/ocpp/" + "x" * 49, "longer than 48", id="49 characters"),
        pytest.param("/ocpp/%20CP", "space", id="a space before"),
        pytest.param("/ocpp/CP%20", "space", id="a space behind"),
        pytest.param("/ocpp/a#b", "letters, digits", id="a fragment"),
    ],
)
def test_bad_identity(path, word):
    """Anything else names no station, with a reason in plain words."""
    bad = parse_identity(path)

    assert isinstance(bad, BadIdentity)
    assert word in bad.reason


def test_prefix_with_and_without_slash():
    """A prefix is the same with a slash at its end, and may be empty."""
    assert parse_identity("/a/b/CP", "/a/b/") == "CP"
    assert parse_identity("/CP", "") == "CP"
    assert parse_identity("/CP", "/") == "CP"


@given(st.one_of(st.text(), st.binary(), st.from_regex(r"/ocpp/[A-Za-z0-9%/.?:]*")))
def test_whatever_is_sent(path):
    """Any path gives an identity that may be registered, or a reason; never an exception."""
    found = parse_identity(path)

    if isinstance(found, str):
        assert check_identity(found) is None
