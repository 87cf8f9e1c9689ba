"""What a seed does to messages, connections and reboots of one station, each at its n-th passing.

Before a message arrives and after it left the connection may break; an answer may be lost, late or doubled; a station
may refuse what it was asked, lie that it did it, reboot in the middle, be away for a while, not reach the new door after
a reboot and come back on its old profile, or come twice.  The station itself is a right one, and knows nothing of all this.
"""

import asyncio
from dataclasses import replace

from ocppsec.link.errors import CallTimedOut
from ocppsec.ocppj.errors import ErrorCode
from ocppsec.ocppj.frames import CallResult, encode
from ocppsec.ocppj.messages import BootReason
from ocppsec.station import happenings as told
from ocppsec.station.dialling import Failure
from ocppsec.station.manners.bending import altered, send_raw
from ocppsec.station.manners.connections import _leave, _Nobody
from ocppsec.station.reply import Reboot

LATE = 3.5
"""Seconds; longer than the CSMS of this world waits for an answer."""
WILLING = {
    "InstallCertificate": {"status": "Accepted"},
    "DeleteCertificate": {"status": "Accepted"},
    "CertificateSigned": {"status": "Accepted"},
    "SetNetworkProfile": {"status": "Accepted"},
    "TriggerMessage": {"status": "Accepted"},
    "Reset": {"status": "Accepted"},
}
"""What a station says that only says so.  Not of a new password: who lies about that has locked itself out (A01.FR.03)."""


class Wire:
    """Between one station and the world."""

    def __init__(self, identity, faults):
        self._identity = identity
        self._faults = faults
        self._profile = 1
        self._unreachable = False

    def strikes(self, kind, where, chance):
        return self._faults.strikes(kind, f"{where} {self._identity}", chance)

    def observe(self, happening):
        match happening:
            case told.Rebooting():
                self._unreachable = self.strikes("unreachable", "reboot", 0.15)
            case told.Confirmed(profile=profile):
                self._profile, self._unreachable = profile, False

    def around(self, right):
        """*right*, with trouble on its connections."""

        async def dialler(attempt, theirs, /, *, memory, new_id):
            if self._unreachable and attempt.connection.security_profile > self._profile:
                return Failure(stage="tcp", reason="chaos: the new door cannot be reached", event=None)

            if self.strikes("asleep", "dialling", 0.05):
                await asyncio.sleep(LATE)

            async def dial(handler):
                return await right.dialler(attempt, handler, memory=memory, new_id=new_id)

            outcome = await dial(self._listening(theirs))
            if isinstance(outcome, Failure):
                return outcome
            if self.strikes("twice", "connected", 0.06):

                def again():
                    if memory.load().password == attempt.kept.password:  # it comes with what it has now
                        self._come_again(right, dial)

                asyncio.get_running_loop().call_later(0.05, again)
            return self._speaking(outcome)

        return replace(right, dialler=dialler)

    def _come_again(self, right, dial):
        """A second connection of the same station takes the place of the first, and says nothing."""

        async def second():
            try:
                outcome = await dial(_Nobody())
            except KeyError:
                return  # it would come with a key that the station has forgotten since
            if not isinstance(outcome, Failure):
                _leave(right, outcome)

        self._task = asyncio.get_running_loop().create_task(second())

    # -- what the CSMS asks -----------------------------------------------------------------------------
    def _listening(self, theirs):
        def on_call(link, call):
            what = call.action
            if self.strikes("break", f"before {what}", 0.02):
                link.abort("chaos: cut before the request arrived")
            elif self.strikes("refusal", what, 0.02):
                link.refuse(call.id, ErrorCode.INTERNAL_ERROR, "chaos: not now")
            elif what in WILLING and self.strikes("lie", what, 0.04):
                link.answer(call.id, WILLING[what])
            else:
                theirs.on_call(
                    altered(link, answer=lambda _, payload: self._answer(link, call, payload)), call
                )
                if self.strikes("reboot", f"during {what}", 0.01):
                    theirs.put(Reboot(reason=BootReason.WATCHDOG))

        return altered(theirs, on_call=on_call)

    def _answer(self, link, call, payload):
        what = call.action
        if self.strikes("break", f"before the answer to {what}", 0.02):
            link.abort("chaos: cut before the answer left")
        elif self.strikes("answer", f"lost {what}", 0.02):
            with_loss(link, call.id, payload)
        elif self.strikes("answer", f"late {what}", 0.02):
            asyncio.get_running_loop().call_later(LATE, _when_open, link, call.id, payload)
        else:
            link.answer(call.id, payload)
            if self.strikes("answer", f"doubled {what}", 0.02):
                send_raw(link, encode(CallResult(call.id, payload)))
            if self.strikes("break", f"after the answer to {what}", 0.02):
                asyncio.get_running_loop().call_soon(link.abort, "chaos: cut after the answer left")

    # -- what the station asks --------------------------------------------------------------------------
    def _speaking(self, link):
        async def call(action, payload, *, timeout):
            if self.strikes("break", f"before own {action}", 0.02):
                link.abort("chaos: cut before the request left")
            elif self.strikes("break", f"after own {action}", 0.02):
                asyncio.get_running_loop().call_soon(link.abort, "chaos: cut before the answer arrived")
            response = await link.call(action, payload, timeout=timeout)
            # Not the answer to BootNotification: who answers a ping that came behind it has got it.
            if action != "BootNotification" and self.strikes("answer", f"lost own {action}", 0.02):
                raise CallTimedOut(action, timeout)
            if action != "BootNotification" and self.strikes("answer", f"late own {action}", 0.02):
                await asyncio.sleep(LATE)
            return response

        return altered(link, call=call)


def _when_open(link, call_id, payload):
    if not link.closed:
        link.answer(call_id, payload)


def with_loss(link, call_id, payload):
    """Answer, and let that one frame not arrive."""
    right = link._transport
    if right is None:
        return
    begin = f'[3,"{call_id}"'

    def send(kind, message, *more):
        if not (isinstance(message, str) and message.startswith(begin)):
            right.send(kind, message, *more)

    link._transport = altered(right, send=send)
    try:
        link.answer(call_id, payload)
    finally:
        link._transport = right
