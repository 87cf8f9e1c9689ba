"""What a station does of its own accord on a connection, and when: boot, heartbeat, events, requests, pings.

Each duty has at most one time at which it is due.  The standard's order holds: nothing but BootNotification before
the first answer (B01.FR.08), nothing unasked before Accepted (B02.FR.02).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ocppsec.link.errors import CallRefused, CallTimedOut
from ocppsec.link.link import Link
from ocppsec.ocppj.errors import RemoteError
from ocppsec.ocppj.messages import (
    BootNotificationRequest,
    BootNotificationResponse,
    BootReason,
    ChargingStation,
    ConnectorStatus,
    HeartbeatRequest,
    HeartbeatResponse,
    MessageTrigger,
    RegistrationStatus,
    Request,
    Response,
    SecurityEventNotificationRequest,
    StatusNotificationRequest,
    parse_response,
    to_payload,
)
from ocppsec.ocppj.times import to_wire
from ocppsec.station import happenings as told
from ocppsec.station.calendar import Calendar, Duty
from ocppsec.station.certification import Certification
from ocppsec.station.charging import Charging
from ocppsec.station.inner import Inner
from ocppsec.station.reply import SendLog, SendReport
from ocppsec.station.reports import pages
from ocppsec.station.security_events import delivered
from ocppsec.station.security_log import Upload, upload
from ocppsec.station.tls import upload_context
from ocppsec.station.trust import CSMS_ROOT

_OWN_WAIT = 30.0
"""B02, B03: an interval of 0 leaves the wait until the next BootNotification to the station."""
_EVENTS_AGAIN = 60.0
"""After the CSMS did not answer a SecurityEventNotification with a CALLRESULT."""


class Duties:
    """On one link.  Methods raise `LinkClosed` when it ends under them."""

    def __init__(self, inner: Inner, link: Link, confirmed: Callable[[], None]) -> None:
        """*confirmed* is called when the CSMS has answered Accepted or Pending, before anything else is sent."""
        self._inner = inner
        self._link = link
        self._confirmed = confirmed
        self.calendar = Calendar()
        self.certification = Certification(inner, self.calendar, self._call)
        self.charging = Charging(inner, self.calendar, self._call_plainly)

    # -- the calendar -------------------------------------------------------------------------------------
    def until_next(self) -> float | None:
        """Seconds; None when nothing is due at any time."""
        if self._events_can_go() and Duty.EVENTS not in self.calendar:
            self.calendar.at(Duty.EVENTS, 0)
        return self.calendar.wait()

    def begin(self) -> None:
        """The connection stands: boot where that is called for, else carry on."""
        self._schedule_ping()
        if self._inner.registration in (RegistrationStatus.ACCEPTED, RegistrationStatus.PENDING):
            self._confirmed()
        if self._inner.registration == RegistrationStatus.ACCEPTED:
            self.calendar.at(Duty.HEARTBEAT, self._inner.number("OCPPCommCtrlr", "HeartbeatInterval"))
            self.certification.schedule_renewal()
            self.charging.schedule()
        else:
            self.calendar.at(Duty.BOOT, 0)
        self.certification.resume()

    async def do_what_is_due(self) -> None:
        for duty in self.calendar.take_due():
            await self._duty(duty)()

    def _duty(self, duty: Duty) -> Callable[[], Coroutine[Any, Any, None]]:
        match duty:
            case Duty.BOOT:
                return self.boot
            case Duty.HEARTBEAT:
                return self.heartbeat
            case Duty.EVENTS:
                return self._send_events
            case Duty.ASK_AGAIN:
                return self.certification.ask_again
            case Duty.RENEW:
                return self.certification.renew
            case Duty.PING:
                return self._ping
            case Duty.METER:
                return self.charging.tell

    # -- one CALL -----------------------------------------------------------------------------------------
    async def _call(self, request: Request) -> Response | None:
        """The response, or None when the CSMS refused or kept silent."""
        payload = await self._call_plainly(request.action, to_payload(request))
        if payload is None:
            return None
        try:
            return parse_response(request.action, payload)
        except RemoteError as error:
            self._inner.tell(told.Dropped(reason=f"answer to {request.action}: {error.code}"))
            return None

    async def _call_plainly(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        timeout = float(self._inner.connection.message_timeout)
        try:
            answer = await self._link.call(action, payload, timeout=timeout)
        except CallRefused as refused:
            self._inner.tell(told.Sent(action=action, status=refused.code))
            return None
        except CallTimedOut:
            self._inner.tell(told.Sent(action=action, status="no answer"))
            return None
        self._inner.tell(told.Sent(action=action, status=told.status_in(answer)))
        return answer

    # -- B01 to B03: boot ---------------------------------------------------------------------------------
    async def boot(self, *, reason: BootReason | None = None) -> None:
        inner = self._inner
        reason = reason or inner.boot_reason
        response = await self._call(
            BootNotificationRequest(
                reason=reason,
                charging_station=ChargingStation(
                    model=inner.config.model,
                    vendor_name=inner.config.vendor,
                    serial_number=inner.config.serial_number,
                    firmware_version=inner.config.firmware_version,
                ),
            )
        )
        if not isinstance(response, BootNotificationResponse):
            self.calendar.at(Duty.BOOT, _OWN_WAIT * inner.config.pace)
            return
        inner.registration = response.status
        inner.set_clock(response.current_time)
        if response.status != RegistrationStatus.REJECTED:
            self._confirmed()
        inner.tell(
            told.Booted(
                status=response.status,
                profile=inner.connection.security_profile,
                reason=reason,
                interval=response.interval,
            )
        )
        await self._after_boot(response)

    async def _after_boot(self, response: BootNotificationResponse) -> None:
        inner = self._inner
        if response.status != RegistrationStatus.ACCEPTED:
            wait = float(response.interval) if response.interval > 0 else _OWN_WAIT * inner.config.pace
            self.calendar.at(Duty.BOOT, wait)
            return
        self.calendar.cancel(Duty.BOOT)
        inner.boot_reason = BootReason.UNKNOWN  # if another boot follows without a reset (B10.FR.10)
        if inner.kept.boot_reason != BootReason.POWER_UP:
            inner.keep(inner.kept.but(boot_reason=str(BootReason.POWER_UP)))
        if response.interval > 0:
            interval = str(response.interval)
            written = {**inner.kept.variables, "OCPPCommCtrlr.HeartbeatInterval": interval}
            inner.keep(inner.kept.but(variables=written))
        self.calendar.at(Duty.HEARTBEAT, inner.number("OCPPCommCtrlr", "HeartbeatInterval"))
        self.certification.schedule_renewal()
        self.charging.schedule()
        await self._send_status()

    async def _send_status(self) -> None:
        await self._call(
            StatusNotificationRequest(
                timestamp=to_wire(self._inner.now()),
                connector_status=ConnectorStatus.AVAILABLE,
                evse_id=1,
                connector_id=1,
            )
        )

    async def heartbeat(self) -> None:
        response = await self._call(HeartbeatRequest())
        if isinstance(response, HeartbeatResponse):
            self._inner.set_clock(response.current_time)
        self.calendar.at(Duty.HEARTBEAT, self._inner.number("OCPPCommCtrlr", "HeartbeatInterval"))

    # -- A04: security events -----------------------------------------------------------------------------
    def _events_can_go(self) -> bool:
        inner = self._inner
        return bool(inner.kept.undelivered) and inner.registration == RegistrationStatus.ACCEPTED

    async def _send_events(self) -> None:
        """A04.FR.02: in order, each until it is answered."""
        while self._events_can_go():
            event = self._inner.kept.undelivered[0]
            response = await self._call(
                SecurityEventNotificationRequest(
                    type=event.type, timestamp=event.timestamp, tech_info=event.tech_info or None
                )
            )
            if response is None:
                self.calendar.at(Duty.EVENTS, _EVENTS_AGAIN * self._inner.config.pace)
                return
            self._inner.keep(delivered(self._inner.kept, event))

    # -- on demand ----------------------------------------------------------------------------------------
    async def report(self, effect: SendReport) -> None:
        for page in pages(effect.request_id, effect.data, self._inner.now()):
            await self._call(page)

    async def log(self, log: SendLog) -> None:
        """N01.FR.07 to 10, 13: told when it begins and how it ends, each try once more when it failed."""
        trust = upload_context(tuple(root.pem for root in self._inner.kept.roots if root.use == CSMS_ROOT))
        await self._log_status(log, Upload.UPLOADING)
        outcome = await upload(log, trust)
        for _ in range(log.retries):
            if outcome != Upload.UPLOAD_FAILURE:
                break
            await asyncio.sleep(log.retry_interval * self._inner.config.pace)
            outcome = await upload(log, trust)
        await self._log_status(log, outcome)

    async def _log_status(self, log: SendLog, status: Upload) -> None:
        await self._call_plainly("LogStatusNotification", {"status": status, "requestId": log.request_id})

    async def triggered(self, message: MessageTrigger) -> None:
        """F06.FR.10."""
        match message:
            case MessageTrigger.BOOT_NOTIFICATION:
                await self.boot(reason=BootReason.TRIGGERED)
            case MessageTrigger.HEARTBEAT:
                await self.heartbeat()
            case MessageTrigger.STATUS_NOTIFICATION:
                await self._send_status()
            case MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE:
                await self.certification.ask()
            case MessageTrigger.LOG_STATUS_NOTIFICATION | MessageTrigger.FIRMWARE_STATUS_NOTIFICATION:
                await self._call_plainly(str(message), {"status": "Idle"})  # F06.FR.15, 16

    async def _ping(self) -> None:
        interval = self._inner.number("OCPPCommCtrlr", "WebSocketPingInterval")
        self._link.sweep(self.calendar.now(), idle=interval, reply=interval / 2)
        self._schedule_ping()

    def _schedule_ping(self) -> None:
        interval = self._inner.number("OCPPCommCtrlr", "WebSocketPingInterval")
        if interval > 0:
            self.calendar.at(Duty.PING, interval / 2)
