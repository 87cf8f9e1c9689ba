"""First contact: how the station presents itself, boots, and treats what it is sent (profile 1)."""

import base64
import binascii
from typing import Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.stations.lab import StationLab

NEW_PASSWORD: Final = "audit-Pass_word.2026+new"  # noqa: S105  lives as long as the audit; see `password_change`


@check(
    id="password.header",
    title="Every connection request carries identity and password as they should be",
    severity=Severity.HIGH,
    tests=("TC_A_01_CS",),
    requirements=("A00.FR.202", "A00.FR.203", "A00.FR.204", "A00.FR.205"),
    remedy="Send `Authorization: Basic` with identity, colon and password in the first request, without waiting for"
    " a challenge; the user name is the identity in the URL, percent-decoded.",
)
async def header(lab: StationLab) -> Outcome:
    visit = await lab.visit(lambda one: not one.failed, seconds=lab.patience)
    if visit is None:
        return inconclusive("the station did not connect")
    lab.note(f"waiting for {lab.subject.identity}", f"a request for {visit.path}")
    if visit.identity != lab.subject.identity:
        return failed(f"the URL names {visit.identity!r}, not {lab.subject.identity!r}")
    values = visit.header("authorization")
    if len(values) != 1:
        return failed(f"{len(values)} Authorization headers in the first request")
    return _judge(values[0], lab.subject.identity, lab.password)


def _judge(value: str, identity: str, expected: str | None) -> Outcome:
    scheme, _, encoded = value.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return failed("the Authorization header is not base64")
    if scheme.lower() != "basic" or not colon:
        return failed("the Authorization header is not Basic with a name, a colon and a password")
    if user != identity.encode():
        return failed("the user name is not the identity in the URL")
    if not 16 <= len(password.decode(errors="replace")) <= 64:
        return failed(f"the password has {len(password)} characters, 16 to 40 are allowed")
    if expected is not None and password != expected.encode():
        return failed("it is another password than the one given to this audit")
    return passed("one header, user name and password as they should be")


@check(
    id="boot.waits",
    title="Before it is accepted the station sends nothing but BootNotification",
    severity=Severity.MEDIUM,
    tests=("TC_B_02_CS", "TC_B_30_CS"),
    requirements=("B01.FR.08", "B02.FR.02", "B02.FR.06"),
    remedy="While Pending, wait for the interval and send BootNotification again; queue everything else.",
)
async def waits(lab: StationLab) -> Outcome:
    visit = lab.current()
    if visit is None or visit.talk is None:
        return inconclusive("the station is not connected")
    talk = visit.talk
    if not await talk.until(lambda one: one.count("BootNotification") > 0, seconds=lab.patience):
        return failed("the station connected and sent no BootNotification")
    talk.registration = "Accepted"
    booted = await talk.until(lambda one: one.booted, seconds=lab.patience)
    before = [action for action, _ in talk.calls[: _second_boot(talk.calls)]]
    lab.note("BootNotification answered Pending, interval 1 s", ", ".join(before))
    boot = talk.last("BootNotification") or {}
    lab.serial_number = lab.serial_number or boot.get("chargingStation", {}).get("serialNumber")
    if set(before) != {"BootNotification"}:
        return failed(
            f"before it was accepted the station sent {', '.join(sorted(set(before) - {'BootNotification'}))}"
        )
    return (
        passed("it waited, and asked again") if booted else failed("it never sent a second BootNotification")
    )


def _second_boot(calls: list[tuple[str, dict[str, object]]]) -> int:
    boots = [at for at, (action, _) in enumerate(calls) if action == "BootNotification"]
    return boots[1] + 1 if len(boots) > 1 else len(calls)


@check(
    id="messages.not-for-stations",
    title="A CALL it does not serve is answered with CALLERROR",
    severity=Severity.MEDIUM,
    requirements=("Part 4, 4.3",),
    remedy="Answer NotImplemented or NotSupported.",
)
async def not_for_stations(lab: StationLab) -> Outcome:
    answer = await lab.call("Heartbeat", {})
    error = answer.get("error")
    return passed(f"CALLERROR {error}") if error else failed("it answered a Heartbeat of a CSMS")


