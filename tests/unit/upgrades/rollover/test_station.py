"""One station's part in a root rollover, as tables: what follows from what it says."""

import pytest
from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    CertificateHashData,
    CertificateHashDataChain,
    Component,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    GetVariableResult,
    GetVariablesRequest,
    GetVariablesResponse,
    GetVariableStatus,
    HashAlgorithm,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateStatus,
    StatusInfo,
    Variable,
)
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    DeadlinePassed,
    LinkLost,
    Send,
)
from ocppsec.upgrades.plan import RootHash
from ocppsec.upgrades.rollover.roots import Root, Roots, Which, listed
from ocppsec.upgrades.rollover.station import (
    Asking,
    Deleting,
    Goal,
    Installing,
    LookAgain,
    Looking,
    NewGoal,
    Ready,
    Settled,
    Stuck,
    Terms,
    Waiting,
    begin,
    deadline_of,
    decide,
    decode_state,
    encode_state,
    resume,
)
from ocppsec.upgrades.states import UnreadableState


def root(letter):
    """A root whose self-signed form has serial number *letter*1 and the signed one *letter*2, in two algorithms."""
    return Root(
        pem=f"self {letter}",
        signed_pem=f"signed {letter}",
        hashes=tuple(
            RootHash(
                hash_algorithm=algorithm,
                issuer_name_hash=f"{letter}{form}aa",
                issuer_key_hash=f"{letter}{form}bb",
                serial_number=f"{letter}{form}",
            )
            for form in "12"
            for algorithm in ("SHA256", "SHA512")
        ),
    )


ROOTS = Roots(old=root("A"), new=root("B"))
INSTALL = Goal(wanted=Which.NEW)
WITHDRAW = Goal(wanted=Which.NEW, drop_other=True)
TAKE_BACK = Goal(wanted=Which.OLD, drop_other=True)


def named(name, algorithm=HashAlgorithm.SHA256):
    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=f"{name}aa",
        issuer_key_hash=f"{name}bb",
        serial_number=name,
    )


def ids(*names, use=GetCertificateIdUse.CSMS_ROOT_CERTIFICATE, algorithm=HashAlgorithm.SHA256):
    """The answer that lists these roots."""
    chains = tuple(
        CertificateHashDataChain(certificate_type=use, certificate_hash_data=named(name, algorithm))
        for name in names
    )
    status = GetInstalledCertificateStatus.ACCEPTED if names else GetInstalledCertificateStatus.NOT_FOUND
    return Answered(
        GetInstalledCertificateIdsResponse(status=status, certificate_hash_data_chain=chains or None)
    )


def variables(**values):
    """GetVariables answered with these; the others are unknown to the station."""
    return Answered(
        GetVariablesResponse(
            get_variable_result=tuple(
                GetVariableResult(
                    attribute_status=GetVariableStatus.UNKNOWN_VARIABLE
                    if values.get(name) is None
                    else GetVariableStatus.ACCEPTED,
                    attribute_value=values.get(name),
                    component=Component(name="SecurityCtrlr"),
                    variable=Variable(name=name),
                )
                for name in ("AdditionalRootCertificateCheck", "CertificateEntries")
            )
        )
    )


def installed(status="Accepted", reason=None):
    info = StatusInfo(reason_code=reason) if reason else None
    return Answered(InstallCertificateResponse(status=InstallCertificateStatus(status), status_info=info))


def deleted(status="Accepted"):
    return Answered(DeleteCertificateResponse(status=DeleteCertificateStatus(status)))


CHECKS = variables(AdditionalRootCertificateCheck="true")
PLAIN = variables(AdditionalRootCertificateCheck="false")
SILENT = variables()


def run(*events, goal=INSTALL, state=None):
    """(state, what was sent) after these events."""
    state = state or begin(goal, Terms())
    sent = []
    for event in events:
        state, effects = decide(state, event, ROOTS)
        sent += [effect.request for effect in effects if isinstance(effect, Send)]
    return state, sent


def words(request):
    match request:
        case GetVariablesRequest():
            return "ask"
        case GetInstalledCertificateIdsRequest():
            return "look"
        case InstallCertificateRequest(certificate=pem):
            return f"install {pem}"
        case DeleteCertificateRequest(certificate_hash_data=data):
            return f"delete {data.serial_number} {data.hash_algorithm}"


