from datetime import timedelta

import pytest

from ocppsec.station.own_certificates import (
    MAX_OPEN,
    Subject,
    after_connection,
    judge,
    keys_in_use,
    to_present,
    with_request,
    without_request,
)
from ocppsec.station.remembered import OwnCertificate

OURS = Subject(serial_number="SN-1", organization="Example CSO")


def judged(world, chain, *, max_chain_size=10_000):
    return judge(world.kept, chain, subject=OURS, max_chain_size=max_chain_size, now=world.now)


@pytest.fixture
def asking(world, request_of):
    """A station with a root that has asked for a certificate, and the key it asked for."""
    csr, key = request_of()
    return world.with_root().but(requests=with_request(world.kept, csr, "new").requests), key


def test_a_good_certificate_is_kept_with_its_key(asking):
    """A02.FR.06: for our key, made out to us, valid now, under our root; the request is done."""
    world, key = asking
    chain = world.pem(world.root.certify(key))
    judgement = judged(world, chain)
    assert judgement.objection is None
    assert judgement.kept.certificates == (OwnCertificate(chain, "new"),)
    assert judgement.kept.requests == ()


def test_a_root_sent_along_is_not_presented_later(asking):
    """TLS wants the chain without it."""
    world, key = asking
    chain = world.pem(world.root.certify(key))
    assert judged(world, chain + world.root.pem).kept.certificates == (OwnCertificate(chain, "new"),)


@pytest.mark.parametrize(
    "certify",
    [
        pytest.param({"common_name": "SN-2"}, id="another serial number"),
        pytest.param({"organization": "Other"}, id="another organization"),
        pytest.param({"ca": True}, id="a CA"),
        pytest.param({"end": -1}, id="ended"),
        pytest.param({"begin": 1}, id="A02.FR.06 E201 not yet valid"),
    ],
)
def test_a_bad_certificate_is_thrown_away(asking, certify):
    """A02.FR.07: nothing changes, and the request stays open for a better one."""
    world, key = asking
    hours = {
        name: world.now + timedelta(hours=value)
        for name, value in certify.items()
        if name in ("begin", "end")
    }
    judgement = judged(world, world.pem(world.root.certify(key, **certify | hours)))
    assert judgement.objection.reason_code == "InvalidCertificate"
    assert judgement.kept == world.kept


def test_a_certificate_for_an_unknown_key_is_thrown_away(asking):
    """Nobody asked for it."""
    world, _ = asking
    judgement = judged(world, world.pem(world.root.certify(world.new_key())))
    assert judgement.objection.reason_code == "InvalidCertificate"
    assert judgement.kept == world.kept


def test_a_certificate_under_a_foreign_root_is_thrown_away(asking):
    """A02.FR.06: issued under the CSO hierarchy, that is, under an installed CSMS root."""
    world, key = asking
    assert judged(world, world.pem(world.new_root("Foreign").certify(key))).objection is not None


def test_a_certificate_without_any_root_is_thrown_away(asking):
    """LESSONS, stations in the field, 5: the root has to be installed first."""
    world, key = asking
    assert judged(world.but(roots=()), world.pem(world.root.certify(key))).objection is not None


@pytest.mark.parametrize(
    "text", ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_chain_is_thrown_away(asking, text):
    """Whatever it is, it ends in a reason."""
    world, _ = asking
    assert judged(world, text).objection.reason_code == "InvalidCertificate"


def test_a_chain_above_the_limit_is_not_looked_at(asking):
    """A02.FR.16."""
    world, key = asking
    chain = world.pem(world.root.certify(key))
    assert judged(world, chain, max_chain_size=len(chain)).objection is None
    assert judged(world, chain, max_chain_size=len(chain) - 1).objection.reason_code == "TooLargeElement"


def test_a_late_answer_to_an_earlier_request_is_welcome(asking, request_of):
    """Spec 14.6, 14: the keys of all open requests are kept, up to a limit."""
    world, key = asking
    kept = world.kept
    for number in range(MAX_OPEN - 1):
        kept = with_request(kept, request_of()[0], f"later-{number}")
    chain = world.pem(world.root.certify(key))
    assert judge(kept, chain, subject=OURS, max_chain_size=10_000, now=world.now).objection is None
    kept = with_request(kept, request_of()[0], "one too many")
    assert judge(kept, chain, subject=OURS, max_chain_size=10_000, now=world.now).objection is not None


def test_the_same_certificate_twice_does_no_harm(asking):
    """TC_A_23_CS: the CSMS may answer each repetition of a request."""
    world, key = asking
    chain = world.pem(world.root.certify(key))
    once = judged(world, chain).kept
    again = judge(once, chain, subject=OURS, max_chain_size=10_000, now=world.now)
    assert (again.objection, again.kept.certificates) == (None, once.certificates)


OLD, NEW = OwnCertificate("old chain", "old"), OwnCertificate("new chain", "new")


def test_the_newest_is_presented_and_the_old_one_when_nothing_else_works(world):
    """A02.FR.08, 28."""
    kept = world.but(certificates=(OLD, NEW)).kept
    assert to_present(kept, recovering=False) == NEW
    assert to_present(kept, recovering=True) == OLD
    assert to_present(world.kept, recovering=False) is None


def test_after_a_connection_only_the_used_one_stays(world):
    """A02.FR.10, 29: with either; when it was the old one, the new one was discarded."""
    kept = world.but(certificates=(OLD, NEW)).kept
    assert after_connection(kept, NEW) == (kept.but(certificates=(NEW,)), False)
    assert after_connection(kept, OLD) == (kept.but(certificates=(OLD,)), True)
    assert after_connection(kept.but(certificates=(OLD,)), OLD) == (kept.but(certificates=(OLD,)), False)


def test_a_newer_certificate_takes_the_place_of_one_that_never_connected(asking, request_of):
    """The one that worked stays in front of it until the new one has worked too."""
    world, first_key = asking
    proven = OwnCertificate(world.pem(world.root.certify(world.new_key())), "proven")
    csr, second_key = request_of()
    world = world.but(certificates=(proven,), requests=with_request(world.kept, csr, "second").requests)
    world = world.but(certificates=judged(world, world.pem(world.root.certify(first_key))).kept.certificates)
    chain = world.pem(world.root.certify(second_key))
    assert judged(world, chain).kept.certificates == (proven, OwnCertificate(chain, "second"))


def test_keys_that_must_not_be_lost(world):
    """Those of kept certificates and open requests, no others."""
    kept = with_request(world.but(certificates=(OLD, NEW)).kept, "csr", "asked")
    assert keys_in_use(kept) == {"old", "new", "asked"}
    assert keys_in_use(without_request(kept, "asked")) == {"old", "new"}
