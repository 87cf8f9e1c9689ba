"""Robustness: what a broken or hostile station may send after it was let in (Part 4, 4).

A message that is only bad OCPP must leave the session alive: the next Heartbeat is answered on it.  What breaks
the WebSocket protocol itself may, and partly must, end the connection, with a close frame.  A session that is
dead without a word, and a question without an answer, are fails.
"""

import json
from typing import Any, Final

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import About, Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.lab import Lab
from ocppsec.audit.websocket import BINARY, Hung, Socket
from ocppsec.audit.wire import Ended

_NEEDS: Final = (Need.IDENTITY,)

_MESSAGES: Final[dict[str, bytes]] = {
    "text that is no JSON": b"this is not JSON",
    "nothing": b"",
    "an empty list": b"[]",
    "a CALL without its rest": b"[2]",
    "a CALL without an action": b'[2,"x1"]',
    "a CALL whose action is a number": b'[2,"x2",17,{}]',
    "a CALL whose payload is a list": b'[2,"x3","Heartbeat",[]]',
    "a CALL whose id is an object": b'[2,{"a":1},"Heartbeat",{}]',
    "a CALL with an id of 5000 characters": b'[2,"' + b"i" * 5000 + b'","Heartbeat",{}]',
    "an unknown message type": b'[9,"x4","Heartbeat",{}]',
    "a message type in words": b'["CALL","x5","Heartbeat",{}]',
    "an object": b'{"action":"Heartbeat"}',
    "null": b"null",
    "a number beyond every range": b"1e999999",
    "an answer nobody asked for": b'[3,"never-asked",{}]',
    "an error nobody asked for": b'[4,"never-asked","GenericError","",{}]',
    "an error without its rest": b'[4,"never-asked"]',
    "brackets 20000 deep": b"[" * 20_000 + b"]" * 20_000,
    "a payload 20000 deep": b'[2,"x6","Heartbeat",' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"]",
    "half a surrogate pair": b'[2,"x7","Heartbeat",{"customData":{"vendorId":"\\ud800"}}]',
}


def _message_check(told: str, message: bytes) -> Check[Lab]:
    async def run(lab: Lab) -> Outcome:
        async with lab.station() as socket:
            if socket is None:
                return inconclusive("the station is not accepted")
            return await _survives(lab, socket, told, message)

    about = About(
        id=f"frames.{_slug(told)}",
        title=f"The session survives {told}",
        severity=Severity.MEDIUM,
        requirements=("Part 4, 4.2",),
        needs=_NEEDS,
        remedy="Answer with CALLERROR or ignore what cannot be read; catch whatever reading it raises, and go on.",
    )
    return Check(about=about, run=run)


def _slug(told: str) -> str:
    return "-".join(
        word for word in told.lower().split() if word not in {"a", "an", "the", "is", "its", "with"}
    )


async def _survives(lab: Lab, socket: Socket, told: str, message: bytes) -> Outcome:
    try:
        await socket.send(message)
        answer = await socket.call("Heartbeat", {})
    except Hung as hung:
        lab.note(f"{told}, then a Heartbeat", hung.how)
        if hung.silent:
            return failed("the session is dead: it stays open, and a Heartbeat is not answered any more")
        return failed(f"the connection was ended ({hung.how})")
    except Ended as ended:
        lab.note(f"{told}, then a Heartbeat", ended.how)
        return failed(f"the session is dead: {ended.how}")
    lab.note(f"{told}, then a Heartbeat", "the Heartbeat is answered")
    return passed("the next Heartbeat on the same connection is answered") if answer else inconclusive("")


async def _refused_call(lab: Lab, action: str, payload: Any, told: str) -> Outcome:
    async with lab.station() as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        try:
            answer = await socket.call(action, payload)
        except Ended as ended:
            lab.note(told, ended.how)
            return failed(f"no CALLERROR: {ended.how}")
        lab.note(told, answer)
    return passed(f"CALLERROR {answer[2]}") if answer[0] == 4 else failed("answered as if it were right")


