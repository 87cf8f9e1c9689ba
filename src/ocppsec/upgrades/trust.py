"""The CSMS root gets into the station, and the station is asked whether it is there.

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
from ocppsec.upgrades.facts import lists_root
from ocppsec.upgrades.path import Move, after_root, enter, fail, stay, warn
from ocppsec.upgrades.states import CheckingRoot, InstallingRoot
from ocppsec.upgrades.words import root_refused, status_words


def installing_root(state: InstallingRoot, event: Event) -> Move:
    match event:
        case Answered(InstallCertificateResponse(status=InstallCertificateStatus.ACCEPTED)):
            return enter(CheckingRoot(progress=state.progress), "InstallCertificate Accepted")
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
                CheckingRoot(progress=state.progress, refusal=refusal), f"InstallCertificate {status}"
            )
    return stay(state)


def checking_root(state: CheckingRoot, event: Event) -> Move:
    progress = state.progress
    match event:
        case Answered(GetInstalledCertificateIdsResponse() as response):
            if lists_root(response, progress.plan.root_hashes):
                facts = replace(progress.facts, root_listed=True)
                return after_root(replace(progress, facts=facts), "the station lists the CSMS root")
            return _not_confirmed(state, "the station does not list the CSMS root after InstallCertificate")
        case CallRefused(code=code):
            return _not_confirmed(state, f"the installed CSMS root could not be checked (CALLERROR {code})")
        case CallTimedOut():
            return _not_confirmed(state, "the installed CSMS root could not be checked (no answer)")
    return stay(state)


def _not_confirmed(state: CheckingRoot, what: str) -> Move:
    if state.refusal:
        return fail(state, state.refusal)
    return after_root(warn(state.progress, f"{what}."), f"{what}; goes on, the connection will tell")
