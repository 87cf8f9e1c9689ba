"""What happens on connections: dead ones, double ones, floods, and frames that make no sense."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, cast

from ocppsec.link.errors import LinkClosed
from ocppsec.link.link import Handler, Link
from ocppsec.ocppj.frames import Call, encode
from ocppsec.ocppj.messages import BootReason
from ocppsec.ocppj.received import CallReceived
from ocppsec.station.conduct import Conduct
from ocppsec.station.conversation import Conversation
from ocppsec.station.dialling import Dial, Failure
from ocppsec.station.manners.bending import Payload, altered, before, bent, once_accepted, send_raw
from ocppsec.station.manners.manner import Kind, manner
from ocppsec.station.memory import Memory
from ocppsec.station.reply import Reboot

FLOOD: Final = 1000
BIG: Final = 2 * 1024 * 1024


def _heartbeat(call_id: str) -> str:
    return encode(Call(call_id, "Heartbeat", {}))


def _leave(right: Conduct, link: Link) -> None:
    """Hold *link*, or the collector would close its socket; three of them at most."""
    right.leftovers.append(link)
    if len(right.leftovers) > 3:
        right.leftovers.pop(0).abort("enough of them stand open")


# -- dead and double ----------------------------------------------------------------------------------------
@manner(
    "half-open",
    Kind.FIELD,
    "Ten seconds after each boot its power fails: the socket stays open, nothing is read or answered on it any"
    " more, and the station comes back on another.",
)
def half_open(right: Conduct) -> Conduct:
    def power_cut(link: Link, handler: Handler) -> None:
        if link.closed or link._transport is None:  # noqa: SLF001
            return
        link._transport.underlying_transport.pause_reading()  # noqa: SLF001
        handler.on_closed(link)
        _leave(right, link)

    def later(link: Link, handler: Handler) -> None:
        asyncio.get_running_loop().call_later(10 * right.config.pace, power_cut, link, handler)

    return once_accepted(right, later)


class _Nobody:
    """Behind a connection on which nothing is said."""

    def on_open(self, link: Link) -> None: ...
    def on_call(self, link: Link, call: CallReceived) -> None: ...
    def on_dropped(self, link: Link, reason: str) -> None: ...
    def on_closed(self, link: Link) -> None: ...


@manner(
    "comes-back-twice", Kind.FIELD, "Opens two connections each time it dials, and speaks on the second only."
)
def comes_back_twice(right: Conduct) -> Conduct:
    async def dialler(
        attempt: Dial, handler: Handler, /, *, memory: Memory, new_id: Callable[[], str]
    ) -> Link | Failure:
        first = await right.dialler(attempt, _Nobody(), memory=memory, new_id=new_id)
        if not isinstance(first, Failure):
            _leave(right, first)
        return await right.dialler(attempt, handler, memory=memory, new_id=new_id)

    return replace(right, dialler=dialler)


# -- boots --------------------------------------------------------------------------------------------------
@manner("never-boots", Kind.FIRMWARE, "Connects and never sends BootNotification.")
def never_boots(right: Conduct) -> Conduct:
    def link(right_link: Link, _handler: Handler) -> Link:
        async def call(action: str, payload: Payload, *, timeout: float) -> Payload:
            if action == "BootNotification":
                await right_link.wait_closed()
                raise LinkClosed("the connection ended")
            return await right_link.call(action, payload, timeout=timeout)

        return altered(right_link, call=call)

    return bent(right, link=link)


@manner("speaks-before-boot", Kind.FIRMWARE, "Sends a Heartbeat before each BootNotification.")
def speaks_before_boot(right: Conduct) -> Conduct:
    return before(right, "BootNotification", lambda link, _handler: send_raw(link, _heartbeat("too-early")))


@manner("reboots-forever", Kind.FIRMWARE, "Reboots as soon as its boot was accepted, again and again.")
def reboots_forever(right: Conduct) -> Conduct:
    def reboot(_link: Link, handler: Handler) -> None:
        cast("Conversation", handler).put(Reboot(reason=BootReason.WATCHDOG))

    return once_accepted(right, reboot)


# -- too much -----------------------------------------------------------------------------------------------
@manner("flood", Kind.ATTACK, f"Sends {FLOOD} Heartbeats after each boot and waits for no answer.")
def flood(right: Conduct) -> Conduct:
    beats = tuple(_heartbeat(f"flood-{number}") for number in range(FLOOD))
    return once_accepted(right, lambda link, _handler: send_raw(link, *beats))


@manner(
    "several-calls-at-once", Kind.FIRMWARE, "Sends five CALLs after each boot before the first is answered."
)
def several_calls_at_once(right: Conduct) -> Conduct:
    beats = tuple(_heartbeat(f"at-once-{number}") for number in range(5))
    return once_accepted(right, lambda link, _handler: send_raw(link, *beats))


@manner("replay", Kind.ATTACK, "Sends one and the same CALL three times after each boot, message id and all.")
def replay(right: Conduct) -> Conduct:
    return once_accepted(right, lambda link, _handler: send_raw(link, *[_heartbeat("replayed")] * 3))


@manner("big-message", Kind.ATTACK, "Sends a CALL of two MiB after each boot.")
def big_message(right: Conduct) -> Conduct:
    text = encode(Call("big", "DataTransfer", {"vendorId": "ocppsec", "data": "x" * BIG}))
    return once_accepted(right, lambda link, _handler: send_raw(link, text))


# -- no sense -----------------------------------------------------------------------------------------------
GARBAGE: Final = (
    "",
    "garbage",
    "[]",
    "{}",
    '[2,"no-action"]',
    '[2,"",  "Heartbeat", {}]',
    '[2,"payload-is-a-list","Heartbeat",[]]',
    '[2,"unknown","MakeCoffee",{}]',
    '[2,"invalid","Heartbeat",{"nobody":"defined this"}]',
    '[3,"nobody-asked",{}]',
    '[4,"nobody-asked","InternalError","",{}]',
    '[5,"SEND","Heartbeat",{}]',
    '[2,"' + "i" * 200 + '","Heartbeat",{}]',
    "[" * 5000,
    '[2,"a name twice","Heartbeat",{"a":1,"a":2}]',
)


@manner(
    "garbage",
    Kind.ATTACK,
    f"Sends {len(GARBAGE)} messages after each boot that are no OCPP, or none of 2.0.1.",
)
def garbage(right: Conduct) -> Conduct:
    return once_accepted(right, lambda link, _handler: send_raw(link, *GARBAGE))


@manner("binary", Kind.ATTACK, "Sends a Heartbeat as a binary WebSocket message after each boot.")
def binary(right: Conduct) -> Conduct:
    return once_accepted(right, lambda link, _handler: send_raw(link, _heartbeat("binary").encode()))


@manner("wrong-subprotocol", Kind.FIRMWARE, "Offers ocpp1.6 as its subprotocol.")
def wrong_subprotocol(right: Conduct) -> Conduct:
    return bent(right, attempt=lambda attempt: replace(attempt, subprotocol="ocpp1.6"))