@check(
    id="frames.unknown-action",
    title="An unknown action is answered with CALLERROR",
    severity=Severity.MEDIUM,
    requirements=("Part 4, 4.2.3", "Part 4, 4.3"),
    needs=_NEEDS,
    remedy="Answer NotImplemented; a CALL without an answer blocks the station until its timeout.",
)
async def unknown_action(lab: Lab) -> Outcome:
    return await _refused_call(lab, "OpenTheDoor", {}, "a CALL OpenTheDoor")


@check(
    id="frames.schema-violation",
    title="A payload that the schema forbids is answered with CALLERROR",
    severity=Severity.MEDIUM,
    requirements=("Part 4, 4.2.3", "Part 4, 4.3"),
    needs=_NEEDS,
    remedy="Validate every request against its schema before anything acts on it.",
)
async def schema_violation(lab: Lab) -> Outcome:
    bad = {"reason": "BecauseISaySo", "chargingStation": {"model": 7}}
    return await _refused_call(
        lab, "BootNotification", bad, "a BootNotification with a wrong reason and model 7"
    )


@check(
    id="frames.repeated-name",
    title="A payload with the same name twice is no two things to two readers",
    severity=Severity.LOW,
    requirements=("RFC 8259 4",),
    needs=_NEEDS,
    remedy="Refuse objects with a repeated name, or read them the same way everywhere.",
)
async def repeated_name(lab: Lab) -> Outcome:
    async with lab.station() as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        text = '[2,"twice","Heartbeat",{"customData":{"vendorId":"one","vendorId":"two"}}]'
        return await _survives(lab, socket, "an object with a name twice", text.encode())


def _frame_check(told: str, *, must_close: bool, **frame: Any) -> Check[Lab]:
    async def run(lab: Lab) -> Outcome:
        async with lab.station() as socket:
            if socket is None:
                return inconclusive("the station is not accepted")
            return await _broken(lab, socket, told, must_close=must_close, frame=dict(frame))

    about = About(
        id=f"frames.{_slug(told)}",
        title=f"The server copes with {told}",
        severity=Severity.MEDIUM,
        requirements=("RFC 6455 5", "RFC 6455 7.1.7"),
        needs=_NEEDS,
        remedy="Fail the WebSocket connection with a close frame, and let the station come back.",
    )
    return Check(about=about, run=run)


async def _broken(lab: Lab, socket: Socket, told: str, *, must_close: bool, frame: dict[str, Any]) -> Outcome:
    payload = frame.pop("payload", json.dumps([2, "f", "Heartbeat", {}]).encode())
    try:
        await socket.send(payload, **frame)
        await socket.call("Heartbeat", {})
    except Hung as hung:
        lab.note(told, hung.how)
        if hung.silent:
            return failed("the session is dead: neither ended nor answering")
    except Ended as ended:
        lab.note(told, ended.how)
        if ended.silent:
            return failed("the session is dead: neither ended nor answering")
    else:
        lab.note(told, "the session goes on")
        return (
            failed("the session goes on as if nothing had happened")
            if must_close
            else passed("the session goes on")
        )
    again = await lab.connected()
    if again is None or not await again.alive():
        return failed("the connection was ended, and the station does not come in again")
    return passed("the connection was ended, and the station comes in again")


CHECKS: tuple[Check[Lab], ...] = (
    unknown_action,
    schema_violation,
    repeated_name,
    *(_message_check(told, message) for told, message in _MESSAGES.items()),
    _frame_check("a binary message", must_close=False, opcode=BINARY),
    _frame_check("text that is no UTF-8", must_close=True, payload=b"\xff\xfe\xfd"),
    _frame_check("a frame without a mask", must_close=True, masked=False),
    _frame_check("reserved bits nobody agreed on", must_close=True, rsv=2),
    _frame_check("a reserved opcode", must_close=True, opcode=5),
    _frame_check("a continuation of nothing", must_close=True, opcode=0),
    _frame_check("a ping of 200 bytes", must_close=True, opcode=9, payload=b"p" * 200),
)
