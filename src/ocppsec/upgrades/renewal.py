"""The renewal of one station's certificate (A02, A03): trigger, request, signature, delivery, and the proof.

It is done only when a handshake has shown the new certificate.  What goes wrong leaves the old one in force and the
renewal stuck, at a step and for a reason; after a while, longer each time, it is tried again, for as long as the
station is registered and its certificate is not revoked.  What a person has denied only a person tries again.  Pure: the shell saves the state, carries the effects out, and feeds back what came of them
(`ocppsec.upgrades.exchange`).
"""

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateSignedStatus,
    CertificateSigningUse,
    MessageTrigger,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from ocppsec.upgrades import exchange
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
from ocppsec.upgrades.states import UnreadableState
from ocppsec.upgrades.words import duration, status_words

MOST_DELIVERIES = 3
MOST_RETURNS = 20
"""So often a station may come back without having sent its request; one that restarts for ever never does."""
_DELIVERED_KEPT = 8


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds."""

    message: float = 30.0
    csr: float = 300.0
    signing: float = 60.0
    approval: float = 86_400.0
    """For a person to approve the request, where one has to."""
    reconnect: float = 120.0
    """For the station to come with the new certificate by itself (A02.FR.08); then it is sent away."""
    handshake: float = 600.0
    """For it to come back after that."""
    back_off: float = 300.0
    """Before the second try; doubles each time …"""
    longest_back_off: float = 6 * 3600.0
    """… up to this."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What every state carries along."""

    terms: Terms
    old: str
    """Fingerprint of the certificate to be replaced."""
    delivered: tuple[str, ...] = ()
    """Fingerprints of what was signed on the way: whichever a handshake shows is the new one."""
    failures: int = 0
    returns: int = 0
    """Connections that ended, in this try, before its request came."""
    step_number: int = 0
    """Counts the steps entered: a timer of an earlier one has no meaning."""


