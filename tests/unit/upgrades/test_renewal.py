"""The renewal of a certificate as a table of decisions."""

from dataclasses import dataclass

import pytest

from ocppsec.ocppj.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateSignedStatus,
    StatusInfo,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from ocppsec.upgrades import renewal
from ocppsec.upgrades.exchange import (
    Answered,
    ApprovalGiven,
    ApprovalNeeded,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    DeadlinePassed,
    LinkLost,
    Note,
    Send,
    Sign,
    Signed,
    SigningRefused,
)
from ocppsec.upgrades.renewal import (
    BUSY,
    MOST_RETURNS,
    AwaitingApproval,
    AwaitingCsr,
    AwaitingHandshake,
    CertificateSeen,
    Course,
    Delivering,
    Ended,
    HangUp,
    Ready,
    Renewed,
    Revoked,
    Signing,
    Stuck,
    Terms,
    Triggering,
    TryNow,
    Waiting,
    begin,
    begin_with,
    deadline_of,
    decide,
    decode_state,
    describe,
    encode_state,
    resume,
)
from ocppsec.upgrades.states import UnreadableState

TERMS = Terms()
COURSE = Course(terms=TERMS, old="old")
SENT = Course(terms=TERMS, old="old", delivered=("n1", "n2"))
WAITS = AwaitingApproval(course=COURSE, csr="a", request="r1")
INFO = StatusInfo(reason_code="InvalidCertificate")


def triggered(status):
    return Answered(TriggerMessageResponse(status=status))


def delivered(status, info=None):
    return Answered(CertificateSignedResponse(status=status, status_info=info))


def run(state, *events):
    """The state after *events*, and all that is to be done but the notes."""
    done = []
    for event in events:
        state, effects = decide(state, event)
        done += [effect for effect in effects if not isinstance(effect, Note)]
    return state, done


def test_the_whole_way():
    """Trigger, request, signature, delivery, handshake; each CALL leaves once."""
    state, effects = begin("old", TERMS)
    assert [type(effect) for effect in effects] == [Note]
    state, done = run(
        state,
        Ready(),
        triggered(TriggerMessageStatus.ACCEPTED),
        CsrReceived("csr"),
        Signed("chain", "new"),
        delivered(CertificateSignedStatus.ACCEPTED),
        CertificateSeen("new"),
    )
    assert isinstance(state, Renewed)
    assert (state.fingerprint, state.course.old) == ("new", "old")
    assert [type(effect.request) for effect in done if isinstance(effect, Send)] == [
        TriggerMessageRequest,
        CertificateSignedRequest,
    ]
    assert [effect.csr for effect in done if isinstance(effect, Sign)] == ["csr"]
    assert done[-1].request.certificate_chain == "chain"


def test_the_station_begins():
    """A03: without a trigger the request is signed at once."""
    state, effects = begin_with("old", TERMS, "csr")
    assert isinstance(state, Signing)
    assert Sign("csr") in effects