@pytest.mark.parametrize(
    ("goal", "events", "ends", "sent"),
    [
        pytest.param(INSTALL, [PLAIN, ids("A1"), installed(), ids("A1", "B1")], Settled,
                     ["ask", "look", "install self B", "look"], id="installs and proves"),
        pytest.param(INSTALL, [PLAIN, ids("A1", "B1")], Settled, ["ask", "look"], id="has it already"),
        pytest.param(INSTALL, [PLAIN, ids("A1"), installed(), ids("A1")], Stuck,
                     ["ask", "look", "install self B", "look"], id="says Accepted and does not list it"),
        pytest.param(INSTALL, [PLAIN, ids("A1"), installed("Rejected"), ids("A1", "B1")], Settled,
                     ["ask", "look", "install self B", "look"], id="says Rejected and lists it"),
        pytest.param(INSTALL, [PLAIN, ids("A1"), installed("Rejected"), ids("A1")], Stuck,
                     ["ask", "look", "install self B", "look"], id="refuses"),
        pytest.param(INSTALL, [CHECKS, ids("A1"), installed(), ids("B2")], Settled,
                     ["ask", "look", "install signed B", "look"], id="checks: gets the signed form"),
        pytest.param(INSTALL, [CHECKS, ids("A2"), installed(), ids("B2")], Settled,
                     ["ask", "look", "install signed B", "look"], id="checks, for the second time"),
        pytest.param(INSTALL, [CHECKS, ids(), installed(), ids("B1")], Settled,
                     ["ask", "look", "install self B", "look"], id="checks, and has none to be signed by"),
        pytest.param(INSTALL, [SILENT, ids("A1"), installed("Rejected"), ids("A1"), installed(), ids("B2")], Settled,
                     ["ask", "look", "install self B", "look", "install signed B", "look"],
                     id="does not say whether it checks"),
        pytest.param(INSTALL, [SILENT, ids("A1"), installed(), ids("A1")], Stuck,
                     ["ask", "look", "install self B", "look"], id="never the signed form to one that said Accepted"),
        pytest.param(INSTALL, [CallRefused("NotSupported"), ids("A1"), installed(), ids("B1")], Settled,
                     ["ask", "look", "install self B", "look"], id="has no GetVariables"),
        pytest.param(INSTALL, [PLAIN, CallRefused("NotImplemented")], Stuck, ["ask", "look"], id="cannot prove"),
        pytest.param(INSTALL, [PLAIN, CallTimedOut()], Stuck, ["ask", "look"], id="does not answer"),
        pytest.param(INSTALL, [PLAIN, ids("B1", use=GetCertificateIdUse.MO_ROOT_CERTIFICATE), installed(), ids("B1")],
                     Settled, ["ask", "look", "install self B", "look"], id="has it for something else"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1", "B1"), deleted(), ids("B1")], Settled,
                     ["ask", "look", "delete A1 SHA256", "look"], id="deletes the old one and proves it"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1", "B1", algorithm=HashAlgorithm.SHA512), deleted(), ids("B1")], Settled,
                     ["ask", "look", "delete A1 SHA512", "look"], id="in the station's own algorithm"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1", "B1"), deleted(), ids("A1", "B1")], Stuck,
                     ["ask", "look", "delete A1 SHA256", "look"], id="says deleted and lists it"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1", "B1"), deleted("Failed"), ids("B1")], Settled,
                     ["ask", "look", "delete A1 SHA256", "look"], id="says Failed and does not list it"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1", "A2", "B1"), deleted(), ids("A2", "B1"), deleted(), ids("B1")], Settled,
                     ["ask", "look", "delete A1 SHA256", "look", "delete A2 SHA256", "look"], id="both forms go"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1"), installed(), ids("A1", "B1"), deleted(), ids("B1")], Settled,
                     ["ask", "look", "install self B", "look", "delete A1 SHA256", "look"],
                     id="lost the new one: first in, then out"),
        pytest.param(WITHDRAW, [PLAIN, ids("A1"), installed("Rejected"), ids("A1")], Stuck,
                     ["ask", "look", "install self B", "look"], id="the last root is never deleted"),
        pytest.param(TAKE_BACK, [CHECKS, ids("B2"), installed(), ids("A2")], Settled,
                     ["ask", "look", "install signed A", "look"], id="back: the old root, signed by the new"),
        pytest.param(TAKE_BACK, [PLAIN, ids("A1", "B1"), deleted(), ids("A1")], Settled,
                     ["ask", "look", "delete B1 SHA256", "look"], id="back: the new one goes"),
    ],
)  # fmt: skip
def test_a_part(goal, events, ends, sent):
    """What is sent, in its order, and where it ends; what counts is what the station lists."""
    state, requests = run(Ready(), *events, goal=goal)
    assert isinstance(state, ends)
    assert [words(request) for request in requests] == sent


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        pytest.param([PLAIN, ids("A1"), installed(), ids("A1")], "does not list the new root: InstallCertificate was "
                     "answered Accepted", id="accepted"),
        pytest.param([variables(CertificateEntries="3"), ids("C1"), installed("Rejected", "Full"), ids("C1")],
                     "CertificateEntries = 3", id="no room"),
        pytest.param([PLAIN, ids("A1"), CallTimedOut(), ids("A1")], "no answer to InstallCertificate", id="silent"),
        pytest.param([PLAIN, CallRefused("InternalError")], "CALLERROR InternalError; nothing is proven", id="error"),
    ],
)  # fmt: skip
def test_why_it_is_stuck(events, reason):
    """In words that say what the station did."""
    state, _ = run(Ready(), *events)
    assert reason in state.reason