class _Step(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    course: Course


class Waiting(_Step, frozen=True, kw_only=True):
    """For the station to be there."""


class Triggering(_Step, frozen=True, kw_only=True):
    pass


class AwaitingCsr(_Step, frozen=True, kw_only=True):
    pass


class Signing(_Step, frozen=True, kw_only=True):
    csr: str


class AwaitingApproval(_Step, frozen=True, kw_only=True):
    """A person, or the other CA that signs, has to say that the request may be signed."""

    csr: str
    request: str
    ca: str = ""
    """That CA, in words; empty where a person here decides."""


class Delivering(_Step, frozen=True, kw_only=True):
    chain: str
    tries: int = 1
    away: bool = False


class AwaitingHandshake(_Step, frozen=True, kw_only=True):
    sent_away: bool = False
    detail: str = ""


class Stuck(_Step, frozen=True, kw_only=True):
    at: str
    """The step, in words."""
    reason: str
    held: bool = False
    """A person said no: it is not tried again by itself."""


class Ended(_Step, frozen=True, kw_only=True):
    """There is nothing left to renew."""

    reason: str


class Renewed(_Step, frozen=True, kw_only=True):
    fingerprint: str


State = (
    Waiting
    | Triggering
    | AwaitingCsr
    | Signing
    | AwaitingApproval
    | Delivering
    | AwaitingHandshake
    | Stuck
    | Ended
    | Renewed
)
BUSY = (Triggering, AwaitingCsr, Signing, Delivering)
"""States in which the station or the CA has work with it: so many at once are bounded by the shell."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The station can be called, and there is room for one more."""


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """The station was admitted with the certificate of this fingerprint."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class TryNow:
    """An operator does not want to wait for the next try."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The certificate to be replaced was revoked, and none that was delivered instead is still good."""


Event = exchange.Event | Ready | CertificateSeen | TryNow | Revoked


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the station's connection: it has to come back with what it was given."""


Effect = Send | Sign | Note | HangUp
Move = tuple[State, tuple[Effect, ...]]


def begin(old: str, terms: Terms) -> Move:
    """A renewal that is due, or was asked for."""
    return _enter(Waiting(course=Course(terms=terms, old=old)), "due")


def begin_with(old: str, terms: Terms, csr: str) -> Move:
    """A03: the station came with a request by itself."""
    return _sign(Course(terms=terms, old=old), csr, "the station asked by itself")


def decide(state: State, event: Event) -> Move:
    """What follows from *event*.  An event a state has no use for changes nothing."""
    course = state.course
    match state, event:
        case ((Renewed() | Ended()), _):
            pass
        case _, Revoked():
            # Who holds the revoked key must not get another certificate by it, and cannot come in to fetch one.
            return _enter(Ended(course=course, reason="its certificate was revoked"), "it was revoked")
        case _, CertificateSeen(fingerprint) if fingerprint in course.delivered:
            return _enter(Renewed(course=course, fingerprint=fingerprint), "a handshake showed it")
        case AwaitingHandshake(), CertificateSeen():
            # A02.FR.28: a station on which the new one does not work goes back to the old one.
            return replace(state, detail="it came with the old certificate again"), ()
        case AwaitingApproval(csr=waiting), CsrReceived(csr) if csr == waiting:
            pass
        case _, CsrReceived(csr):
            return _sign(course, csr, "SignCertificate received")
        case Waiting(), Ready():
            return _enter(Triggering(course=course), "asks for a request")
        case ((Waiting() | Stuck()), TryNow()):
            return _enter(Waiting(course=course), "asked for by an operator")
        case Stuck(), DeadlinePassed() if _meant(state, event):
            return _enter(Waiting(course=course), "tried again")
        case Triggering(), _:
            return _triggering(state, event)
        case AwaitingCsr(), SigningRefused(reasons=reasons):
            return _stuck(state, f"the request was refused: {'; '.join(reasons)}")
        case AwaitingCsr(), DeadlinePassed() if _meant(state, event):
            return _stuck(state, f"the station sent no SignCertificate within {duration(course.terms.csr)}")
        case Signing(), Signed(chain=chain, fingerprint=fingerprint):
            delivered = (*course.delivered, fingerprint)[-_DELIVERED_KEPT:]
            return _enter(Delivering(course=replace(course, delivered=delivered), chain=chain), "signed")
        case Signing(), SigningRefused(reasons=reasons, by_person=by_person):
            return _stuck(state, f"it was not signed: {'; '.join(reasons)}", held=by_person)
        case Signing(csr=csr), ApprovalNeeded(request, ca):
            held = AwaitingApproval(course=course, csr=csr, request=request, ca=ca)
            return _enter(held, f"request {request}")
        case AwaitingApproval(csr=csr), ApprovalGiven():
            return _sign(course, csr, f"asks {state.ca} again" if state.ca else "approved")
        case AwaitingApproval(), SigningRefused(reasons=reasons):
            return _stuck(state, "; ".join(reasons), held=True)
        case AwaitingApproval(request=request), DeadlinePassed() if _meant(state, event):
            waited = duration(course.terms.approval)
            if state.ca:
                return _stuck(state, f"there was no decision of {state.ca} within {waited}")
            return _stuck(state, f"nobody approved request {request} within {waited}")
        case Signing(), DeadlinePassed() if _meant(state, event):
            return _stuck(state, f"the CA did not sign within {duration(course.terms.signing)}")
        case Delivering(), _:
            return _delivering(state, event)
        case AwaitingHandshake(), DeadlinePassed() if _meant(state, event):
            return _unproven(state)
    return state, ()


def resume(state: State, *, ready: bool) -> Move:
    """After a restart, or when the station is back: what was under way is done again."""
    match state:
        case Signing():
            return state, _errands(state)
        case AwaitingApproval(course=course, csr=csr) if not ready:
            # Somebody may have decided just before the end of the process that waited for it.
            return _sign(course, csr, "asked again whether it may be signed")
        case Triggering() if ready:
            return state, _errands(state)
        case AwaitingCsr(course=course) if ready:
            # Its request may have gone down with the connection, and nothing makes it send that again.
            return _once_more(state, Triggering(course=course), "the station is back; asked again")
        case Delivering(tries=tries) if ready:
            if tries >= MOST_DELIVERIES:
                return _unanswered(state)
            again = replace(state, tries=tries + 1, away=False)
            return again, _errands(again)
    return state, ()


def _triggering(state: Triggering, event: Event) -> Move:
    match event:
        case Answered(TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)):
            return _enter(AwaitingCsr(course=state.course), "TriggerMessage Accepted")
        case Answered(TriggerMessageResponse(status=status, status_info=info)):
            return _stuck(state, f"TriggerMessage {status_words(status, info)}")
        case CallRefused(code=code):
            return _stuck(state, f"TriggerMessage: CALLERROR {code}")
        case CallTimedOut():
            return _stuck(state, "no answer to TriggerMessage")
        case SigningRefused(reasons=reasons):
            return _stuck(state, f"the request was refused: {'; '.join(reasons)}")
        case LinkLost():
            return _once_more(state, Waiting(course=state.course), "the connection ended")
    return state, ()


