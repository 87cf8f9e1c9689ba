"""A CA that nears its end is told in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, new_key
from ocppsec.csms.authority_watch import AuthorityWatch
from ocppsec.events import AuthorityCannotSign, AuthoritySignsAgain

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("years", "told"),
    [
        pytest.param(0, [], id="new"),
        pytest.param(5.5, ["stations", "servers"], id="issuing CAs near their end"),
        pytest.param(21, ["root", "stations", "servers"], id="all ended"),
    ],
)
def test_who_nears_the_end_is_told(years, told):
    """Each CA by itself; looking again tells again."""
    authority = SimpleNamespace(hierarchy=create_hierarchy(organization="CSO", now=NOW))
    events = []
    watch = AuthorityWatch(
        lambda: authority, emit=events.append, now=lambda: NOW + timedelta(days=365 * years)
    )
    watch.look()
    watch.look()
    assert [event.role for event in events] == told * 2
    assert all(event.not_after.startswith(("2032", "2046")) for event in events)


class TakenAway:
    """A key in a token that is not always there."""

    def __init__(self, key):
        self.key = key
        self.there = True
        self.curve = key.curve

    def sign(self, *arguments):
        if not self.there:
            raise KeyUnusable("there is no token 'ca'")
        return self.key.sign(*arguments)


ec.EllipticCurvePrivateKey.register(TakenAway)


async def test_a_key_that_no_longer_signs_is_told_once():
    """When it begins, and when it is over; not every five minutes in between."""
    hierarchy = create_hierarchy(organization="CSO", now=NOW)
    key = TakenAway(hierarchy.stations.key)
    authority = SimpleNamespace(hierarchy=replace(hierarchy, stations=replace(hierarchy.stations, key=key)))
    events = []
    watch = AuthorityWatch(lambda: authority, emit=events.append, now=lambda: NOW)
    for there in (True, False, False, True, True):
        key.there = there
        await watch.try_to_sign()
    assert events == [AuthorityCannotSign(reason="there is no token 'ca'"), AuthoritySignsAgain()]


async def test_a_key_of_rsa_signs_too():
    """Nothing is told."""
    key = new_key(KeyFamily.RSA_2048)
    hierarchy = create_hierarchy(organization="CSO", now=NOW, keys=lambda: key)
    events = []
    authority = SimpleNamespace(hierarchy=hierarchy)
    await AuthorityWatch(lambda: authority, emit=events.append, now=lambda: NOW).try_to_sign()
    assert events == []