@dataclass
class Case:
    state: object
    event: object
    becomes: type
    reason: str = ""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(Triggering(course=COURSE), triggered(TriggerMessageStatus.REJECTED), Stuck, "Rejected"), id="trigger rejected"),
        pytest.param(Case(Triggering(course=COURSE), triggered(TriggerMessageStatus.NOT_IMPLEMENTED), Stuck, "NotImplemented"), id="trigger not implemented"),
        pytest.param(Case(Triggering(course=COURSE), CallRefused("NotSupported"), Stuck, "NotSupported"), id="trigger callerror"),
        pytest.param(Case(Triggering(course=COURSE), CallTimedOut(), Stuck, "no answer"), id="trigger unanswered"),
        pytest.param(Case(Triggering(course=COURSE), LinkLost(), Waiting), id="gone under the trigger"),
        pytest.param(Case(Triggering(course=COURSE), CsrReceived("csr"), Signing), id="request before the answer"),
        pytest.param(Case(Triggering(course=COURSE), SigningRefused(("bad key",)), Stuck, "bad key"), id="bad request before the answer"),
        pytest.param(Case(AwaitingCsr(course=COURSE), DeadlinePassed(), Stuck, "5 minutes"), id="request never comes"),
        pytest.param(Case(AwaitingCsr(course=COURSE), SigningRefused(("bad key",)), Stuck, "bad key"), id="bad request"),
        pytest.param(Case(AwaitingCsr(course=COURSE), LinkLost(), AwaitingCsr), id="gone before the request"),
        pytest.param(Case(Signing(course=COURSE, csr="a"), SigningRefused(("CA away",)), Stuck, "CA away"), id="CA does not sign"),
        pytest.param(Case(Signing(course=COURSE, csr="a"), DeadlinePassed(), Stuck, "60 seconds"), id="CA is silent"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), delivered(CertificateSignedStatus.REJECTED, INFO), Stuck, "InvalidCertificate"), id="certificate rejected"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), CallRefused("InternalError"), Stuck, "InternalError"), id="certificate callerror"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), CallTimedOut(), AwaitingHandshake), id="certificate unanswered"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), LinkLost(), Delivering), id="gone under the delivery"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), CertificateSeen("n1"), Renewed), id="answer lost, but it connects"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), CsrReceived("b"), Signing), id="asks again meanwhile"),
        pytest.param(Case(AwaitingHandshake(course=SENT), CertificateSeen("old"), AwaitingHandshake), id="back with the old one"),
        pytest.param(Case(AwaitingHandshake(course=SENT), CertificateSeen("stranger"), AwaitingHandshake), id="with one of nobody"),
        pytest.param(Case(AwaitingHandshake(course=SENT), CertificateSeen("n1"), Renewed), id="with the earlier of two new ones"),
        pytest.param(Case(AwaitingHandshake(course=SENT), CsrReceived("b"), Signing), id="discarded it and asks again"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), CertificateSeen("n2"), Renewed), id="late, but there"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), DeadlinePassed(), Waiting), id="back-off is over"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), TryNow(), Waiting), id="operator tries again"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), Ready(), Stuck, "y"), id="back-off is waited for"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), CsrReceived("b"), Signing), id="stuck, the station asks"),
        pytest.param(Case(Waiting(course=COURSE), CsrReceived("b"), Signing), id="due, the station was quicker"),
        pytest.param(Case(Signing(course=COURSE, csr="a"), TryNow(), Signing), id="operator cannot hurry the CA"),
        pytest.param(Case(Renewed(course=SENT, fingerprint="n2"), CsrReceived("b"), Renewed), id="done is done"),
        pytest.param(Case(Signing(course=COURSE, csr="a"), ApprovalNeeded("r1"), AwaitingApproval), id="a person first"),
        pytest.param(Case(WAITS, ApprovalGiven(), Signing), id="approved"),
        pytest.param(Case(WAITS, SigningRefused(("denied: stolen",)), Stuck, "denied: stolen"), id="denied"),
        pytest.param(Case(WAITS, DeadlinePassed(), Stuck, "nobody approved request r1 within 24 hours"), id="nobody came"),
        pytest.param(Case(WAITS, CsrReceived("a"), AwaitingApproval), id="asks again while it waits"),
        pytest.param(Case(WAITS, CsrReceived("b"), Signing), id="asks with another key while it waits"),
        pytest.param(Case(WAITS, LinkLost(), AwaitingApproval), id="gone while it waits"),
        pytest.param(Case(WAITS, Ready(), AwaitingApproval), id="back while it waits"),
        pytest.param(Case(Signing(course=COURSE, csr="a"), ApprovalGiven(), Signing), id="approved too early"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y", held=True), TryNow(), Waiting), id="denied, but an operator tries again"),
        pytest.param(Case(Waiting(course=COURSE), Revoked(), Ended), id="revoked while it waits for the station"),
        pytest.param(Case(Delivering(course=SENT, chain="c"), Revoked(), Ended), id="revoked under the delivery"),
        pytest.param(Case(Stuck(course=SENT, at="x", reason="y"), Revoked(), Ended), id="revoked when it is stuck"),
        pytest.param(Case(Ended(course=SENT, reason="x"), CsrReceived("b"), Ended), id="ended is ended"),
        pytest.param(Case(Ended(course=SENT, reason="x"), CertificateSeen("n1"), Ended), id="ended, whatever comes"),
    ],
)  # fmt: skip
def test_decide(case):
    """Each row: where it stands, what happens, where it stands then, and why it is stuck."""
    state, _ = decide(case.state, case.event)
    assert type(state) is case.becomes
    if isinstance(state, Stuck):
        assert case.reason in state.reason
    if isinstance(state, Stuck) and not isinstance(case.state, Stuck):
        assert (state.at, state.course.failures) == (describe(case.state), 1)


def test_no_proof():
    """Without a handshake the station is sent away once, to come back with it; then it is stuck, and says what came."""
    state, done = run(AwaitingHandshake(course=SENT), CertificateSeen("old"), DeadlinePassed())
    assert (type(state), done) == (AwaitingHandshake, [HangUp()])
    assert (deadline_of(AwaitingHandshake(course=SENT)), deadline_of(state)) == (120, 600)
    state, done = run(state, DeadlinePassed())
    assert done == []
    assert isinstance(state, Stuck)
    assert "old certificate" in state.reason


@pytest.mark.parametrize(
    "state", [AwaitingCsr(course=COURSE), Signing(course=COURSE, csr="a"), AwaitingHandshake(course=COURSE), Stuck(course=COURSE, at="x", reason="y")]
)  # fmt: skip
def test_a_late_timer_means_nothing(state):
    """The timer of an earlier step changes nothing."""
    assert decide(state, DeadlinePassed(state.course.step_number - 1)) == (state, ())


@pytest.mark.parametrize("failures", [(1, 300), (2, 600), (3, 1200), (8, 21600), (500, 21600)])
def test_back_off(failures):
    """Each try waits twice as long as the one before, up to six hours, for ever."""
    count, seconds = failures
    course = Course(terms=TERMS, old="old", failures=count)
    assert deadline_of(Stuck(course=course, at="x", reason="y")) == seconds


