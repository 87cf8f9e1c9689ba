"""An upgrade whose certificate request has to be approved by a person: it waits, and asking again buys no time."""

import pytest
from msgspec.structs import replace
from upgrade_examples import progress

from ocppsec.upgrades.exchange import (
    ApprovalGiven,
    ApprovalNeeded,
    CsrReceived,
    DeadlinePassed,
    LinkLost,
    Note,
    Sign,
    Signed,
    SigningRefused,
    StationConnected,
)
from ocppsec.upgrades.states import DeliveringCertificate, Failed, Signing, decode_state, encode_state
from ocppsec.upgrades.workflow import deadline_of, decide, describe, resume, same_step


@pytest.fixture
def asked():
    """The upgrade has just given the request to be signed."""
    return Signing(progress=progress(goal=3), csr="csr 1")


@pytest.fixture
def waiting(asked):
    return decide(asked, ApprovalNeeded("r1"))[0]


def test_it_waits(asked):
    """A step of its own, with a day of time, that says what to do; nothing is sent or signed."""
    after, effects = decide(asked, ApprovalNeeded("r1"))
    assert (after.waits_for, deadline_of(asked), deadline_of(after)) == ("r1", 60, 86_400)
    assert not same_step(asked, after)
    assert "ocppsec csr approve r1" in describe(after)
    assert [type(effect) for effect in effects] == [Note]


def test_told_again(waiting):
    """That the same request waits is no news: its time goes on running."""
    assert decide(waiting, ApprovalNeeded("r1")) == (waiting, ())


def test_approved(waiting):
    """It is signed at once."""
    after, effects = decide(waiting, ApprovalGiven())
    assert (after, effects) == (waiting, (Sign("csr 1"),))
    assert isinstance(decide(after, Signed("chain", "f"))[0], DeliveringCertificate)


def test_an_approval_that_nobody_waits_for(asked):
    """Nothing is signed twice for it."""
    assert decide(asked, ApprovalGiven()) == (asked, ())


def test_denied(waiting):
    """It ends with the person's reason."""
    after, _ = decide(waiting, SigningRefused(("denied: not on site",)))
    assert isinstance(after, Failed)
    assert "not on site" in after.reason


def test_nobody_came(waiting):
    """It ends by saying that nobody did, and what to do."""
    after, _ = decide(waiting, DeadlinePassed())
    assert isinstance(after, Failed)
    assert "Nobody approved the station's certificate request r1 within 24 hours" in after.reason


def test_another_key_meanwhile(waiting):
    """A02.FR.17: the newest request takes the place of the older one, within the same time."""
    after, effects = decide(waiting, CsrReceived("csr 2"))
    assert (after.csr, effects) == ("csr 2", (Sign("csr 2"),))
    then, effects = decide(after, ApprovalNeeded("r2"))
    assert (then.waits_for, same_step(waiting, then)) == ("r2", True)
    assert not any(isinstance(effect, Sign) for effect in effects)


def test_the_same_key_meanwhile(waiting):
    """A repeated request changes nothing."""
    assert decide(waiting, CsrReceived("csr 1")) == (waiting, ())


def test_the_connection_ends(waiting):
    """The station need not be there for it."""
    assert decide(waiting, LinkLost()) == (waiting, ())
    assert decide(waiting, StationConnected(2)) == (waiting, ())


def test_after_a_crash(waiting):
    """It is asked again whether it may be signed: somebody may have said so meanwhile."""
    kept = decode_state(encode_state(waiting))
    assert kept == waiting
    after, effects = resume(kept, None)
    assert Sign("csr 1") in effects
    assert decide(after, ApprovalNeeded("r1")) == (after, ())


def test_states_of_before_are_read(asked):
    """What an older version has kept waits for nobody."""
    text = encode_state(asked).replace('"waits_for":"",', "").replace(',"waits_for":""', "")
    assert "waits_for" not in text
    assert decode_state(text) == replace(asked, waits_for="")
