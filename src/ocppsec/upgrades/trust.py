"""The CSMS root gets into the station, and the station is asked whether it is there.

So do the roots of other CAs that sign its certificate, where the plan names some; they are not worth a failure.

The answer to InstallCertificate is a hint; GetInstalledCertificateIds is a better one; the proof is the TLS
handshake later.
"""

from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    GetInstalledCertificateIdsResponse,
    InstallCertificateResponse,
    InstallCertificateStatus,
)
from ocppsec.upgrades.exchange import Answered, CallRefused, CallTimedOut, Event
from ocppsec.upgrades.facts import with_roots
from ocppsec.upgrades.path import Move, enter, fail, stay, to_root_from, warn
from ocppsec.upgrades.states import CheckingRoot, InstallingRoot
from ocppsec.upgrades.words import root_refused, status_words


def installing_root(state: InstallingRoot, event: Event) -> Move:
    match event:
        case Answered(InstallCertificateResponse(status=InstallCertificateStatus.ACCEPTED)):
            checking = CheckingRoot(progress=state.progress, which=state.which)
            return enter(checking, "InstallCertificate Accepted")
        case Answered(InstallCertificateResponse(status=status, status_info=info)):
            facts = state.progress.facts
            refusal = root_refused(
                status_words(status, info),
                on_profile=state.progress.profile,
                entries=facts.certificate_entries,
                additional_check=facts.additional_root_check,
            )
            # A second InstallCertificate of the same root may be refused because the first one was taken.
            return enter(
                CheckingRoot(progress=state.progress, refusal=refusal, which=state.which),
                f"InstallCertificate {status}",
            )
    return stay(state)


def checking_root(state: CheckingRoot, event: Event) -> Move:
    progress, root = state.progress, _root(state.which)
    match event:
        case Answered(GetInstalledCertificateIdsResponse() as response):
            facts = with_roots(progress.facts, response, progress.plan)
            progress = replace(progress, facts=facts)
            if facts.root_listed if state.which == 0 else state.which - 1 in facts.further_listed:
                return to_root_from(progress, state.which + 1, f"the station lists {root}")
            return _not_confirmed(
                replace(state, progress=progress),
                f"the station does not list {root} after InstallCertificate",
            )
        case CallRefused(code=code):
            return _not_confirmed(state, f"{root}, installed, could not be checked (CALLERROR {code})")
        case CallTimedOut():
            return _not_confirmed(state, f"{root}, installed, could not be checked (no answer)")
    return stay(state)


def _not_confirmed(state: CheckingRoot, what: str) -> Move:
    if state.refusal and state.which == 0:
        return fail(state, state.refusal)
    warning = f"{what}: {state.refusal}" if state.refusal else f"{what}."
    progress = warn(state.progress, warning)
    return to_root_from(progress, state.which + 1, f"{what}; goes on, the connection will tell")


def _root(which: int) -> str:
    return "the CSMS root" if which == 0 else "the root of the CA that signs its certificate"
