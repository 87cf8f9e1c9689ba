"""What a station does of its own accord on a connection, and when: boot, heartbeat, events, requests, pings.

Each duty has at most one time at which it is due.  The standard's order holds: nothing but BootNotification before
the first answer (B01.FR.08), nothing unasked before Accepted (B02.FR.02).
"""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any

from ocppsec.certificates.keys import KeyFamily
from ocppsec.link.errors import CallRefused, CallTimedOut
from ocppsec.link.link import Link
from ocppsec.ocppj.errors import RemoteError
from ocppsec.ocppj.messages import (
    BootNotificationRequest,
    BootNotificationResponse,
    BootReason,
    CertificateSigningUse,
    ChargingStation,
    ConnectorStatus,
    GenericStatus,
    HeartbeatRequest,
    HeartbeatResponse,
    MessageTrigger,
    RegistrationStatus,
    Request,
    Response,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
    SignCertificateResponse,
    StatusNotificationRequest,
    parse_response,
    to_payload,
)
from ocppsec.ocppj.times import to_wire
from ocppsec.station import happenings as told
from ocppsec.station.inner import Inner
from ocppsec.station.own_certificates import renewal_due, with_request, without_request
from ocppsec.station.reply import SendLog, SendReport
from ocppsec.station.reports import pages
from ocppsec.station.security_events import delivered
from ocppsec.station.security_log import Upload, upload
from ocppsec.station.signing import Asking, NewRequest, start_asking
from ocppsec.station.tls import upload_context
from ocppsec.station.trust import CSMS_ROOT
from ocppsec.station.variables import subject

_OWN_WAIT = 30.0
"""B02, B03: an interval of 0 leaves the wait until the next BootNotification to the station."""
_RENEWAL_AGAIN = 86_400.0
"""A03: the next look at the certificate, when the last request brought no new one."""
_EVENTS_AGAIN = 60.0
"""After the CSMS did not answer a SecurityEventNotification with a CALLRESULT."""


class Duty(Enum):
    BOOT = auto()
    HEARTBEAT = auto()
    EVENTS = auto()
    ASK_AGAIN = auto()
    RENEW = auto()
    PING = auto()


