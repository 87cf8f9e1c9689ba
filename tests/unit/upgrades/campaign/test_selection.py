"""The words that choose stations."""

import re

import pytest

from ocppsec.upgrades.campaign.selection import BadSelection, matches, names, parse, version

STATION = {"identity": "DE-7", "site": "de-munich", "observed": "1", "firmware": "2.10.1", "model": "Fast 50"}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        pytest.param("all", True, id="all"),
        pytest.param("site=de-*", True, id="star"),
        pytest.param("site=de-?unich", True, id="question mark"),
        pytest.param("site=DE-*", False, id="case counts"),
        pytest.param("site=de", False, id="the whole value"),
        pytest.param("site!=fr-*", True, id="unlike"),
        pytest.param("site != de-*", False, id="like after all"),
        pytest.param('model="Fast 50"', True, id="quoted"),
        pytest.param("firmware>=2.9", True, id="versions are no decimals"),
        pytest.param("firmware>2.10.1", False, id="not more than itself"),
        pytest.param("firmware>=2.10.1", True, id="at least itself"),
        pytest.param("firmware<=2.10.1", True, id="at most itself"),
        pytest.param("firmware<2.10.1", False, id="not less than itself"),
        pytest.param("firmware<2.11 and observed=1", True, id="both"),
        pytest.param("firmware<2.11 and observed=2", False, id="one of both"),
        pytest.param("observed=2 or site=de-*", True, id="either"),
        pytest.param("observed=2 or site=fr-*", False, id="neither"),
        pytest.param("observed=1 or site=x and site=y", True, id="and binds closer than or"),
        pytest.param("(observed=1 or site=x) and site=y", False, id="parentheses"),
        pytest.param("not observed=2", True, id="not"),
        pytest.param("not (observed=1 and site=de-*)", False, id="not of more"),
        pytest.param("note=x", False, id="absent"),
        pytest.param("note!=x", False, id="absent is not unlike"),
        pytest.param("note<9", False, id="absent is not less"),
        pytest.param("not note=x", True, id="what is absent can be asked for"),
    ],
)
def test_who_is_chosen(words, chosen):
    """A selection chooses by what is known of a station, and never by what is missing."""
    assert matches(parse(words), STATION) is chosen


@pytest.mark.parametrize(
    ("words", "where"),
    [
        pytest.param("", "at the end", id="nothing"),
        pytest.param("site", "at 'site'", id="no comparison"),
        pytest.param("site=", "at 'site='", id="no value"),
        pytest.param("site=a site=b", "at 'site=b'", id="nothing between"),
        pytest.param("site=a and", "at the end", id="nothing behind and"),
        pytest.param("(site=a", "at the end", id="open parenthesis"),
        pytest.param("site=a)", "at ')'", id="closed without open"),
        pytest.param("site=a | site=b", "at '| site=b'", id="junk"),
        pytest.param("x=" + "a" * 1000, "at most 1000", id="too long"),
    ],
)
def test_what_cannot_be_read(words, where):
    """What cannot be read is refused with the place, never guessed."""
    with pytest.raises(BadSelection, match=re.escape(where)):
        parse(words)


def test_versions():
    """Versions sort as people count."""
    ordered = ["1", "2.1rc1", "2.1rc2", "2.1", "2.1.1", "v2.9", "2.10", "10"]
    shuffled = ["2.10", "2.1", "10", "v2.9", "2.1rc2", "1", "2.1.1", "2.1rc1"]
    assert sorted(shuffled, key=version) == ordered
    assert version("2.1") == version("V2.1.0")


def test_names():
    """What a selection asks for can be held against what there is."""
    assert names(parse("not (site=a and observed>1) or line!=7")) == {"site", "observed", "line"}
    assert names(parse("all")) == frozenset()
