"""Another CA that decides later: what waits says for whom, asks again, and gives up for a reason."""

import pytest
from upgrade_examples import progress

from ocppsec.upgrades import renewal
from ocppsec.upgrades.exchange import ApprovalGiven, ApprovalNeeded, DeadlinePassed, Sign
from ocppsec.upgrades.states import Failed, Signing, decode_state, encode_state
from ocppsec.upgrades.words import describe
from ocppsec.upgrades.workflow import decide, waits_for

CA = "the EST server at https://ca.example"


@pytest.fixture
def waiting():
    state, _ = decide(Signing(progress=progress(goal=3), csr="csr"), ApprovalNeeded("r1", CA))
    return state


def test_an_upgrade_says_whom_it_waits_for(waiting):
    assert decode_state(encode_state(waiting)) == waiting
    assert describe(waiting) == f"profile 3: wait for a decision of {CA}"
    assert waits_for(waiting) == "r1"


def test_an_upgrade_asks_again_and_waits_on(waiting):
    again, effects = decide(waiting, ApprovalGiven())
    assert effects == (Sign("csr"),)
    assert decide(again, ApprovalNeeded("r1", CA)) == (again, ())


def test_an_upgrade_that_a_person_let_pass_waits_for_the_ca_next():
    by_person, _ = decide(Signing(progress=progress(goal=3), csr="csr"), ApprovalNeeded("r1"))
    state, _ = decide(by_person, ApprovalNeeded("r2", CA))
    assert describe(state).endswith(CA)


def test_an_upgrade_gives_up_in_time(waiting):
    state, _ = decide(waiting, DeadlinePassed())
    assert isinstance(state, Failed)
    assert state.reason == f"There was no decision of {CA} within 24 hours."


def test_a_renewal_waits_asks_again_and_is_stuck_in_time():
    course = renewal.Course(terms=renewal.Terms(), old="old")
    held, _ = renewal.decide(renewal.Signing(course=course, csr="csr"), ApprovalNeeded("r1", CA))
    assert renewal.decode_state(renewal.encode_state(held)) == held
    assert renewal.describe(held) == f"waits for a decision of {CA}"
    again, effects = renewal.decide(held, ApprovalGiven())
    assert isinstance(again, renewal.Signing)
    assert Sign("csr") in effects
    stuck, _ = renewal.decide(held, DeadlinePassed())
    assert stuck.reason == f"there was no decision of {CA} within 24 hours"