class Duties:
    """On one link.  Methods raise `LinkClosed` when it ends under them."""

    def __init__(self, inner: Inner, link: Link, confirmed: Callable[[], None]) -> None:
        """*confirmed* is called when the CSMS has answered Accepted or Pending, before anything else is sent."""
        self._inner = inner
        self._link = link
        self._confirmed = confirmed
        self._loop = asyncio.get_running_loop()
        self._due: dict[Duty, float] = {}

    # -- the calendar -------------------------------------------------------------------------------------
    def at(self, duty: Duty, seconds: float) -> None:
        """Let *duty* be due in *seconds* from now."""
        self._due[duty] = self._loop.time() + seconds

    def until_next(self) -> float | None:
        """Seconds; None when nothing is due at any time."""
        if self._events_can_go() and Duty.EVENTS not in self._due:
            self.at(Duty.EVENTS, 0)
        return max(0.0, min(self._due.values()) - self._loop.time()) if self._due else None

    def begin(self) -> None:
        """The connection stands: boot where that is called for, else carry on."""
        self._schedule_ping()
        if self._inner.registration in (RegistrationStatus.ACCEPTED, RegistrationStatus.PENDING):
            self._confirmed()
        if self._inner.registration == RegistrationStatus.ACCEPTED:
            self.at(Duty.HEARTBEAT, self._inner.number("OCPPCommCtrlr", "HeartbeatInterval"))
            self._schedule_renewal()
        else:
            self.at(Duty.BOOT, 0)
        if self._inner.asking is not None:
            self._due[Duty.ASK_AGAIN] = self._inner.ask_again_at

    async def do_what_is_due(self) -> None:
        now = self._loop.time()
        for duty in [duty for duty, when in self._due.items() if when <= now]:
            self._due.pop(duty, None)
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
                return self._ask_again
            case Duty.RENEW:
                return self._renew
            case Duty.PING:
                return self._ping

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
            self.at(Duty.BOOT, _OWN_WAIT * inner.config.pace)
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
            self.at(Duty.BOOT, wait)
            return
        self._due.pop(Duty.BOOT, None)
        inner.boot_reason = BootReason.UNKNOWN  # if another boot follows without a reset (B10.FR.10)
        if inner.kept.boot_reason != BootReason.POWER_UP:
            inner.keep(inner.kept.but(boot_reason=str(BootReason.POWER_UP)))
        if response.interval > 0:
            interval = str(response.interval)
            written = {**inner.kept.variables, "OCPPCommCtrlr.HeartbeatInterval": interval}
            inner.keep(inner.kept.but(variables=written))
        self.at(Duty.HEARTBEAT, inner.number("OCPPCommCtrlr", "HeartbeatInterval"))
        self._schedule_renewal()
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
        self.at(Duty.HEARTBEAT, self._inner.number("OCPPCommCtrlr", "HeartbeatInterval"))

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
                self.at(Duty.EVENTS, _EVENTS_AGAIN * self._inner.config.pace)
                return
            self._inner.keep(delivered(self._inner.kept, event))

    # -- A02: asking for a certificate ----------------------------------------------------------------------
    async def ask_for_certificate(self) -> None:
        """A02.FR.02: with a new key pair, kept before its request leaves."""
        inner = self._inner
        new = await self._new_request()
        name = f"station-{inner.new_id()}"
        inner.memory.save_key(name, new.key_pem)
        inner.keep(with_request(inner.kept, new.csr, name))
        asking = start_asking(
            new.csr,
            name,
            wait=inner.number("SecurityCtrlr", "CertSigningWaitMinimum") * inner.config.pace,
            repeats=inner.number("SecurityCtrlr", "CertSigningRepeatTimes"),
        )
        await self._send_request(asking)

    async def _new_request(self) -> NewRequest:
        inner = self._inner
        family, who = inner.config.traits.key_family, subject(inner.kept, inner.situation())
        if family == KeyFamily.EC_P256:
            return inner.request(family, who)
        return await asyncio.to_thread(inner.request, family, who)  # RSA takes tenths of a second and more

    async def _send_request(self, asking: Asking) -> None:
        """The next repetition is fixed before it leaves: whatever ends this CALL or this connection, it holds."""
        self._schedule(*asking.sent())
        response = await self._call(
            SignCertificateRequest(
                csr=asking.csr, certificate_type=CertificateSigningUse.CHARGING_STATION_CERTIFICATE
            )
        )
        if isinstance(response, SignCertificateResponse) and response.status == GenericStatus.REJECTED:
            self._inner.keep(without_request(self._inner.kept, asking.key))
            self.stop_asking()

    def _schedule(self, asking: Asking | None, wait: float | None) -> None:
        self.stop_asking()
        if asking is not None and wait is not None:
            self._inner.asking, self._inner.ask_again_at = asking, self._loop.time() + wait
            self._due[Duty.ASK_AGAIN] = self._inner.ask_again_at

    async def _ask_again(self) -> None:
        """A02.FR.17: the same request again; its key is kept, so that any of the answers will do."""
        if self._inner.asking is not None:
            await self._send_request(self._inner.asking)

    def stop_asking(self) -> None:
        self._inner.asking = None
        self._due.pop(Duty.ASK_AGAIN, None)

    def _schedule_renewal(self) -> None:
        """A03: only where the boot was accepted, for nobody has asked for it (B02.FR.02)."""
        inner = self._inner
        due = renewal_due(inner.kept, days=inner.config.traits.renewal_days)
        if due is not None:
            self.at(Duty.RENEW, max(0.0, (due - inner.now()).total_seconds()))

    async def _renew(self) -> None:
        inner = self._inner
        self.at(Duty.RENEW, _RENEWAL_AGAIN * inner.config.pace)
        if inner.asking is None and subject(inner.kept, inner.situation()).organization:
            await self.ask_for_certificate()

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
                await self.ask_for_certificate()
            case MessageTrigger.LOG_STATUS_NOTIFICATION | MessageTrigger.FIRMWARE_STATUS_NOTIFICATION:
                await self._call_plainly(str(message), {"status": "Idle"})  # F06.FR.15, 16

    async def _ping(self) -> None:
        interval = self._inner.number("OCPPCommCtrlr", "WebSocketPingInterval")
        self._link.sweep(self._loop.time(), idle=interval, reply=interval / 2)
        self._schedule_ping()

    def _schedule_ping(self) -> None:
        interval = self._inner.number("OCPPCommCtrlr", "WebSocketPingInterval")
        if interval > 0:
            self.at(Duty.PING, interval / 2)
