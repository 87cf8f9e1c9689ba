"""Which servers the station believes: TC_A_05 and TC_A_06.  It has to be on profile 2 or 3."""

import ssl
from collections.abc import Callable
from typing import Any, Final

from ocppsec.audit import forge
from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import About, Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.stations.lab import StationLab

_BAD: Final[dict[str, Callable[[StationLab], dict[str, Any]]]] = {
    "expired": lambda _lab: {"days": (-30, -1)},
    "future": lambda _lab: {"days": (2, 30)},
    "foreign": lambda lab: {"issuer": forge.forger(lab.root.certificate.subject)},
    "wrong-name": lambda _lab: {"common_name": "another.example.com"},
    "wildcard": lambda lab: {"common_name": "*." + lab.subject.hostname.partition(".")[2]},
}
_TITLES: Final = {
    "expired": "An expired server certificate is refused",
    "future": "A server certificate that is not valid yet is refused",
    "foreign": "A server certificate under another root of the same name is refused",
    "wrong-name": "A server certificate for another host is refused",
    "wildcard": "A server certificate with a wildcard is refused",
}


async def _tried(lab: StationLab, context: ssl.SSLContext, told: str) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    await lab.talk()
    lab.desk.context = context
    lab.hang_up()
    visit = await lab.visit(lambda one: one.secure, seconds=lab.patience)
    lab.desk.context = lab.good
    if visit is None:
        return inconclusive("the station did not dial again")
    if not visit.failed:
        lab.note(told, f"a request over {visit.tls_version}, with its credentials")
        lab.hang_up()
        return failed("the station went on and sent its request")
    lab.note(told, visit.failed)
    back = await lab.visit(lambda one: one.talk is not None, seconds=lab.patience)
    if back is None:
        return failed("refused, but the station did not come back to the good server")
    return passed(f"refused ({visit.failed}), and back at the good server")


def _server_check(name: str) -> Check[StationLab]:
    async def run(lab: StationLab) -> Outcome:
        if name == "wildcard" and not lab.subject.hostname.partition(".")[2].strip("0123456789."):
            return not_applicable("no wildcard stands for this host name")
        leaf = lab.leaf(**_BAD[name](lab))
        return await _tried(lab, lab.context(leaf), f"a server certificate that is bad: {name}")

    about = About(
        id=f"server.{name}",
        title=_TITLES[name],
        severity=Severity.CRITICAL,
        tests=("TC_A_05_CS",),
        requirements=("A00.FR.308", "A00.FR.309", "A00.FR.311", "A00.FR.412"),
        needs=(Need.DESTRUCTIVE,),
        remedy="Verify the chain, the dates and the common name before anything is sent; hang up otherwise.",
    )
    return Check(about=about, run=run)


@check(
    id="server.tls-1.1",
    title="TLS below 1.2 is refused",
    severity=Severity.HIGH,
    tests=("TC_A_06_CS",),
    requirements=("A00.FR.313", "A00.FR.316", "A00.FR.419"),
    needs=(Need.DESTRUCTIVE,),
    remedy="Offer TLS 1.2 and 1.3 alone.",
)
async def old_tls(lab: StationLab) -> Outcome:
    return await _tried(lab, lab.context(lab.leaf(), most=ssl.TLSVersion.TLSv1_1), "TLS 1.1 at most")


@check(
    id="server.event",
    title="A bad server certificate is reported as InvalidCsmsCertificate",
    severity=Severity.MEDIUM,
    tests=("TC_A_05_CS",),
    requirements=("A00.FR.310", "A00.FR.413", "A04.FR.02"),
    needs=(Need.DESTRUCTIVE,),
    remedy="Queue the event over the reconnection and send it when the station is accepted again.",
)
async def event(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    talk = await lab.talk()
    await talk.until(lambda _one: "InvalidCsmsCertificate" in lab.events(), seconds=min(5.0, lab.patience))
    types = lab.events()
    lab.note("waiting for SecurityEventNotification", ", ".join(types) or "none came")
    if "InvalidCsmsCertificate" in types:
        return passed("it came")
    return failed("the station refused bad servers and did not report it")


CHECKS: tuple[Check[StationLab], ...] = (*map(_server_check, _BAD), old_tls, event)
