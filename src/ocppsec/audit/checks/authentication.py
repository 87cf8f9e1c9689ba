"""HTTP Basic: A00.FR.202 to 207 for profile 1, 301 to 324 for profile 2."""

import base64
from typing import Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.lab import Credentials, Knock, Lab, basic

_REQUIREMENTS: Final = ("A00.FR.204", "A00.FR.207", "A00.FR.303", "A00.FR.324")
_BASIC: Final = (Need.IDENTITY, Need.PASSWORD)


def _door(lab: Lab, credentials: Credentials | None) -> Knock:
    """As the known station, at the door where its password counts."""
    door = lab.target.plain if lab.profile < 2 else lab.target.secure
    return Knock(door=door or lab.target.first, identity=lab.target.identity or "", credentials=credentials)


async def _refused(lab: Lab, credentials: Credentials | None, *, bad: str, good: str) -> Outcome:
    if lab.profile == 3:
        return not_applicable("the station is on profile 3, where no password opens")
    knock = _door(lab, credentials)
    answer = await lab.knock(knock)
    return await lab.judge_refusal(answer, lab.proper(knock.door), bad=bad, good=good)


@check(
    id="auth.right-password",
    title="The station with the right password is let in, with the subprotocol it offered",
    severity=Severity.HIGH,
    tests=("TC_A_01_CSMS",),
    requirements=("A00.FR.202", "A00.FR.207", "A00.FR.302", "A00.FR.324"),
    needs=_BASIC,
    remedy="Accept `Authorization: Basic` with identity, colon and password, and answer 101 with one subprotocol.",
)
async def right_password(lab: Lab) -> Outcome:
    if lab.profile == 3:
        return not_applicable("the station is on profile 3, where no password opens")
    answer = await lab.knock(_door(lab, lab.right()))
    if not answer.admitted:
        return (
            failed(f"the station was not let in: {answer}") if answer.refused else inconclusive(str(answer))
        )
    chosen = answer.headers.get("sec-websocket-protocol")
    if chosen != "ocpp2.0.1":
        return failed(f"let in, but the subprotocol in the answer is {chosen or 'missing'} (Part 4, 3.2)")
    return passed("let in with the subprotocol ocpp2.0.1")


@check(
    id="auth.no-credentials",
    title="Without an Authorization header the station is refused",
    severity=Severity.CRITICAL,
    tests=("TC_A_03_CSMS",),
    requirements=_REQUIREMENTS,
    needs=_BASIC,
    remedy="Refuse a request without credentials before 101 (401 with WWW-Authenticate).",
)
async def no_credentials(lab: Lab) -> Outcome:
    return await _refused(lab, None, bad="let in without credentials", good="refused without credentials")


@check(
    id="auth.wrong-password",
    title="A wrong password is refused",
    severity=Severity.CRITICAL,
    tests=("TC_A_03_CSMS",),
    requirements=_REQUIREMENTS,
    needs=_BASIC,
    remedy="Compare the password with that of the identity in the URL.",
)
async def wrong_password(lab: Lab) -> Outcome:
    wrong = basic(lab.target.identity or "", "wrong-password-0123456789", "a wrong password")
    return await _refused(lab, wrong, bad="let in with a wrong password", good="a wrong password is refused")


@check(
    id="auth.user-is-identity",
    title="A user name that is not the identity in the URL is refused",
    severity=Severity.CRITICAL,
    tests=("TC_A_02_CSMS",),
    requirements=("A00.FR.204", "A00.FR.303"),
    needs=_BASIC,
    remedy="Compare the user name with the percent-decoded identity of the URL, exactly.",
)
async def user_is_identity(lab: Lab) -> Outcome:
    name, password = lab.target.identity or "", lab.target.password or ""
    for user, told in (
        (f"{name}Invalid", "the right password under the name with Invalid behind it"),
        ("", "the right password under an empty name"),
    ):
        outcome = await _refused(
            lab, basic(user, password, told), bad=f"let in with {told}", good="a wrong user name is refused"
        )
        if outcome.verdict != "pass":
            return outcome
    return outcome


@check(
    id="auth.other-identity",
    title="The credentials of one station do not open the session of another",
    severity=Severity.CRITICAL,
    tests=("TC_A_02_CSMS",),
    requirements=("A00.FR.204", "A00.FR.303"),
    needs=(*_BASIC, Need.OTHER_IDENTITY),
    remedy="The identity is the one in the URL; credentials have to be those of this identity.",
)
async def other_identity(lab: Lab) -> Outcome:
    knock = _door(lab, None)
    other = lab.target.other_identity or ""
    told = f"the credentials of {lab.target.identity}"
    if lab.profile == 3:
        return not_applicable("the station is on profile 3, where no password opens")
    mine = Credentials(header=lab.right().header, told=told)
    answer = await lab.knock(Knock(door=knock.door, identity=other, credentials=mine))
    return await lab.judge_refusal(
        answer,
        lab.proper(knock.door),
        bad=f"{other} was opened with {told}",
        good="refused for another identity",
    )


