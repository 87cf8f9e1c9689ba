"""The station gets its certificate (A02): organization, trigger, request, signature, delivery.

A CSR counts only where it was asked for.  Stations repeat theirs with a doubling wait (A02.FR.17), with the
same or another key; the newest one is kept in case the certificate for the older is refused.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    CertificateSignedResponse,
    CertificateSignedStatus,
    SetVariablesResponse,
    SetVariableStatus,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from ocppsec.upgrades.exchange import (
    Answered,
    ApprovalGiven,
    ApprovalNeeded,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    DeadlinePassed,
    Event,
    LinkLost,
    Note,
    Sign,
    Signed,
    SigningRefused,
)
from ocppsec.upgrades.facts import set_result
from ocppsec.upgrades.path import (
    MOST_TRIES,
    Move,
    again,
    enter,
    errands,
    fail,
    stay,
    to_approval,
    to_delivery,
    to_profile,
    to_request,
    to_signing,
    warn,
)
from ocppsec.upgrades.requests import ORGANIZATION
from ocppsec.upgrades.states import (
    AwaitingCsr,
    DeliveringCertificate,
    SettingOrganization,
    Signing,
    Triggering,
)
from ocppsec.upgrades.words import certificate_refused, describe, duration, status_words

MOST_WAITS = 2
"""So often a request is waited for: once, and once more."""
MOST_REQUESTS = 3
"""So many requests of one station are signed in one upgrade."""


def setting_organization(state: SettingOrganization, event: Event) -> Move:
    match event:
        case Answered(SetVariablesResponse() as response):
            result = set_result(response, ORGANIZATION)
            words = status_words(result.attribute_status, result.attribute_status_info)
            match result.attribute_status:
                case SetVariableStatus.ACCEPTED:
                    return to_request(state.progress, "OrganizationName Accepted")
                case SetVariableStatus.REBOOT_REQUIRED:
                    warning = "OrganizationName takes effect only after a reboot."
                    return to_request(warn(state.progress, warning), warning)
                case _:
                    return _organization_unset(state, words)
        case CallRefused(code=code):
            return _organization_unset(state, f"CALLERROR {code}")
    return stay(state)


def _organization_unset(state: SettingOrganization, words: str) -> Move:
    """The O of the request decides; only a station that says it has another one is sure to fail."""
    wanted = state.progress.plan.organization
    known = state.progress.facts.organization
    if known is not None:
        return fail(
            state,
            f'The station has OrganizationName "{known}" and does not let it be set to "{wanted}": {words}.'
            " Its certificate would carry the wrong organization. Set it with the maker's tool and begin again.",
        )
    warning = f'OrganizationName could not be set to "{wanted}": {words}.'
    return to_request(warn(state.progress, warning), warning)


def triggering(state: Triggering, event: Event) -> Move:
    match event:
        case CsrReceived(csr):
            # Against F06.FR.04 the request came before the answer, which is still outstanding.
            return stay(replace(state, csr=csr))
        case SigningRefused(reasons=reasons, later=True):
            return _request_refused_for_now(state, reasons)
        case SigningRefused(reasons=reasons):
            return _request_refused(state, reasons)
        case Answered(TriggerMessageResponse()) | CallRefused() | CallTimedOut() if state.csr:
            return to_signing(
                state.progress, state.csr, "SignCertificate came before the answer to the trigger"
            )
        case Answered(TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)):
            return enter(AwaitingCsr(progress=state.progress), "TriggerMessage Accepted")
        case Answered(TriggerMessageResponse(status=status, status_info=info)):
            return fail(
                state,
                "The station sends no certificate request when asked:"
                f" TriggerMessage(SignChargingStationCertificate) {status_words(status, info)}."
                " Without one it cannot get a certificate for profile 3; its firmware may need an update.",
            )
    return stay(state)


def awaiting_csr(state: AwaitingCsr, event: Event) -> Move:
    match event:
        case CsrReceived(csr):
            return to_signing(state.progress, csr, "SignCertificate received")
        case SigningRefused(reasons=reasons, later=True):
            return _request_refused_for_now(state, reasons)
        case SigningRefused(reasons=reasons):
            return _request_refused(state, reasons)
        case DeadlinePassed():
            waited = duration(state.progress.plan.deadlines.csr)
            progress = replace(state.progress, csr_rounds=state.progress.csr_rounds + 1)
            if progress.csr_rounds < MOST_WAITS:
                return to_request(progress, f"no SignCertificate within {waited}; asks again")
            return fail(
                state,
                "The station accepted TriggerMessage(SignChargingStationCertificate), but its SignCertificate"
                f" never came, {progress.csr_rounds} times within {waited}. Look into the station's log; it may be"
                " without OrganizationName, or still generating a key.",
            )
    return stay(state)


def _request_refused_for_now(state: Triggering | AwaitingCsr, reasons: Sequence[str]) -> Move:
    """No fault of the station: when the time for its request is over it is asked once more."""
    words = f"A certificate request was refused for now: {'; '.join(reasons)}."
    told = warn(state.progress, words)
    return stay(replace(state, progress=told))


def _request_refused(state: Triggering | AwaitingCsr | Signing, reasons: Sequence[str]) -> Move:
    return fail(state, f"The station's certificate request was refused: {'; '.join(reasons)}.")


def signing(state: Signing, event: Event) -> Move:
    match event:
        case Signed(chain=chain, fingerprint=fingerprint):
            longest = state.progress.facts.max_chain_size
            if longest is not None and len(chain) > longest:
                return fail(
                    state,
                    f"The certificate chain has {len(chain)} characters, the station takes at most {longest}"
                    " (MaxCertificateChainSize, A02.FR.16).",
                )
            return to_delivery(state, chain, fingerprint)
        case SigningRefused(reasons=reasons):
            return _request_refused(state, reasons)
        case ApprovalNeeded(request, ca) if not state.waits_for:
            return to_approval(state, request, ca)
        case ApprovalNeeded(request, ca) if (request, ca) != (state.waits_for, state.decided_by):
            # Within the same time: asking again buys none.
            waiting = replace(state, waits_for=request, decided_by=ca)
            return waiting, (Note(describe(waiting), "the station has asked again, with another key"),)
        case ApprovalGiven() if state.waits_for:
            return state, (Sign(state.csr),)
        case CsrReceived(csr) if csr != state.csr and state.waits_for:
            # The station may have thrown the older key away, and nothing was signed for it.
            return replace(state, csr=csr), (Sign(csr),)
        case CsrReceived(csr) if csr != state.csr:
            return stay(replace(state, newer=csr))
        case DeadlinePassed() if state.decided_by:
            waited = duration(state.progress.plan.deadlines.approval)
            return fail(state, f"There was no decision of {state.decided_by} within {waited}.")
        case DeadlinePassed() if state.waits_for:
            waited = duration(state.progress.plan.deadlines.approval)
            return fail(
                state,
                f"Nobody approved the station's certificate request {state.waits_for} within {waited}."
                " Begin the upgrade again, and approve the request that then comes: ocppsec csr list.",
            )
        case DeadlinePassed():
            waited = duration(state.progress.plan.deadlines.signing)
            return fail(state, f"The certificate authority did not sign within {waited}; see the CSMS's log.")
    return stay(state)


def delivering_certificate(state: DeliveringCertificate, event: Event) -> Move:
    match event:
        case Answered(CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED)):
            return to_profile(state.progress, "CertificateSigned Accepted")
        case Answered(CertificateSignedResponse(status=status, status_info=info)):
            return _rejected(state, status_words(status, info))
        case CsrReceived(csr) if csr != state.csr:
            return stay(replace(state, newer=csr))
        case CallTimedOut() if state.tries + 1 < MOST_TRIES:
            return again(replace(state, repeated=True), "no answer to CertificateSigned; sent again")
        case CallTimedOut():
            return deliver_unconfirmed(state)
        case LinkLost() if not state.away:
            # One station closes the socket before its answer is out, each time.
            return stay(replace(state, tries=state.tries + 1, away=True))
    return stay(state)


def deliver_again(state: DeliveringCertificate) -> Move:
    """The station is back, its answer is not."""
    if state.tries >= MOST_TRIES:
        return deliver_unconfirmed(state)
    repeated = replace(state, repeated=True, away=False)
    return repeated, (Note(describe(repeated), "the station is back; sent again"), *errands(repeated))


def deliver_unconfirmed(state: DeliveringCertificate) -> Move:
    warning = "CertificateSigned was never answered."
    return to_profile(warn(state.progress, warning), f"{warning} Goes on: the connection will tell")


def _rejected(state: DeliveringCertificate, words: str) -> Move:
    progress = replace(state.progress, csr_rounds=state.progress.csr_rounds + 1)
    if progress.csr_rounds < MOST_REQUESTS:
        # A02.FR.20: after a refusal the station waits to be asked, unless it has asked already.
        if state.newer:
            return to_signing(progress, state.newer, f"CertificateSigned {words}: signs its newer request")
        return to_request(progress, f"CertificateSigned {words}: asks for a new request")
    if state.repeated:
        # The first delivery may have been taken, and the repeated one has no request left to belong to.
        warning = f"CertificateSigned {words}, when repeated after its answer was lost."
        return to_profile(warn(progress, warning), f"{warning} Goes on: the connection will tell")
    return fail(state, certificate_refused(words))