def test_a_lost_connection_begins_with_a_look_again():
    """An answer that never came may have been a yes: nothing is done twice before it was looked."""
    for events in ([], [PLAIN], [PLAIN, ids("A1")]):
        state, _ = run(Ready(), *events, LinkLost())
        assert isinstance(state, Waiting)
        _, sent = run(Ready(), PLAIN, ids("A1", "B1"), state=state)
        assert [words(request) for request in sent] == ["ask", "look"]


def test_after_a_restart():
    """What was under way waits for the station; what was proven or stuck stays so."""
    for events in ([Ready()], [Ready(), PLAIN], [Ready(), PLAIN, ids("A1")]):
        state, _ = run(*events)
        assert isinstance(state, Asking | Looking | Installing)
        assert isinstance(resume(decode_state(encode_state(state))), Waiting)
    settled, _ = run(Ready(), PLAIN, ids("B1"))
    assert resume(settled) == settled
    deleting, _ = run(Ready(), PLAIN, ids("A1", "B1"), goal=WITHDRAW)
    assert isinstance(decode_state(encode_state(deleting)), Deleting)


def test_a_doubt_takes_the_proof_away():
    """Until it has answered again nothing is proven; what is under way is an answer already."""
    settled, _ = run(Ready(), PLAIN, ids("A1", "B1"))
    assert settled.course.shows == (Which.OLD, Which.NEW)
    doubted, _ = run(LookAgain(), state=settled)
    assert (type(doubted), doubted.course.shows) == (Waiting, None)
    assert doubted.course.believed == (Which.OLD, Which.NEW)
    looking, _ = run(Ready(), PLAIN)
    assert run(LookAgain(), state=looking) == (looking, [])


def test_another_goal():
    """The same goal changes nothing; another begins anew, and forgets the failures of the first."""
    settled, _ = run(Ready(), PLAIN, ids("A1", "B1"))
    assert run(NewGoal(INSTALL), state=settled) == (settled, [])
    state, _ = run(NewGoal(WITHDRAW), state=settled)
    assert isinstance(state, Waiting)
    assert state.course.goal == WITHDRAW
    stuck, _ = run(Ready(), PLAIN, CallTimedOut())
    assert run(NewGoal(TAKE_BACK), state=stuck)[0].course.failures == 0


def test_it_is_tried_again_later_each_time():
    """Twice the wait after each failure, up to a bound; an old timer has no meaning."""
    state, _ = run(Ready(), PLAIN, CallTimedOut())
    waits = []
    for _ in range(9):
        waits.append(deadline_of(state))
        assert run(DeadlinePassed(state.course.step_number - 1), state=state) == (state, [])
        state, _ = run(DeadlinePassed(state.course.step_number), Ready(), PLAIN, CallTimedOut(), state=state)
    assert waits[:3] == [300, 600, 1200]
    assert waits[-1] == 6 * 3600
    assert run(Ready(), PLAIN, ids("B1"), state=run(LookAgain(), state=state)[0])[0].course.failures == 0


def test_answers_nobody_waits_for():
    """They change nothing."""
    state = begin(INSTALL, Terms())
    for event in (installed(), ids("B1"), deleted(), CallTimedOut(), LinkLost(), DeadlinePassed(0)):
        assert run(event, state=state) == (state, [])


def test_a_state_of_another_version():
    """It is refused, not guessed at."""
    text = encode_state(begin(INSTALL, Terms()))
    for bad in (text.replace('"version":1', '"version":2'), "{}", "no"):
        with pytest.raises(UnreadableState):
            decode_state(bad)


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        pytest.param(named("A1"), {Which.OLD}, id="old"),
        pytest.param(named("B2"), {Which.NEW}, id="new, signed"),
        pytest.param(replace(named("B1"), serial_number="00b1"), {Which.NEW}, id="leading zeros, lower case"),
        pytest.param(replace(named("B1"), issuer_name_hash="B1AA"), {Which.NEW}, id="upper case"),
        pytest.param(named("B1", HashAlgorithm.SHA384), set(), id="an algorithm with other hashes"),
        pytest.param(replace(named("B1"), issuer_key_hash="00"), set(), id="another key"),
        pytest.param(named("C1"), set(), id="a stranger"),
    ],
)
def test_which_root_is_listed(name, shows):
    """By all four parts of the hash data, however they are written."""
    response = GetInstalledCertificateIdsResponse(
        status=GetInstalledCertificateStatus.ACCEPTED,
        certificate_hash_data_chain=(
            CertificateHashDataChain(
                certificate_type=GetCertificateIdUse.CSMS_ROOT_CERTIFICATE, certificate_hash_data=name
            ),
        ),
    )
    found = listed(response, ROOTS)
    assert (found.shows, found.others) == (shows, 0 if shows else 1)