@check(
    id="auth.exact-password",
    title="The password is compared to the last byte",
    severity=Severity.HIGH,
    requirements=_REQUIREMENTS,
    needs=_BASIC,
    remedy="Split at the first colon alone, compare bytes; no trimming, cutting or folding of case.",
)
async def exact_password(lab: Lab) -> Outcome:
    name, password = lab.target.identity or "", lab.target.password or ""
    variants = (
        (f"{password}:x", "the right password with a colon and more behind it"),
        (f"{password} ", "the right password with a space behind it"),
        (password[:-1], "all of the right password but its last character"),
        (password.swapcase(), "the right password in the other case"),
        ("", "an empty password"),
    )
    outcome = inconclusive("nothing was tried")
    for variant, told in variants:
        if variant == password:
            continue
        outcome = await _refused(
            lab, basic(name, variant, told), bad=f"let in with {told}", good="every variant is refused"
        )
        if outcome.verdict != "pass":
            return outcome
    return outcome


def _malformed(name: str, password: str) -> tuple[Credentials, ...]:
    right = base64.b64encode(f"{name}:{password}".encode()).decode()
    no_colon = base64.b64encode(name.encode()).decode()
    return (
        Credentials(header="Basic", told="the word Basic alone"),
        Credentials(header="Basic !!!not-base64!!!", told="no base64"),
        Credentials(header=f"Basic {no_colon}", told="a name without a colon"),
        Credentials(header=f"Bearer {right}", told="the right credentials as Bearer"),
        Credentials(
            header=f"Basic {base64.b64encode(bytes(range(128, 160))).decode()}",
            told="bytes that are no UTF-8",
        ),
    )


@check(
    id="auth.malformed",
    title="Malformed credentials are refused, with an answer",
    severity=Severity.HIGH,
    requirements=_REQUIREMENTS,
    needs=_BASIC,
    remedy="Answer what cannot be read like a wrong password; no exception may end the connection or open it.",
)
async def malformed(lab: Lab) -> Outcome:
    outcome = inconclusive("nothing was tried")
    for credentials in _malformed(lab.target.identity or "", lab.target.password or ""):
        outcome = await _refused(
            lab, credentials, bad=f"let in with {credentials.told}", good="every malformed header is refused"
        )
        if outcome.verdict != "pass":
            return outcome
    return outcome


@check(
    id="auth.scheme-case",
    title="The scheme is recognised in any case",
    severity=Severity.LOW,
    requirements=("A00.FR.202", "A00.FR.302"),
    needs=_BASIC,
    remedy="RFC 7235, 2.1: the name of a scheme is case-insensitive.",
)
async def scheme_case(lab: Lab) -> Outcome:
    if lab.profile == 3:
        return not_applicable("the station is on profile 3, where no password opens")
    header = "basic" + lab.right().header.removeprefix("Basic")
    knock = _door(lab, Credentials(header=header, told="the right password, scheme in lower case"))
    control = await lab.control(lab.proper(knock.door))
    if control is None or not control.admitted:
        return inconclusive("the station that should be let in is not")
    answer = await lab.knock(knock)
    return passed("let in") if answer.admitted else failed(f"refused: {answer}")


@check(
    id="auth.challenge",
    title="A refusal for credentials is a 401 that says what is missing",
    severity=Severity.INFO,
    requirements=("RFC 7235 3.1",),
    needs=(Need.IDENTITY,),
    remedy="Answer 401 with `WWW-Authenticate: Basic`, so that technicians see at once what is wrong.",
)
async def challenge(lab: Lab) -> Outcome:
    if lab.target.password is None or lab.profile == 3:
        return not_applicable("no password opens this station")
    answer = await lab.knock(_door(lab, None))
    if answer.status is None or answer.admitted:
        return inconclusive(str(answer))
    if answer.status == 401 and "www-authenticate" in answer.headers:
        return passed("401 with WWW-Authenticate")
    return failed(f"{answer.status} {'without WWW-Authenticate' if answer.status == 401 else ''}".strip())


CHECKS: tuple[Check[Lab], ...] = (
    right_password,
    no_credentials,
    wrong_password,
    user_is_identity,
    other_identity,
    exact_password,
    malformed,
    scheme_case,
    challenge,
)
