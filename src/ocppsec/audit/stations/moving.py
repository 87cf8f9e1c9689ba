"""How the station finds its CSMS: another slot, the way back from one that does not answer, longer and longer waits.

Every slot that is written here leads to this audit, by a path of its own, so that each attempt is seen and counted.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.stations.desk import Visit
from ocppsec.audit.stations.lab import PATH, StationLab

_LEAVE: Final = (Need.DESTRUCTIVE,)
_ATTEMPTS: Final = 2
_EARLY: Final = 0.95
"""So much of a wait has to pass: clocks differ a little."""
_LONGEST_WAIT: Final = 30


async def priority(lab: StationLab) -> list[str]:
    _, value = await lab.variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
    return [slot.strip() for slot in value.split(",") if slot.strip()]


async def prefer(lab: StationLab, slots: list[str]) -> str:
    return await lab.set_variable("OCPPCommCtrlr", "NetworkConfigurationPriority", ",".join(slots))


@dataclass(frozen=True, slots=True)
class Departure:
    """The station was told to come by another slot."""

    slot: str
    before: list[str]
    """The slots it had in NetworkConfigurationPriority."""


async def set_out(lab: StationLab, path: str) -> Outcome | Departure:
    """Write a slot with *path*, put it first and reset; or what hindered."""
    used = await priority(lab)
    url = lab.url(lab.profile, path)
    status = "no free slot"
    for slot in (slot for slot in ("2", "3", "1", "0") if slot not in used):
        data = {
            "configurationSlot": int(slot),
            "connectionData": lab.network_profile(url, lab.profile),
        }
        answer = await lab.call("SetNetworkProfile", data)
        status = str(answer.get("status", answer.get("error")))
        if status == "Accepted":
            status = await prefer(lab, [slot, *used])
            if status not in ("Accepted", "RebootRequired"):
                return failed(f"NetworkConfigurationPriority with slot {slot} first: {status}")
            lab.forget_visits()
            await lab.call("Reset", {"type": "OnIdle"})
            return Departure(slot, used)
    return inconclusive(f"no second slot for the same profile: {status}")


async def _settle(lab: StationLab, left: Departure) -> None:
    """The station does as it did before it was told to leave."""
    await prefer(lab, left.before)
    await lab.give_back("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")


async def _arrives(lab: StationLab, path: str) -> Visit | None:
    """The station's next conversation by *path*, booted."""
    visit = await lab.visit(
        lambda one: one.talk is not None and one.path.startswith(path + "/"), seconds=lab.patience
    )
    if visit is None or visit.talk is None:
        return None
    booted = await visit.talk.until(lambda one: one.booted, seconds=lab.patience)
    return visit if booted else None


def _attempts(lab: StationLab, since: int, path: str) -> int:
    return sum(one.path.startswith(path + "/") for one in lab.desk.visits[since:])


@check(
    id="slots.fallback",
    title="It falls back to the second slot after NetworkProfileConnectionAttempts",
    severity=Severity.HIGH,
    tests=("TC_B_46_CS",),
    requirements=("B10.FR.03", "B10.FR.04"),
    needs=_LEAVE,
    remedy="After a restart try the first slot NetworkProfileConnectionAttempts times, then the next one.",
)
async def fallback(lab: StationLab) -> Outcome:
    await lab.hurry()
    most = await lab.borrow("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", str(_ATTEMPTS))
    if most is None:
        return inconclusive(f"NetworkProfileConnectionAttempts could not be set to {_ATTEMPTS}")
    path = "/closed"
    lab.desk.closed = lambda asked: asked.startswith(path + "/")
    since = len(lab.desk.visits)
    left = await set_out(lab, path)
    if isinstance(left, Outcome):
        return left
    back = await _arrives(lab, PATH)
    attempts = _attempts(lab, since, path)
    lab.note("the first slot answers 503", f"{attempts} attempts on it")
    if back is None:
        lab.desk.closed = lambda _path: False  # let it in again, so that the audit can go on
        return failed(f"after {attempts} attempts on the first slot it did not come by the second")
    await _settle(lab, left)
    if attempts != _ATTEMPTS:
        return failed(
            f"{attempts} attempts on the first slot, NetworkProfileConnectionAttempts is {_ATTEMPTS}"
        )
    return passed(f"{attempts} attempts on the first slot, then the second")


