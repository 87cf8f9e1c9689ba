"""Profile 3: client certificates (A00.FR.401 to 429, TC_A_07 and TC_A_08)."""

from typing import Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, Verdict, failed, inconclusive, not_tested, passed
from ocppsec.audit.forge import foreign_twin, forger, subject
from ocppsec.audit.lab import Knock, Lab
from ocppsec.audit.wire import Ended

_ON_THREE: Final = (Need.MUTUAL, Need.IDENTITY, Need.CERTIFICATE)
_BAD: Final = ("TC_A_08_CSMS",)


def _proper(lab: Lab, **more: object) -> Knock:
    knock = lab.with_certificate(**more)
    assert knock is not None, "a need of every check here"
    return knock


@check(
    id="mtls.valid",
    title="The station with its certificate is let in and its boot accepted",
    severity=Severity.HIGH,
    tests=("TC_A_07_CSMS",),
    requirements=("A00.FR.402", "A00.FR.403", "A00.FR.405", "B01.FR.11"),
    needs=_ON_THREE,
    turn=2,
    remedy="Verify the chain up to the CA of the operator; CN is the serial number registered for the identity.",
)
async def valid(lab: Lab) -> Outcome:
    if lab.profile != 3 and not lab.target.destructive:
        return not_tested(
            "a boot on profile 3 raises the station for good: allow it with --destructive, or say --profile 3"
        )
    answer = await lab.knock(_proper(lab))
    if answer.socket is None:
        return failed(f"not let in: {answer}") if answer.refused else inconclusive(str(answer))
    lab.profile = 3
    try:
        booted = await answer.socket.boot(lab.target.serial)
    except Ended as ended:
        return failed(f"let in, but BootNotification was not answered: {ended.how}")
    lab.note(f"BootNotification with serial number {lab.target.serial}", booted)
    if booted[0] == 3 and booted[2].get("status") == "Accepted":
        return passed("let in, and BootNotification Accepted")
    return failed(f"let in, but BootNotification was answered {booted[2:]}")


@check(
    id="mtls.absent",
    title="Without a client certificate the station is refused",
    severity=Severity.CRITICAL,
    tests=_BAD,
    requirements=("A00.FR.401", "A00.FR.407", "A00.FR.002"),
    needs=_ON_THREE,
    remedy="Require a client certificate at the door for profile 3, or refuse the identity without one before 101.",
)
async def absent(lab: Lab) -> Outcome:
    door = _proper(lab).door
    answer = await lab.knock(Knock(door=door, identity=lab.target.identity or ""))
    return await lab.judge_refusal(
        answer, _proper(lab), bad="let in without a certificate", good="refused without a certificate"
    )


@check(
    id="mtls.foreign-ca",
    title="A certificate of another CA is refused, though it looks the same",
    severity=Severity.CRITICAL,
    tests=_BAD,
    requirements=("A00.FR.403", "A00.FR.407"),
    needs=_ON_THREE,
    remedy="Verify the signature up to a CA of the operator; trust only the CA that issues to stations.",
)
async def foreign_ca(lab: Lab) -> Outcome:
    papers = lab.target.papers
    assert papers is not None
    name = subject(lab.target.serial, lab.target.organization or "")
    forged = {
        "names, serial number and issuer as in the real one": foreign_twin(papers),
        "the right CN, issued by a CA nobody knows": forger(subject("Foreign CA", "Foreign")).papers(name),
    }
    outcome = inconclusive("nothing was tried")
    for told, forgery in forged.items():
        label = f"as {lab.target.identity} with a forged certificate ({told})"
        knock = Knock(door=_proper(lab).door, identity=lab.target.identity or "", papers=forgery, label=label)
        outcome = await lab.judge_refusal(
            await lab.knock(knock),
            _proper(lab),
            bad=f"let in: {told}",
            good="forged certificates are refused",
        )
        if outcome.verdict != "pass":
            return outcome
    return outcome


@check(
    id="mtls.expired",
    title="An expired certificate is refused",
    severity=Severity.HIGH,
    tests=_BAD,
    requirements=("A00.FR.403", "A00.FR.407", "A00.FR.429"),
    needs=(*_ON_THREE, Need.EXPIRED),
    remedy="Check the validity period; let an expired one in only for the one station that was set up so (A00.FR.429).",
)
async def expired(lab: Lab) -> Outcome:
    door = _proper(lab).door
    label = f"as {lab.target.identity} with its expired certificate"
    answer = await lab.knock(
        Knock(door=door, identity=lab.target.identity or "", papers=lab.target.expired, label=label)
    )
    return await lab.judge_refusal(
        answer,
        _proper(lab),
        bad="let in with an expired certificate",
        good="the expired certificate is refused",
    )


@check(
    id="mtls.other-station",
    title="A valid certificate opens the session of its own station alone",
    severity=Severity.CRITICAL,
    tests=_BAD,
    requirements=("A00.FR.405", "A00.FR.407"),
    needs=(*_ON_THREE, Need.OTHER_IDENTITY),
    remedy="Compare CN with the serial number registered for the identity in the URL, before 101.",
)
async def other_station(lab: Lab) -> Outcome:
    other = lab.target.other_identity or ""
    knock = Knock(
        door=_proper(lab).door,
        identity=other,
        papers=lab.target.papers,
        label=f"as {other} with the certificate of {lab.target.identity}",
    )
    answer = await lab.knock(knock)
    return await lab.judge_refusal(
        answer,
        _proper(lab),
        bad=f"{other} was opened with the certificate of {lab.target.identity}",
        good="refused for another identity",
    )


@check(
    id="mtls.serial-at-boot",
    title="The serial number at boot has to be the one in the certificate",
    severity=Severity.HIGH,
    requirements=("B01.FR.11", "B01.FR.12"),
    needs=_ON_THREE,
    turn=2,
    remedy="Compare chargingStation.serialNumber with CN; close the connection when they differ (B01.FR.12).",
)
async def serial_at_boot(lab: Lab) -> Outcome:
    right = await valid.run(lab)
    if right.verdict is Verdict.NOT_TESTED:
        return right
    if right.verdict is not Verdict.PASS:
        return inconclusive("the station is not accepted with the right serial number either")
    await lab.tidy()
    answer = await lab.knock(_proper(lab))
    if answer.socket is None:
        return inconclusive(f"not let in the second time: {answer}")
    try:
        booted = await answer.socket.boot("ANOTHER-SERIAL")
    except Ended as ended:
        lab.note("BootNotification with another serial number", ended.how)
        if ended.silent:
            return failed("no answer, and the connection stays open")
        return passed(f"the CSMS ended the connection ({ended.how})")
    lab.note("BootNotification with another serial number", booted)
    if booted[0] == 3 and booted[2].get("status") == "Accepted":
        return failed("the boot was accepted with the serial number of another station")
    closed = await answer.socket.closed_within(2.0)
    return (
        passed("not accepted, and closed")
        if closed
        else failed("not accepted, but the connection stays open")
    )


CHECKS: tuple[Check[Lab], ...] = (valid, absent, foreign_ca, expired, other_station, serial_at_boot)
