"""Boot states and what may be said in them: B01 to B03, A04."""

from datetime import UTC, datetime

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.lab import Lab
from ocppsec.audit.wire import Ended
from ocppsec.ocppj.errors import SchemaViolation
from ocppsec.ocppj.schemas import check_response


@check(
    id="boot.nothing-before",
    title="Before a boot is accepted, other messages get SecurityError",
    severity=Severity.MEDIUM,
    tests=("TC_B_30_CSMS",),
    requirements=("B01.FR.10", "B02.FR.09", "B03.FR.07"),
    needs=(Need.IDENTITY,),
    turn=-2,
    remedy="Answer every CALL but BootNotification with CALLERROR SecurityError until a boot was accepted.",
)
async def nothing_before(lab: Lab) -> Outcome:
    socket = await lab.connected()
    if socket is None:
        return inconclusive("the station is not let in")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"timestamp": now, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    try:
        answer = await socket.call("StatusNotification", status)
    except Ended as ended:
        lab.note("StatusNotification before any BootNotification", ended.how)
        if ended.silent:
            return failed("a StatusNotification before the boot was not answered at all")
        return failed(f"the connection was ended instead of a CALLERROR: {ended.how}")
    lab.note("StatusNotification before any BootNotification", answer)
    if answer[0] == 4:
        if answer[2] == "SecurityError":
            return passed("CALLERROR SecurityError")
        return failed(f"CALLERROR {answer[2]}, which is not SecurityError")
    if lab.target.never_booted:
        return failed("a station that never booted is served")
    return inconclusive(
        "it is served; that is right where it has booted on an earlier connection. Name an identity that never"
        " booted and say so with --never-booted"
    )


@check(
    id="boot.accepted",
    title="BootNotification is answered as the schema says",
    severity=Severity.MEDIUM,
    tests=("TC_B_01_CSMS",),
    requirements=("B01.FR.02", "B01.FR.06"),
    needs=(Need.IDENTITY,),
    remedy="Answer with status, currentTime in UTC and an interval.",
)
async def accepted(lab: Lab) -> Outcome:
    socket = await lab.connected()
    if socket is None:
        return inconclusive("the station is not let in")
    try:
        answer = await socket.boot(lab.target.serial)
    except Ended as ended:
        lab.note("BootNotification", ended.how)
        return failed(f"BootNotification was not answered: {ended.how}")
    lab.note("BootNotification", answer)
    if answer[0] != 3:
        return failed(f"BootNotification was refused: {answer[2]}")
    try:
        check_response("BootNotification", answer[2])
    except SchemaViolation as error:
        return failed(f"the answer does not fit the schema: {error}")
    status = answer[2]["status"]
    return (
        passed("Accepted") if status == "Accepted" else inconclusive(f"{status}: let it be accepted to go on")
    )


@check(
    id="boot.clock",
    title="The CSMS tells the right time",
    severity=Severity.LOW,
    requirements=("B01.FR.02",),
    needs=(Need.IDENTITY,),
    remedy="Stations set their clock by currentTime, and judge certificates by it: run NTP.",
)
async def clock(lab: Lab) -> Outcome:
    async with lab.station() as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        try:
            answer = await socket.call("Heartbeat", {})
            told = datetime.fromisoformat(answer[2]["currentTime"])
        except (Ended, KeyError, TypeError, ValueError, AttributeError) as error:
            return inconclusive(f"no time was told ({type(error).__name__})")
    lab.note("Heartbeat", answer)
    if told.tzinfo is None:
        return failed("the time is told without its offset from UTC")
    off = abs((datetime.now(UTC) - told).total_seconds())
    return (
        passed(f"{off:.0f} s from ours")
        if off < 60
        else failed(f"{off:.0f} s from the clock of this machine")
    )


@check(
    id="boot.security-event",
    title="A security event is acknowledged",
    severity=Severity.LOW,
    tests=("TC_A_14_CSMS",),
    requirements=("A04.FR.03",),
    needs=(Need.IDENTITY, Need.DESTRUCTIVE),
    remedy="Answer SecurityEventNotification with an empty CALLRESULT once it is kept; stations repeat it until then.",
)
async def security_event(lab: Lab) -> Outcome:
    async with lab.station() as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {"type": "InvalidChargingStationCertificate", "timestamp": now, "techInfo": "from an audit"}
        try:
            answer = await socket.call("SecurityEventNotification", event)
        except Ended as ended:
            return failed(f"not answered: {ended.how}")
        lab.note("SecurityEventNotification InvalidChargingStationCertificate", answer)
    return passed("acknowledged") if answer[0] == 3 else failed(f"refused with {answer[2]}")


CHECKS: tuple[Check[Lab], ...] = (nothing_before, accepted, clock, security_event)
