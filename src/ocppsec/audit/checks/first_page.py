"""The four weaknesses of the advisories of 2026 (CISA, on the back ends of several charging networks).

No authentication on the socket (CWE-306), a session that a second connection takes over (CWE-613), no limit on
logins (CWE-307), identities that can be probed (CWE-200).  A URL alone is enough to find them; to be sure that
they are absent it takes a station that may come in.
"""

import time
from typing import Final

from ocppsec.audit.checks.check import check
from ocppsec.audit.finding import Outcome, Severity, failed, inconclusive, not_tested, passed
from ocppsec.audit.lab import Answer, Knock, Lab, basic
from ocppsec.audit.wire import Ended

LOGINS: Final = 30
PROBES: Final = 70
_SLOW: Final = 4.0
"""So many times slower than at first, and half a second at least, is a limit too."""


@check(
    id="first.authenticated-socket",
    title="Nobody is let in without credentials",
    severity=Severity.CRITICAL,
    requirements=("A00.FR.204", "A00.FR.207", "A00.FR.324"),
    tests=("TC_A_03_CSMS",),
    first_page=True,
    remedy="Check credentials before the answer 101; refuse with 401 what has none (A00.FR.207, A00.FR.324).",
)
async def authenticated_socket(lab: Lab) -> Outcome:
    for door in lab.target.doors:
        stranger = await lab.knock(Knock(door=door, identity=lab.stranger, label="as a stranger"))
        if stranger.admitted:
            return failed(f"a stranger without any credentials got an open WebSocket at {door.url}")
    proper = lab.best()
    if lab.target.identity is None or proper is None:
        return await lab.judge_refusal(stranger, None, bad="", good="")
    anonymous = await lab.knock(Knock(door=proper.door, identity=lab.target.identity))
    return await lab.judge_refusal(
        anonymous,
        proper,
        bad=f"whoever knows the name {lab.target.identity} gets its WebSocket without any credentials",
        good="strangers and anonymous visitors are refused, the station is let in",
    )


@check(
    id="first.no-takeover",
    title="An unauthenticated second connection does not touch an open session",
    severity=Severity.CRITICAL,
    requirements=("A00.FR.204", "A00.FR.207"),
    first_page=True,
    remedy="Authenticate a second connection completely before it may replace the first; refuse it otherwise.",
)
async def no_takeover(lab: Lab) -> Outcome:
    door = lab.target.first
    first = await lab.connected()
    name = lab.target.identity
    if first is None:
        name = lab.stranger
        answer = await lab.knock(Knock(door=door, identity=name, label="as a stranger"))
        first = answer.socket
    if first is None or name is None:
        if lab.best() is None:
            return not_tested("nobody is let in without credentials: give --identity and --password-file")
        return inconclusive("the station that should be let in is not, so there is no session to take over")
    first_door = (lab.best() or Knock(door=door, identity=name)).door
    intruder = Knock(door=first_door, identity=name, label=f"as {name}, whose session is open")
    wrong = basic(name, "not-the-password-of-it", "a wrong password")
    for attempt in (intruder, Knock(door=first_door, identity=name, label=intruder.label, credentials=wrong)):
        second = await lab.knock(attempt)
        if second.admitted:
            closed = await first.closed_within(1.0)
            loss = f"and the first was closed ({closed.how})" if closed else "beside the first"
            return failed(f"a second connection with {_with(attempt)} was let in {loss}")
        if not await first.alive():
            return failed(f"a refused connection with {_with(attempt)} ended the open session")
    lab.note("Heartbeat on the first connection", "answered")
    return passed("two attempts without the right credentials were refused and the session went on")


def _with(knock: Knock) -> str:
    return knock.credentials.told if knock.credentials else "no credentials"


