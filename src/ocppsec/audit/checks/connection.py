"""The WebSocket itself: subprotocol, compression, identities in the URL, second connections, turns (Part 4)."""

from typing import Any, Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.lab import Knock, Lab
from ocppsec.audit.wire import Ended

_WITHHELD_SECONDS: Final = 3.0


@check(
    id="connection.subprotocol",
    title="A station that offers no version the CSMS speaks does not stay",
    severity=Severity.MEDIUM,
    tests=("TC_B_58_CSMS",),
    requirements=("Part 4, 3.2",),
    needs=(Need.IDENTITY,),
    remedy="Refuse the upgrade when no subprotocol fits (or answer 101 without one and close at once).",
)
async def subprotocol(lab: Lab) -> Outcome:
    knock = lab.best(subprotocols="ocpp0.1")
    if knock is None:
        return inconclusive("no credentials: --password-file or --certificate")
    proper = await lab.control(lab.best())
    if proper is None or not proper.admitted:
        return inconclusive("the station that should be let in is not")
    answer = await lab.knock(knock)
    if answer.socket is None:
        return (
            passed(f"refused: {answer}")
            if answer.refused
            else failed(f"neither let in nor refused: {answer}")
        )
    chosen = answer.headers.get("sec-websocket-protocol")
    if chosen is not None:
        return failed(f"only ocpp0.1 was offered, and the CSMS chose {chosen}")
    closed = await answer.socket.closed_within(2.0)
    if closed is None:
        return failed("only ocpp0.1 was offered, and the connection stays open without a subprotocol")
    return passed(f"101 without a subprotocol, then closed ({closed.how})")


@check(
    id="connection.subprotocol-choice",
    title="Of several versions the CSMS chooses one it speaks",
    severity=Severity.LOW,
    tests=("TC_B_58_CSMS",),
    requirements=("Part 4, 3.2",),
    needs=(Need.IDENTITY,),
    remedy="Choose the first of the station's list that the CSMS speaks.",
)
async def subprotocol_choice(lab: Lab) -> Outcome:
    knock = lab.best(subprotocols="ocpp0.1, ocpp2.0.1")
    if knock is None:
        return inconclusive("no credentials: --password-file or --certificate")
    answer = await lab.knock(knock)
    if not answer.admitted:
        proper = await lab.control(lab.best())
        if proper is not None and proper.admitted:
            return failed(f"with a list of two the station is refused: {answer}")
        return inconclusive("the station that should be let in is not")
    chosen = answer.headers.get("sec-websocket-protocol")
    return passed("ocpp2.0.1") if chosen == "ocpp2.0.1" else failed(f"chosen: {chosen or 'nothing'}")


@check(
    id="connection.compression",
    title="Compression (permessage-deflate) is agreed to and works",
    severity=Severity.LOW,
    requirements=("Part 4, 5.1",),
    needs=(Need.IDENTITY,),
    remedy="A CSMS has to support RFC 7692; limit what a message may inflate to.",
)
async def compression(lab: Lab) -> Outcome:
    knock = lab.best(deflate=True)
    if knock is None:
        return inconclusive("no credentials: --password-file or --certificate")
    answer = await lab.knock(knock)
    if answer.socket is None:
        return inconclusive(f"not let in: {answer}")
    if not answer.socket.deflate:
        return failed("the offer of permessage-deflate was not taken")
    try:
        await answer.socket.send_compressed('[2,"compressed","Heartbeat",{}]')
        got = await answer.socket.answer_to("compressed")
    except Ended as ended:
        lab.note("a compressed Heartbeat", ended.how)
        return failed(f"agreed to, but a compressed CALL was not answered: {ended.how}")
    lab.note("a compressed Heartbeat", got)
    return passed("agreed to, and a compressed CALL was answered")


@check(
    id="connection.fragments",
    title="A message in several frames is one message",
    severity=Severity.LOW,
    requirements=("RFC 6455 5.4",),
    needs=(Need.IDENTITY,),
    remedy="Assemble fragmented messages, within a limit.",
)
async def fragments(lab: Lab) -> Outcome:
    async with lab.station() as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        text = b'[2,"fragments","Heartbeat",{}]'
        try:
            await socket.send(text[:10], fin=False)
            await socket.send(text[10:20], opcode=0, fin=False)
            await socket.send(text[20:], opcode=0)
            answer = await socket.answer_to("fragments")
        except Ended as ended:
            lab.note("a Heartbeat in three frames", ended.how)
            return failed(f"not answered: {ended.how}")
        lab.note("a Heartbeat in three frames", answer)
    return passed("answered") if answer[0] == 3 else failed(f"answered {answer[2]}")


