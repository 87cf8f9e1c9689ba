"""Which profile a station may use: A00.FR.002, A05.FR.07, TC_A_19 and E201 6.3.4."""

from typing import Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.checks.upgrading import simulated
from ocppsec.audit.finding import (
    Need,
    Outcome,
    Severity,
    failed,
    inconclusive,
    not_applicable,
    not_tested,
    passed,
)
from ocppsec.audit.lab import Knock, Lab
from ocppsec.audit.wire import Ended

_TEST: Final = ("TC_A_19_CSMS",)
_REQUIREMENTS: Final = ("A05.FR.07", "A00.FR.002")
_UPGRADE_SECONDS: Final = 180.0


@check(
    id="profiles.no-return-to-clear",
    title="A station that was on profile 2 is refused without TLS",
    severity=Severity.CRITICAL,
    tests=_TEST,
    requirements=_REQUIREMENTS,
    needs=(Need.PLAIN, Need.SECURE, Need.IDENTITY, Need.PASSWORD),
    remedy="Keep the highest profile a station has connected and booted with, and refuse lower ones for its identity"
    " on every door.",
)
async def no_return_to_clear(lab: Lab) -> Outcome:
    target = lab.target
    assert target.plain is not None
    assert target.secure is not None
    if not target.destructive and lab.profile < 2:
        return not_tested(
            "it raises the station to profile 2 for good: allow it with --destructive, or say with --profile 2 that it"
            " is there already"
        )
    knock = lab.with_certificate() if lab.profile == 3 else lab.proper(target.secure)
    above = await lab.knock(knock) if knock else None
    if above is None or above.socket is None:
        return inconclusive(f"the station is not let in over TLS: {above}")
    lab.profile = max(lab.profile, 2)
    try:
        lab.note("BootNotification over TLS", await above.socket.boot(target.serial))
    except Ended as ended:
        return inconclusive(f"BootNotification over TLS was not answered: {ended.how}")
    await lab.tidy()
    label = f"as {target.identity}, which was just on a higher profile"
    answer = await lab.knock(
        Knock(door=target.plain, identity=target.identity or "", credentials=lab.right(), label=label)
    )
    if answer.admitted:
        return failed("after profile 2 the same station is let in without TLS, with its password in clear")
    if not answer.refused:
        return failed(f"neither let in nor refused: {answer}")
    return passed("let in over TLS, refused without")


@check(
    id="profiles.no-return-to-password",
    title="A station on profile 3 is refused with its password alone",
    severity=Severity.CRITICAL,
    tests=_TEST,
    requirements=_REQUIREMENTS,
    needs=(Need.SECURE, Need.MUTUAL, Need.IDENTITY, Need.PASSWORD, Need.CERTIFICATE),
    turn=2,
    remedy="After profile 3 the certificate is the only way in, on every door.",
)
async def no_return_to_password(lab: Lab) -> Outcome:
    target = lab.target
    assert target.secure is not None
    if not target.destructive and lab.profile != 3:
        return not_tested(
            "it raises the station to profile 3 for good: allow it with --destructive, or say --profile 3"
        )
    above = await lab.knock(lab.with_certificate() or Knock(door=target.secure, identity=""))
    if above.socket is None:
        return inconclusive(f"the station is not let in with its certificate: {above}")
    lab.profile = 3
    try:
        lab.note("BootNotification with the certificate", await above.socket.boot(target.serial))
    except Ended as ended:
        return inconclusive(f"BootNotification with the certificate was not answered: {ended.how}")
    await lab.tidy()
    label = f"as {target.identity}, which was just on profile 3"
    answer = await lab.knock(
        Knock(door=target.secure, identity=target.identity or "", credentials=lab.right(), label=label)
    )
    if answer.admitted:
        return failed("after profile 3 the same station is let in with its password alone")
    if not answer.refused:
        return failed(f"neither let in nor refused: {answer}")
    return passed("let in with the certificate, refused with the password")


@check(
    id="profiles.upgrade",
    title="The CSMS raises a station by one profile, and never takes the old one again",
    severity=Severity.HIGH,
    tests=_TEST,
    requirements=("A05.FR.04", "A05.FR.07", "B09.FR.01", "B10.FR.04"),
    needs=(Need.IDENTITY, Need.PASSWORD, Need.OPERATOR, Need.DESTRUCTIVE),
    turn=-1,
    remedy="SetNetworkProfile into a free slot, NetworkConfigurationPriority, Reset; raise the floor once the station"
    " has booted there.",
)
async def upgrade(lab: Lab) -> Outcome:
    start = lab.target.plain if lab.profile < 2 else lab.target.secure
    if lab.profile == 3:
        return not_applicable("the station is on profile 3 already")
    if start is None:
        return not_tested("the URL of the door the station is on now is missing")
    async with simulated(lab.target, start) as station:
        before = station.profile
        if not await station.accepted(lab.patience * 2):
            return inconclusive("the simulated station was not accepted where it is now")
        lab.note(f"station on profile {before}", "accepted")
        if not await lab.operator(f"upgrade {lab.target.identity} to profile {before + 1}"):
            return inconclusive("nobody started the upgrade")
        reached = await station.on(before + 1, _UPGRADE_SECONDS)
        lab.note(f"waiting for profile {before + 1}", "; ".join(station.told[-8:]) or "nothing")
    if not reached:
        return failed(f"the station did not reach profile {before + 1}")
    lab.profile = before + 1
    answer = await lab.knock(
        Knock(
            door=start,
            identity=lab.target.identity or "",
            credentials=lab.right(),
            label="on its old profile",
        )
    )
    if answer.admitted:
        return failed("upgraded, but the old profile is still let in")
    return passed(f"raised to profile {before + 1}; the old one is refused")


CHECKS: tuple[Check[Lab], ...] = (no_return_to_clear, no_return_to_password, upgrade)