@check(
    id="messages.trigger-boot",
    title="An accepted station does not boot on demand",
    severity=Severity.LOW,
    requirements=("F06.FR.17",),
    remedy="Answer Rejected to TriggerMessage BootNotification once a boot was accepted.",
)
async def trigger_boot(lab: StationLab) -> Outcome:
    answer = await lab.call("TriggerMessage", {"requestedMessage": "BootNotification"})
    status = answer.get("status", answer.get("error"))
    return passed(str(status)) if status in ("Rejected", "NotImplemented") else failed(f"answered {status}")


@check(
    id="password.write-only",
    title="The password cannot be read back",
    severity=Severity.CRITICAL,
    tests=("TC_B_53_CS",),
    requirements=("B06.FR.09", "A01.FR.12"),
    remedy="BasicAuthPassword is WriteOnly: GetVariables is Rejected, reports leave the value out.",
)
async def write_only(lab: StationLab) -> Outcome:
    data = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    trail = list(lab.trail)
    answer = await lab.call("GetVariables", {"getVariableData": [data]})
    lab.trail[:] = trail
    result = (answer.get("getVariableResult") or [{}])[0]
    status = result.get("attributeStatus", answer.get("error"))
    told = "with a value" if result.get("attributeValue") else "without a value"
    lab.note("GetVariables BasicAuthPassword", f"{status}, {told}")
    if result.get("attributeValue"):
        return failed("the station told its password")
    return (
        passed(f"{status}, without a value")
        if status != "Accepted"
        else failed("Accepted, though without a value")
    )


@check(
    id="password.too-short",
    title="A password of ten characters is rejected, and the old one stays",
    severity=Severity.HIGH,
    tests=("TC_A_10_CS",),
    requirements=("A00.FR.205", "A01.FR.04"),
    needs=(Need.DESTRUCTIVE,),
    remedy="16 characters are the least.",
)
async def too_short(lab: StationLab) -> Outcome:
    status = await lab.set_variable("SecurityCtrlr", "BasicAuthPassword", "short-0123")
    return passed("Rejected") if status == "Rejected" else failed(f"answered {status}")


@check(
    id="password.change",
    title="A new password is taken, and used from the next connection on",
    severity=Severity.HIGH,
    tests=("TC_A_09_CS",),
    requirements=("A01.FR.01", "A01.FR.02"),
    needs=(Need.PASSWORD, Need.DESTRUCTIVE),
    remedy="Store the password, answer Accepted, reconnect with it.",
)
async def change(lab: StationLab) -> Outcome:
    """The old password is set again at the end: the station leaves as it came."""
    old = lab.password or ""
    outcome = await _changed(lab, NEW_PASSWORD)
    if outcome.verdict == "pass":
        back = await _changed(lab, old)
        if back.verdict != "pass":
            return failed(f"the new password works, but the old one could not be set again: {back.why}")
    return outcome


async def _changed(lab: StationLab, password: str) -> Outcome:
    lab.forget_visits()
    status = await lab.set_variable("SecurityCtrlr", "BasicAuthPassword", password)
    if status not in ("Accepted", "RebootRequired"):
        return failed(f"answered {status}")
    if status == "RebootRequired":
        await lab.call("Reset", {"type": "OnIdle"})
    visit = await lab.visit(lambda one: not one.failed, seconds=lab.patience)
    if visit is None:
        return failed("Accepted, but the station did not connect again")
    values = visit.header("authorization")
    lab.note("waiting for the next connection", "it came" if values else "it came without credentials")
    judged = _judge(values[0] if values else "", lab.subject.identity, password)
    if judged.verdict == "pass":
        lab.password = password
        return passed("Accepted, and the next connection used it")
    return judged


CHECKS: tuple[Check[StationLab], ...] = (
    header,
    waits,
    not_for_stations,
    trigger_boot,
    write_only,
    too_short,
    change,
)