@pytest.mark.parametrize(
    ("state", "ready", "sends"),
    [
        pytest.param(Waiting(course=COURSE), True, None, id="waits for room"),
        pytest.param(Triggering(course=COURSE), True, Send, id="asks again"),
        pytest.param(Triggering(course=COURSE), False, None, id="nobody to ask"),
        pytest.param(AwaitingCsr(course=COURSE), True, Send, id="asks again for what was lost"),
        pytest.param(AwaitingCsr(course=COURSE), False, None, id="the deadline decides"),
        pytest.param(Signing(course=COURSE, csr="a"), False, Sign, id="signs again"),
        pytest.param(WAITS, False, Sign, id="may it be signed by now"),
        pytest.param(WAITS, True, None, id="still a person has to"),
        pytest.param(Delivering(course=SENT, chain="c"), True, Send, id="delivers again"),
        pytest.param(Delivering(course=SENT, chain="c"), False, None, id="nobody to deliver to"),
        pytest.param(AwaitingHandshake(course=SENT), True, None, id="the handshake decides"),
    ],
)
def test_resume(state, ready, sends):
    """After a restart, or when the station is back, what was under way is done again."""
    _, effects = resume(state, ready=ready)
    errands = [type(effect) for effect in effects if not isinstance(effect, Note)]
    assert errands == ([sends] if sends else [])


def test_a_person_takes_his_time():
    """What waits for a person has a day, and keeps no other renewal waiting; what he denied is not tried again."""
    assert deadline_of(WAITS) == 86_400
    assert not isinstance(WAITS, BUSY)
    assert "ocppsec csr approve r1" in describe(WAITS)
    for state in (
        WAITS,
        Signing(course=COURSE, csr="a"),
    ):  # told at once, or found in the records after a restart
        denied, _ = decide(state, SigningRefused(("no",), by_person=True))
        assert (denied.held, deadline_of(denied)) == (True, None)
    refused, _ = decide(Signing(course=COURSE, csr="a"), SigningRefused(("bad key",)))
    assert not refused.held


def test_a_station_that_restarts_for_ever():
    """It is asked so often, then it is stuck like any other, and the next try begins to count anew."""
    state = Waiting(course=COURSE)
    for _ in range(MOST_RETURNS):
        state, _ = decide(state, Ready())
        state, _ = decide(state, LinkLost())
        assert isinstance(state, Waiting)
    state, _ = decide(state, Ready())
    state, _ = decide(state, LinkLost())
    assert isinstance(state, Stuck)
    assert "21 times" in state.reason
    assert state.course.returns == 0

    waiting = AwaitingCsr(course=Course(terms=TERMS, old="old", returns=MOST_RETURNS - 1))
    again, _ = resume(waiting, ready=True)
    assert isinstance(again, Triggering)
    asked, _ = decide(again, triggered(TriggerMessageStatus.ACCEPTED))
    assert isinstance(resume(asked, ready=True)[0], Stuck)


def test_deliveries_are_bounded():
    """A station that hangs up under each delivery gets it three times; then the connection tells."""
    state = Delivering(course=SENT, chain="c")
    for _ in range(2):
        state, _ = decide(state, LinkLost())
        state, effects = resume(state, ready=True)
        assert len(effects) == 1
    state, _ = decide(state, LinkLost())
    state, _ = resume(state, ready=True)
    assert isinstance(state, AwaitingHandshake)


@pytest.mark.parametrize(
    "state",
    [
        Waiting(course=COURSE),
        Triggering(course=COURSE),
        AwaitingCsr(course=COURSE),
        Signing(course=COURSE, csr="a"),
        Delivering(course=SENT, chain="c", tries=2, away=True),
        AwaitingHandshake(course=SENT, sent_away=True, detail="d"),
        Stuck(course=SENT, at="x", reason="y"),
        Stuck(course=SENT, at="x", reason="y", held=True),
        WAITS,
        Ended(course=SENT, reason="x"),
        Renewed(course=SENT, fingerprint="n1"),
    ],
)
def test_a_state_survives(state):
    """What is stored is read back equal, and every state has words."""
    assert decode_state(encode_state(state)) == state
    assert describe(state)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version":2,"state":{"type":"Waiting"}}', "\ud800"])
def test_an_unreadable_state(text):
    """What is no state is told, never guessed at."""
    with pytest.raises(UnreadableState):
        decode_state(text)


def test_a_future_version_is_not_read():
    """A state that a later program has written is not taken for one of ours."""
    later = encode_state(Waiting(course=COURSE)).replace('"version":1', '"version":2')
    with pytest.raises(UnreadableState):
        decode_state(later)


def test_one_number_a_step():
    """The step number grows with each step entered, and stays when nothing happens."""
    state, _ = begin("old", TERMS)
    after, _ = decide(state, Ready())
    same, _ = decide(after, renewal.TryNow())
    assert (state.course.step_number, after.course.step_number, same.course.step_number) == (1, 2, 2)