@check(
    id="first.logins-limited",
    title="Logins are limited",
    severity=Severity.HIGH,
    requirements=("A00.FR.207", "A00.FR.324"),
    first_page=True,
    turn=1,
    remedy="Slow failed logins per identity and per address (429 with Retry-After, or a growing delay), in bounded"
    " memory and without locking the station out.",
)
async def logins_limited(lab: Lab) -> Outcome:
    door = (lab.best() or Knock(door=lab.target.first, identity="")).door
    name = lab.target.identity or lab.stranger
    answers: list[Answer] = []
    times: list[float] = []
    for number in range(LOGINS):
        wrong = basic(name, f"wrong-password-{number:04}", "a wrong password")
        answer, seconds = await _timed(lab, Knock(door=door, identity=name, credentials=wrong))
        answers.append(answer)
        times.append(seconds)
        if answer.admitted:
            lab.note(f"login {number + 1} with a wrong password", answer)
            return failed("a wrong password was let in")
        if (limit := _limit(answers, times)) is not None:
            lab.note(f"login {number + 1} with a wrong password", answer)
            return passed(f"after {number} wrong passwords in a row {limit}")
    lab.note(f"{LOGINS} wrong passwords for {name}", f"{answers[-1]}, each time at once")
    if not any(answer.status for answer in answers):
        return inconclusive(f"no login was ever answered ({answers[-1]})")
    if lab.target.identity is None and answers[-1].status != 401:
        return inconclusive(
            "a name nobody has is refused before its password is looked at; with --identity the limit can be seen"
        )
    return failed(f"{LOGINS} wrong passwords in a row were all answered at once ({answers[-1]})")


@check(
    id="first.identities-not-probed",
    title="Identities cannot be probed without limit",
    severity=Severity.MEDIUM,
    first_page=True,
    turn=1,
    remedy="Slow an address that asks for many identities (429 with Retry-After), or answer known and unknown ones"
    " alike.  Part 4, 3.2 recommends 404 for an unknown station, so the limit is what protects the list.",
)
async def identities_not_probed(lab: Lab) -> Outcome:
    door = (lab.best() or Knock(door=lab.target.first, identity="")).door
    known = lab.target.identity
    here = await lab.knock(Knock(door=door, identity=known)) if known is not None else None
    answers: list[Answer] = []
    times: list[float] = []
    for number in range(PROBES):
        answer, seconds = await _timed(lab, Knock(door=door, identity=lab.stranger))
        answers.append(answer)
        times.append(seconds)
        if answer.admitted:
            return inconclusive("strangers are let in, so there is nothing to probe for")
        if here is not None and number == 0 and _alike(answer, here):
            proper = await lab.control(lab.best())
            if proper is not None and proper.admitted:
                return passed("an identity that exists and one that does not get the same answer")
            return inconclusive(
                "both get the same answer, but the station that should be let in is not either"
            )
        if (limit := _limit(answers, times)) is not None:
            lab.note(f"question {number + 1} for an identity nobody has", answer)
            return passed(f"after {number} unknown identities {limit}")
    lab.note(f"{PROBES} identities nobody has", f"{answers[-1]}, each time at once")
    if not any(answer.status for answer in answers):
        return inconclusive(f"no question was ever answered ({answers[-1]})")
    if here is None and answers[-1].status != 404:
        return inconclusive("whether an identity that exists is answered differently takes --identity")
    told = f"{answers[-1].status} for unknown" + (
        f", {here.status or here} for known" if here is not None else ""
    )
    return failed(f"{PROBES} identities could be tried one after the other, and the answers differ: {told}")


async def _timed(lab: Lab, knock: Knock) -> tuple[Answer, float]:
    """Without the record: there are many of them.  The wait for our own pace is not counted."""
    await lab.wait_turn()
    started = time.monotonic()
    answer = await lab.knock_now(knock)
    return answer, time.monotonic() - started


def _limit(answers: list[Answer], times: list[float]) -> str | None:
    """How the CSMS slowed down, if it did: only against answers that came at first."""
    if len(answers) < 3 or answers[0].status is None or answers[0].status in (429, 503):
        if answers[-1].status == 429:
            return "the next was told to wait (429)"
        return None
    last = answers[-1]
    if last.status == 429 or (last.status == 503 and "retry-after" in last.headers):
        return f"the next was told to wait ({last.status})"
    if (
        last.status is None
        and isinstance(last.ended, Ended)
        and all(one.status is None for one in answers[-2:])
    ):
        return f"no more were answered ({last.ended.how})"
    usual = sorted(times[:3])[1]
    if min(times[-2:]) > max(0.5, _SLOW * usual):
        return f"answers were delayed ({times[-1]:.1f} s instead of {usual:.2f} s)"
    return None


def _alike(one: Answer, other: Answer) -> bool:
    """The same to somebody who looks: status, headers there are, and the words but for the name in them."""
    return (
        one.status is not None
        and one.status == other.status
        and one.headers.keys() == other.headers.keys()
        and one.body.partition(":")[0] == other.body.partition(":")[0]
    )


CHECKS = (authenticated_socket, no_takeover, logins_limited, identities_not_probed)