@check(
    id="slots.recovery",
    title="All slots exhausted, it does not give up",
    severity=Severity.CRITICAL,
    tests=("TC_B_49_CS",),
    requirements=("B10.FR.07", "B10.FR.08", "B10.FR.09"),
    needs=_LEAVE,
    remedy="When every slot has failed go back to the one that worked last, or begin again with the first; never stop.",
)
async def recovery(lab: StationLab) -> Outcome:
    await lab.hurry()
    if await lab.borrow("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "1", str(_ATTEMPTS)) is None:
        return inconclusive("NetworkProfileConnectionAttempts could not be set")
    path = "/closed"
    lab.desk.closed = lambda _asked: True
    since = len(lab.desk.visits)
    left = await set_out(lab, path)
    if isinstance(left, Outcome):
        return left
    tried = await lab.visit(lambda one: one.path.startswith(PATH + "/"), seconds=lab.patience)
    if tried is None:
        lab.desk.closed = lambda _path: False
        attempts = _attempts(lab, since, path)
        return failed(f"after {attempts} attempts on the first slot it did not try the second")
    lab.desk.closed = lambda asked: asked.startswith(path + "/")
    back = await _arrives(lab, PATH)
    lab.note("every slot answers 503 once", "it came back" if back else "it did not come back")
    if back is None:
        return failed("after one failure on each slot it did not come back")
    await _settle(lab, left)
    return passed("after a failure on each slot it came back where it was before")


@check(
    id="slots.moves",
    title="It moves to another slot of the same profile when it is told to",
    severity=Severity.HIGH,
    tests=("TC_B_45_CS",),
    requirements=("B09.FR.01", "B10.FR.01", "B10.FR.04"),
    needs=_LEAVE,
    remedy="After the Reset dial the first slot of NetworkConfigurationPriority.",
)
async def moves(lab: StationLab) -> Outcome:
    await lab.hurry()
    path = "/moved"
    left = await set_out(lab, path)
    if isinstance(left, Outcome):
        return left
    there = await _arrives(lab, path)
    if there is None:
        return failed("it did not boot by way of the new slot")
    await prefer(lab, [left.slot])
    return passed("it booted by way of the new slot")


@check(
    id="connection.back-off",
    title="It waits before it connects again, and longer after each failure",
    severity=Severity.MEDIUM,
    tests=("TC_B_57_CS",),
    requirements=(),
    needs=_LEAVE,
    remedy="Wait RetryBackOffWaitMinimum, and twice as long after each failure, RetryBackOffRepeatTimes times.",
)
async def back_off(lab: StationLab) -> Outcome:
    wait = await lab.borrow("OCPPCommCtrlr", "RetryBackOffWaitMinimum", "1", "5", "10")
    if wait is None or not 1 <= int(wait) <= _LONGEST_WAIT:
        return not_applicable("RetryBackOffWaitMinimum cannot be set to seconds")
    await lab.borrow("OCPPCommCtrlr", "RetryBackOffRandomRange", "0")
    await lab.borrow("OCPPCommCtrlr", "RetryBackOffRepeatTimes", "2")
    seconds = int(wait)
    first = await _comes_again(lab, admit=False)
    if first is None:
        return failed("it did not connect again")
    second = await lab.visit(seconds=lab.patience + 4 * seconds)
    lab.desk.closed = lambda _path: False
    if second is None:
        return failed("after one refusal it did not connect again")
    back = await lab.visit(lambda one: one.talk is not None, seconds=lab.patience + 8 * seconds)
    waited, then = first[1], second.at - first[0].at
    lab.note(f"hung up, then 503; the minimum is {seconds} s", f"after {waited:.2f} s and {then:.2f} s")
    if back is None:
        return failed("it did not come back")
    if waited < seconds * _EARLY:
        return failed(f"it came again after {waited:.2f} s, RetryBackOffWaitMinimum is {seconds} s")
    if then < 2 * seconds * _EARLY:
        return failed(f"after a failure it came again in {then:.2f} s, {2 * seconds} s are twice the minimum")
    return passed(f"after {waited:.1f} s, and after a failure {then:.1f} s")


async def _comes_again(lab: StationLab, *, admit: bool) -> tuple[Visit, float] | None:
    """Hang up; the next attempt, and after how many seconds it came."""
    await lab.talk()
    lab.desk.closed = (lambda _path: False) if admit else (lambda _path: True)
    lab.hang_up()
    began = asyncio.get_running_loop().time()
    visit = await lab.visit(seconds=lab.patience + _LONGEST_WAIT)
    return None if visit is None else (visit, visit.at - began)


CHECKS: tuple[Check[StationLab], ...] = (fallback, recovery, moves, back_off)
