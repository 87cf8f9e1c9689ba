"""What an upgrade finds out about a kind of station, and what is made of it."""

import pytest
from msgspec.structs import replace
from random_walks import answer, report, set_to
from upgrade_examples import plan, progress

from ocppsec.ocppj.messages import (
    GetReportResponse,
    InstallCertificateResponse,
    OCPPInterface,
    ResetResponse,
    SetNetworkProfileResponse,
    TriggerMessageResponse,
)
from ocppsec.upgrades.exchange import CallRefused, CsrReceived, DeadlinePassed, StationBooted
from ocppsec.upgrades.kinds import (
    NOTHING,
    NOTICED_NOTHING,
    KindFacts,
    decode_facts,
    encode_facts,
    in_words,
    merged,
    notice,
    ordered_by,
)
from ocppsec.upgrades.plan import INTERFACES
from ocppsec.upgrades.slots import free_slots, interfaces
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingForReport,
    AskingVariables,
    AwaitingCsr,
    AwaitingReport,
    Facts,
    InstallingRoot,
    Resetting,
    Triggering,
    WritingProfile,
)

P = progress(slot=2)
WIRED, WIRELESS = OCPPInterface.WIRED0, OCPPInterface.WIRELESS0
PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
WRITING = WritingProfile(progress=P, slots=(2, 3), interfaces=(WIRELESS, WIRED))


def noticed(*happened):
    so_far = NOTICED_NOTHING
    for before, event, at in happened:
        so_far = notice(so_far, before, event, at)
    return so_far.facts


@pytest.mark.parametrize(
    ("before", "event", "quirk"),
    [
        pytest.param(
            AskingVariables(progress=P, left=(("a", "b"),)),
            CallRefused("OccurrenceConstraintViolation"),
            "one variable",
            id="GetVariables",
        ),
        pytest.param(AskingVariables(progress=P, left=(("a",),)), CallRefused("x"), None, id="one variable"),
        pytest.param(
            AskingForReport(progress=P), CallRefused("NotImplemented"), "has no GetReport", id="GetReport"
        ),
        pytest.param(
            AskingForReport(progress=P),
            answer(GetReportResponse, status="NotSupported"),
            "no report of its slots",
            id="no report",
        ),
        pytest.param(
            AskingForReport(progress=P), answer(GetReportResponse, status="Accepted"), None, id="report"
        ),
        pytest.param(AwaitingReport(progress=P), DeadlinePassed(), "no NotifyReport", id="NotifyReport"),
        pytest.param(
            InstallingRoot(progress=P),
            answer(InstallCertificateResponse, status="Rejected", statusInfo={"reasonCode": "Unsecured"}),
            "refuses the CSMS root on profile 1 (Unsecured)",
            id="root",
        ),
        pytest.param(
            WRITING,
            answer(SetNetworkProfileResponse, status="Rejected"),
            "refuses Wireless0 in slot 2",
            id="interface",
        ),
        pytest.param(
            Arming(progress=P, slot=2, lists=((2, 1),)),
            set_to(PRIORITY, "RebootRequired"),
            "RebootRequired",
            id="reboot",
        ),
        pytest.param(
            Arming(progress=P, slot=2, lists=((2, 1),)),
            set_to(PRIORITY, "UnknownVariable"),
            "does not know",
            id="no priority",
        ),
        pytest.param(
            Arming(progress=P, slot=2, lists=((2, 1),)), set_to(PRIORITY, "Accepted"), None, id="accepted"
        ),
        pytest.param(
            Resetting(progress=P), answer(ResetResponse, status="Rejected"), "rejects Reset", id="Reset"
        ),
        pytest.param(Arrived(progress=P), DeadlinePassed(), "no BootNotification by itself", id="no boot"),
        pytest.param(Arrived(progress=P, asked=True), DeadlinePassed(), None, id="asked already"),
        pytest.param(Arrived(progress=P), StationBooted(2), None, id="a boot"),
    ],
)
def test_quirks(before, event, quirk):
    """Each in words, once."""
    found = noticed((before, event, 0.0), (before, event, 1.0)).quirks
    assert len(found) == (0 if quirk is None else 1)
    assert quirk is None or quirk in found[0]


def test_what_it_takes():
    """Slots as the report lists them, the slot and interface that were taken, how long a request lasts."""
    facts = noticed(
        (AwaitingReport(progress=P), report("1,2,3"), 0.0),
        (WRITING, answer(SetNetworkProfileResponse, status="Accepted"), 1.0),
        (Triggering(progress=P), answer(TriggerMessageResponse, status="Accepted"), 10.0),
        (AwaitingCsr(progress=P), CsrReceived("csr"), 55.04),
    )
    assert facts == KindFacts(slots=(1, 2, 3), took_slots=(2,), interface=WIRELESS, csr_seconds=45.0)
    assert in_words(facts) == [
        "slots 1,2,3",
        "took a new profile in slot 2 with Wireless0",
        "needs up to 45 s for a certificate request",
    ]


def test_newer_counts_and_nothing_is_lost():
    """One that saw less takes nothing away; quirks and slots stay few."""
    old = KindFacts(slots=(1, 2), took_slots=(1, 2), interface=WIRED, csr_seconds=9.0, quirks=("a",))
    assert merged(old, NOTHING) == old
    new = KindFacts(took_slots=(3,), interface=WIRELESS, csr_seconds=4.0, quirks=("a", "b"))
    assert merged(old, new) == KindFacts(
        slots=(1, 2), took_slots=(3, 1, 2), interface=WIRELESS, csr_seconds=9.0, quirks=("a", "b")
    )
    many = KindFacts(quirks=tuple(f"quirk {number}" for number in range(99)))
    assert len(merged(old, many).quirks) == 12


def test_it_orders_and_leaves_nothing_out():
    """Interface and slot that worked come first; the active slot is no candidate, whatever others took."""
    ordered = ordered_by(plan(), KindFacts(took_slots=(3, 1), interface=WIRELESS))
    assert ordered.interfaces[0] == WIRELESS
    assert sorted(ordered.interfaces) == sorted(INTERFACES)
    assert set(ordered.slots) == set(plan().slots)
    listed = progress(facts=Facts(priority=(1,), active_slot=1, slots=(1, 2, 3)))
    unknown = progress(facts=Facts())
    for before, free in ((listed, (3, 2)), (unknown, (3, 2, 0))):
        assert free_slots(replace(before, plan=ordered)) == free
    own = progress(facts=Facts(interface=WIRED))
    assert interfaces(replace(own, plan=ordered))[:2] == (WIRED, WIRELESS)


def test_stored_and_read():
    """And what cannot be read is not known."""
    facts = KindFacts(slots=(1, 2), took_slots=(2,), interface=WIRED, csr_seconds=1.5, quirks=("a",))
    assert decode_facts(encode_facts(facts)) == facts
    assert decode_facts('{"slots": "all"}') == decode_facts("") == NOTHING