def _delivering(state: Delivering, event: Event) -> Move:
    match event:
        case Answered(CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED)):
            return _enter(AwaitingHandshake(course=state.course), "CertificateSigned Accepted")
        case Answered(CertificateSignedResponse(status=status, status_info=info)):
            return _stuck(state, f"CertificateSigned {status_words(status, info)}")
        case CallRefused(code=code):
            return _stuck(state, f"CertificateSigned: CALLERROR {code}")
        case CallTimedOut():
            return _unanswered(state)
        case LinkLost():
            # One station closes the socket before its answer is out, each time.
            return replace(state, away=True), ()
    return state, ()


def _unanswered(state: Delivering) -> Move:
    detail = "CertificateSigned was never answered"
    return _enter(AwaitingHandshake(course=state.course, detail=detail), detail)


def _unproven(state: AwaitingHandshake) -> Move:
    if not state.sent_away:
        waiting = AwaitingHandshake(course=state.course, sent_away=True, detail=state.detail)
        entered, effects = _enter(waiting, "sent away, to come back with the new certificate")
        return entered, (*effects, HangUp())
    seen = f": {state.detail}" if state.detail else ""
    waited = duration(state.course.terms.reconnect + state.course.terms.handshake)
    return _stuck(state, f"no connection showed the new certificate within {waited}{seen}")


def _sign(course: Course, csr: str, note: str) -> Move:
    return _enter(Signing(course=course, csr=csr), note)


def _stuck(state: State, reason: str, *, held: bool = False) -> Move:
    course = replace(state.course, failures=state.course.failures + 1, returns=0)
    return _enter(Stuck(course=course, at=describe(state), reason=reason, held=held), reason)


def _once_more(before: Triggering | AwaitingCsr, after: Triggering | Waiting, note: str) -> Move:
    returns = before.course.returns + 1
    if returns > MOST_RETURNS:
        return _stuck(before, f"the connection has ended {returns} times before its request came")
    return _enter(replace(after, course=replace(after.course, returns=returns)), note)


def _enter(state: State, note: str) -> Move:
    course = replace(state.course, step_number=state.course.step_number + 1)
    entered = replace(state, course=course)
    return entered, (Note(describe(entered), note), *_errands(entered))


def _meant(state: State, event: DeadlinePassed) -> bool:
    return event.step_number in (None, state.course.step_number)


def _errands(state: State) -> tuple[Effect, ...]:
    match state:
        case Triggering():
            return (
                Send(
                    TriggerMessageRequest(requested_message=MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
                ),
            )
        case Signing(csr=csr):
            return (Sign(csr),)
        case Delivering(chain=chain):
            # A02.FR.14: the type is echoed; a station that named none takes this one.
            use = CertificateSigningUse.CHARGING_STATION_CERTIFICATE
            return (Send(CertificateSignedRequest(certificate_chain=chain, certificate_type=use)),)
    return ()


def describe(state: State) -> str:
    """The step in plain words."""
    match state:
        case Waiting():
            return "waits for the station"
        case Triggering():
            return "asks the station for a request"
        case AwaitingCsr():
            return "waits for SignCertificate"
        case Signing():
            return "signs"
        case AwaitingApproval(ca=ca) if ca:
            return f"waits for a decision of {ca}"
        case AwaitingApproval(request=request):
            return f"waits for a person (ocppsec csr approve {request})"
        case Delivering():
            return "delivers the certificate"
        case AwaitingHandshake():
            return "waits for a connection with the new certificate"
        case Stuck(at=at):
            return f"stuck: {at}"
        case Ended():
            return "ended"
        case Renewed():
            return "done"


def deadline_of(state: State) -> float | None:
    """Seconds from entering the step until it is overdue."""
    terms = state.course.terms
    match state:
        case AwaitingCsr():
            return terms.csr
        case Signing():
            return terms.signing
        case AwaitingApproval():
            return terms.approval
        case AwaitingHandshake(sent_away=sent_away):
            return terms.handshake if sent_away else terms.reconnect
        case Stuck(held=True):
            return None
        case Stuck(course=course):
            doublings = min(course.failures - 1, 20)
            return float(min(terms.back_off * 2**doublings, terms.longest_back_off))
    return None


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    state: State


_VERSION = 1
_decoder = msgspec.json.Decoder(_Stored)


def encode_state(state: State) -> str:
    return msgspec.json.encode(_Stored(version=_VERSION, state=state)).decode()


def decode_state(text: str) -> State:
    """Raises `UnreadableState`."""
    try:
        stored = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored renewal state: {error}") from error
    if stored.version != _VERSION:
        raise UnreadableState(f"stored renewal state has version {stored.version}, this program reads 1")
    return stored.state
