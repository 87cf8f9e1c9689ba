"""Who is in a fleet."""

from collections import Counter

import pytest

from ocppsec.station.manners import UnknownManner
from ocppsec.station.members import BadMembers, Share, numbered, read_members, read_share, with_shares


def facts(members):
    return [(member.identity, member.password, member.serial_number) for member in members]


def test_a_file_names_identity_password_and_serial_number():
    """The serial number is the identity where none is given; comments and empty lines are left out."""
    text = "# who, what\nCS1,first-password\n\n CS2 , second:pass , SN-2\nCS3,,\n"
    assert facts(read_members(text)) == [
        ("CS1", "first-password", "CS1"),
        ("CS2", "second:pass", "SN-2"),
        ("CS3", None, "CS3"),
    ]


def test_a_password_with_a_comma_is_quoted():
    """As in any CSV."""
    assert facts(read_members('CS1,"a,b",SN\n')) == [("CS1", "a,b", "SN")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("CS1\n", "line 1", id="no password"),
        pytest.param("a,b\n,secret-password\n", "line 2", id="no identity"),
        pytest.param("a,secret-password,c,d\n", "line 1", id="too much"),
        pytest.param("a,b\na,secret-password\n", "a is there twice", id="twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_line(text, where):
    """And never by what stands in it."""
    with pytest.raises(BadMembers, match=where) as error:
        read_members(text)
    assert "secret" not in str(error.value)


def test_a_pattern_has_no_other_braces():
    """A typing error in a name would be the password of them all."""
    with pytest.raises(BadMembers, match="no other braces"):
        numbered("CS", 2, "pass-{indentity}-word")


def test_a_pattern_is_filled_in():
    """Identity and number; five digits, so that names sort."""
    assert facts(numbered("CS", 2, "pw-{identity}-{number}")) == [
        ("CS00000", "pw-CS00000-00000", "CS00000"),
        ("CS00001", "pw-CS00001-00001", "CS00001"),
    ]
    assert numbered("X", 1, None)[0].password is None


def test_a_member_shows_no_password():
    """A repr ends in logs."""
    assert "hidden" not in repr(numbered("CS", 1, "hidden-password"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("half-open", (("half-open",), 1.0), id="all"),
        pytest.param("half-open=0.1", (("half-open",), 0.1), id="a part"),
        pytest.param("half-open=10%", (("half-open",), 0.1), id="a percentage"),
        pytest.param("replay+flood=1", (("replay", "flood"), 1.0), id="two at once"),
    ],
)
def test_shares_are_read(text, expected):
    """NAME[+NAME][=SHARE]."""
    share = read_share(text)
    assert (share.manners, pytest.approx(share.part)) == expected


@pytest.mark.parametrize(
    "text", ["flood=0", "flood=2", "flood=-1", "flood=many", "flood=nan", "flood=101%", "flood="]
)
def test_a_share_that_is_none_is_refused(text):
    """More than all, less than nothing, or no number."""
    with pytest.raises(BadMembers, match="a share is"):
        read_share(text)


def test_a_share_of_an_unknown_manner_is_refused():
    """Else the fleet would be right all through."""
    with pytest.raises(UnknownManner):
        read_share("flod=10%")


def test_shares_are_exact_and_spread_over_the_fleet():
    """A tenth is a tenth, nobody is in two shares, and a ramp meets all kinds from its beginning."""
    shares = [Share(manners=("flood",), part=0.1), Share(manners=("replay", "garbage"), part=0.25)]
    members = with_shares(numbered("CS", 200, None), shares)
    assert Counter(member.label for member in members) == {"right": 130, "flood": 20, "replay+garbage": 50}
    first_half = Counter(member.label for member in members[:100])
    assert 8 <= first_half["flood"] <= 12
    assert 22 <= first_half["replay+garbage"] <= 28


def test_more_shares_than_the_fleet_has_are_refused():
    """The sum counts."""
    shares = [Share(manners=("flood",), part=0.6), Share(manners=("replay",), part=0.5)]
    with pytest.raises(BadMembers, match="more than the fleet"):
        with_shares(numbered("CS", 10, None), shares)