_PATHS: Final = {
    "{path}%00": "with a NUL behind it",
    "{path}%3Aextra": "with a colon in it",
    "{path}/..%2F{name}": "with a step back in it",
    "{prefix}/{stranger}?identity={name}": "a stranger with the name in the query",
    "{prefix}/" + "A" * 400: "400 characters long",
}


@check(
    id="connection.identity-in-url",
    title="The identity is read once and exactly",
    severity=Severity.HIGH,
    requirements=("Part 4, 3.1.1", "A00.FR.204"),
    needs=(Need.IDENTITY, Need.PASSWORD),
    remedy="One path segment, percent-decoded once, at most 48 characters, no colon; refuse all else.",
)
async def identity_in_url(lab: Lab) -> Outcome:
    proper = lab.best()
    if proper is None:
        return inconclusive("no credentials")
    path = proper.door.path(lab.target.identity or "")
    prefix, _, name = path.rpartition("/")
    outcome = inconclusive("nothing was tried")
    for pattern, told in _PATHS.items():
        knock = Knock(
            door=proper.door,
            identity="",
            credentials=proper.credentials,
            papers=proper.papers,
            path=pattern.format(path=path, prefix=prefix, name=name, stranger=lab.stranger),
            label=f"as {lab.target.identity}, {told}",
        )
        outcome = await lab.judge_refusal(
            await lab.knock(knock),
            proper,
            bad=f"let in under a name that is not its own: {told}",
            good="all refused",
        )
        if outcome.verdict != "pass":
            return outcome
    return outcome


@check(
    id="connection.one-session",
    title="A second proper connection leaves one session, not two",
    severity=Severity.MEDIUM,
    requirements=("Part 4, 3.1",),
    needs=(Need.IDENTITY,),
    remedy="When the newcomer is admitted, close the old connection; stations come back before a dead socket is noticed.",
)
async def one_session(lab: Lab) -> Outcome:
    first = await lab.connected()
    if first is None:
        return inconclusive("the station is not let in")
    second = await lab.connected()
    if second is None:
        if await first.alive():
            return passed("the second is refused while the first is alive")
        return failed("the second is refused and the first is dead")
    closed = await first.closed_within(2.0)
    lab.note("waiting for the first connection to be closed", closed.how if closed else "it stays open")
    if not await second.alive():
        return failed("the newcomer is let in, but not served")
    if closed is None:
        return failed("both connections of one identity stay open: commands may go to either")
    return passed(f"the newcomer is served, the old connection was closed ({closed.how})")


@check(
    id="connection.one-call-at-a-time",
    title="The CSMS waits for an answer before its next CALL",
    severity=Severity.MEDIUM,
    requirements=("Part 4, 4.1.1",),
    needs=(Need.IDENTITY,),
    remedy="Queue CALLs for a station; one is outstanding at most.",
)
async def one_call_at_a_time(lab: Lab) -> Outcome:
    def silent(action: str, payload: dict[str, Any]) -> None:  # noqa: ARG001
        return None

    async with lab.station(silent) as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        try:
            await socket.listen(min(_WITHHELD_SECONDS, lab.patience))
        except Ended as ended:
            lab.note("keeping silent on a CALL", ended.how)
        asked = [f"{action} ({call_id})" for call_id, action, _ in socket.asked]
        lab.note("BootNotification, then no answer to any CALL", ", ".join(asked) or "no CALL came")
    if not asked:
        return inconclusive("the CSMS asked nothing after the boot")
    if len(asked) > 1:
        return failed(f"{len(asked)} CALLs came while the first was unanswered")
    return passed("one CALL came, and no other while it was unanswered")


CHECKS: tuple[Check[Lab], ...] = (
    subprotocol,
    subprotocol_choice,
    compression,
    fragments,
    identity_in_url,
    one_session,
    one_call_at_a_time,
)
