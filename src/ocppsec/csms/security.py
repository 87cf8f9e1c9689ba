"""What the CSMS itself answers: BootNotification, SignCertificate, SecurityEventNotification.

Whatever an answer promises is in the store before the answer leaves.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.reasons import ReasonCode
from ocppsec.certificates.request import ApprovedRequest, RefusedRequest
from ocppsec.csms.certifier import Certified, Certifier
from ocppsec.csms.new_certificates import NewCertificates
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.pending import PendingDesk
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.request_book import Waits
from ocppsec.csms.session import Session
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.status_desk import NoStatus, OCSPRequestData, StatusDesk
from ocppsec.csms.upgrader import Upgrader
from ocppsec.events import (
    CertificateNotDelivered,
    CertificateStatusFailed,
    Emit,
    FloorRaised,
    SecurityEventReceived,
    SerialNumberMismatch,
    SigningFailed,
    StationBooted,
    StoreUnavailable,
)
from ocppsec.link.errors import CallFailed
from ocppsec.ocppj.connection import CallReceived
from ocppsec.ocppj.errors import ErrorCode
from ocppsec.ocppj.messages import (
    BootNotificationRequest,
    NotifyReportRequest,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
    parse_request,
)
from ocppsec.ocppj.times import from_wire, to_wire
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import BootFacts, SecurityEventRecord
from ocppsec.registry.store import RegistryError, Store

HEARTBEAT_SECONDS = 300
_ANSWER_AWAITED = 10.0
"""Seconds from a BootNotification for which its station surely waits for the answer; 30 are usual."""
_DELIVERY_SECONDS = 30.0


class Security:
    """The messages of blocks A and B that the CSMS acts on."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        upgrader: Upgrader,
        renewer: Renewer,
        new_certificates: NewCertificates,
        certifier: Certifier,
        status_desk: StatusDesk,
        passwords: PasswordOffice,
        pending: PendingDesk,
        *,
        emit: Emit,
        now: Callable[[], datetime],
        on_boot: Callable[[Session], None] = lambda _: None,
        on_report: Callable[[str, NotifyReportRequest], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._upgrader = upgrader
        self._renewer = renewer
        self._new_certificates = new_certificates
        self._certifier = certifier
        self._status_desk = status_desk
        self._passwords = passwords
        self._pending = pending
        self._emit = emit
        self._now = now
        self._on_boot = on_boot
        self._on_report = on_report

    # -- B01 --------------------------------------------------------------------------------------------
    async def boot(self, session: Session, call: CallReceived) -> None:
        """Answer a BootNotification; on profile 3 only to the station the certificate was issued to."""
        until = asyncio.get_running_loop().time() + _ANSWER_AWAITED
        request = parse_request(call.action, call.payload)
        assert isinstance(request, BootNotificationRequest)
        if not self._serial_number_fits(session, request.charging_station.serial_number):
            session.close(1008, "the serial number is not the certificate's")
            return
        station = request.charging_station
        if session.facts.pending is not None:
            self._hold(session, call, station.serial_number)
            return
        facts = BootFacts(
            at=self._now(),
            profile=session.profile,
            vendor=station.vendor_name,
            model=station.model,
            firmware_version=station.firmware_version,
            serial_number=station.serial_number,
            reason=str(request.reason),
        )
        try:
            await self._store.record_boot(session.identity, facts)
        except RegistryError as error:
            self._unavailable(session, call, "keeping a BootNotification", error)
            return
        again = session.accepted
        session.accept()
        if session.link is not None:
            session.link.answer(
                call.id,
                {"currentTime": to_wire(self._now()), "interval": HEARTBEAT_SECONDS, "status": "Accepted"},
            )
        self._tell_booted(session, facts)
        unproven = session.profile > session.facts.floor or session.facts.certificate_is_new
        if unproven or session.identity in self._upgrader.identities:
            # A station that never got the answer goes back to its old slot (B10.FR.03), and must be let in there:
            # the profile counts as proved when the station is heard after it.
            if session.link is not None:
                session.link.prove(
                    lambda: session.run(self._proved(session)), until=until, except_for=call.action
                )
        else:
            self._upgrader.ready(session)
            self._pending.accepted(session)
        self._renewer.ready(session)
        self._on_boot(session)
        if not session.facts.registered and not again and session.facts.onboarding is None:
            self._passwords.first_contact(session)

    def _hold(self, session: Session, call: CallReceived, serial_number: str | None) -> None:
        """B02: nothing is promised and nothing rises; it comes back with something better."""
        if not self._pending.is_meant(session, serial_number):
            self._emit(
                SerialNumberMismatch(identity=session.identity, reported=serial_number, certificate="")
            )
            session.close(1008, "the serial number is not the one expected")
            return
        session.hold()
        if session.link is not None:
            interval = self._pending.interval
            session.link.answer(
                call.id, {"currentTime": to_wire(self._now()), "interval": interval, "status": "Pending"}
            )
        self._pending.held(session)

    def held(self, session: Session) -> None:
        """It can be called, though it did not boot: it does not know that it is kept in Pending."""
        self._pending.held(session)

    def awaits_request(self, session: Session) -> bool:
        return self._pending.awaits_request(session)

    def ready(self, session: Session) -> None:
        """The station can be called."""
        self._new_certificates.stays(session)
        self._upgrader.ready(session)
        self._renewer.ready(session)
        self._on_boot(session)

    async def _proved(self, session: Session) -> None:
        """The station has booted on this profile and knows it: floor and upgrade follow."""
        try:
            await self._new_certificates.settle(session)
            with self._sessions.rising(session.identity):
                old = await self._raise_floor(session)
                await self._upgrader.booted(session.identity, session.profile)
        except RegistryError as error:
            self._emit(StoreUnavailable(doing="raising a floor", reason=str(error)))
            session.close(1011, "try again later")
            return
        if session.profile > old:
            self._emit(FloorRaised(identity=session.identity, old=int(old), new=int(session.profile)))
        self._upgrader.ready(session)
        self._pending.accepted(session)

    async def _raise_floor(self, session: Session) -> SecurityProfile:
        """A05.FR.07: the floor that was before.  It never falls, so what admission read may be enough to know."""
        if session.profile <= session.facts.floor:
            return session.facts.floor
        old = await self._store.raise_floor(session.identity, session.profile)
        lower = self._sessions.rise(session.identity, max(old, session.profile))
        if lower is not None:
            lower.drop("the station has risen above this profile")
        return old

    def _serial_number_fits(self, session: Session, reported: str | None) -> bool:
        """B01.FR.11: on profile 3 the serial number is the certificate's CN.  Absence is no proof."""
        certificate = session.facts.certificate
        if session.profile is not SecurityProfile.TLS_CLIENT or certificate is None:
            return True
        if (reported,) == certificate.common_names and reported == session.facts.registered_serial_number:
            return True
        names = ", ".join(certificate.common_names)
        self._emit(SerialNumberMismatch(identity=session.identity, reported=reported, certificate=names))
        return False

    def _tell_booted(self, session: Session, facts: BootFacts) -> None:
        self._emit(
            StationBooted(
                identity=session.identity,
                profile=int(facts.profile),
                reason=facts.reason,
                model=facts.model,
                vendor=facts.vendor,
                firmware_version=facts.firmware_version,
            )
        )

    # -- A02, A03 ---------------------------------------------------------------------------------------
    async def sign(self, session: Session, call: CallReceived) -> None:
        """Answer SignCertificate first, deliver CertificateSigned afterwards (A02.FR.11/12)."""
        request = parse_request(call.action, call.payload)
        assert isinstance(request, SignCertificateRequest)
        if session.link is None:
            return
        # A02.FR.14 remark: without a type the certificate is for both uses, ours among them.
        if request.certificate_type not in (None, "ChargingStationCertificate"):
            session.link.answer(
                call.id, _rejected("InvalidCSR", "only ChargingStationCertificate is issued here")
            )
            return
        try:
            secure = session.profile >= SecurityProfile.TLS_BASIC
            shown = session.facts.certificate
            verdict = await self._certifier.receive(
                session.identity,
                request.csr,
                secure=secure,
                shown=None if shown is None else shown.fingerprint,
            )
        except RegistryError as error:
            self._unavailable(session, call, "checking a certificate request", error)
            return
        match verdict:
            case RefusedRequest(reasons=reasons):
                words = tuple(str(reason) for reason in reasons)
                session.link.answer(call.id, _rejected("InvalidCSR", "; ".join(words)))
                later = all(reason.code is ReasonCode.TOO_MANY_REQUESTS for reason in reasons)
                await self._upgrader.csr_refused(session.identity, words, later=later)
                await self._renewer.csr_refused(session.identity, words)
            case ApprovedRequest() | Certified() | Waits():
                session.link.answer(call.id, {"status": "Accepted"})
                if await self._upgrader.csr_received(session.identity, request.csr):
                    return
                if session.profile is SecurityProfile.TLS_CLIENT:
                    await self._renewer.csr_received(session.identity, request.csr)
                else:
                    await self.deliver(session, request.csr)

    async def deliver(self, session: Session, csr: str) -> None:
        """A03 from a station that shows no certificate yet: nothing will prove that it uses it.

        A person may have to approve it; whoever hears of that comes here again.
        """
        try:
            certified = await self._certifier.certify(session.identity, csr)
        except IssueFailed as error:
            self._emit(SigningFailed(identity=session.identity, reason=str(error)))
            return  # A02.FR.17: the station asks again
        if not isinstance(certified, Certified) or session.link is None:
            return  # an event has said why
        payload = {"certificateChain": certified.chain, "certificateType": "ChargingStationCertificate"}
        try:
            await session.link.call("CertificateSigned", payload, timeout=_DELIVERY_SECONDS)
        except CallFailed as error:
            # A02.FR.17: the station asks again and gets the same certificate.
            self._emit(CertificateNotDelivered(identity=session.identity, reason=str(error)))

    # -- A04 --------------------------------------------------------------------------------------------
    async def event(self, session: Session, call: CallReceived) -> None:
        """Acknowledge a security event once it is kept (A04.FR.03)."""
        request = parse_request(call.action, call.payload)
        assert isinstance(request, SecurityEventNotificationRequest)
        received_at = self._now()
        record = SecurityEventRecord(
            identity=session.identity,
            type=request.type,
            timestamp=_time(request.timestamp) or received_at,
            tech_info=request.tech_info,
            received_at=received_at,
        )
        try:
            await self._store.add_security_event(record)
        except RegistryError as error:
            self._unavailable(session, call, "keeping a security event", error)
            return
        if session.link is not None:
            session.link.answer(call.id, {})
        self._emit(
            SecurityEventReceived(
                identity=session.identity,
                type=request.type,
                timestamp=record.timestamp.isoformat(),
                tech_info=request.tech_info,
            )
        )

    # -- M06 --------------------------------------------------------------------------------------------
    async def certificate_status(self, session: Session, call: CallReceived) -> None:
        """M06.FR.01 to 04: Accepted says that somebody was asked, not what the answer was."""
        data = OCSPRequestData.of(call.payload)
        try:
            answer: dict[str, Any] = {"status": "Accepted", "ocspResult": await self._status_desk.ask(data)}
        except NoStatus as error:
            self._emit(CertificateStatusFailed(identity=session.identity, reason=str(error)))
            info = {"reasonCode": "OcspFailed", "additionalInfo": str(error)[:512]}
            answer = {"status": "Failed", "statusInfo": info}
        if session.link is not None:
            session.link.answer(call.id, answer)

    def report(self, session: Session, call: CallReceived) -> None:
        """NotifyReport: an upgrade, or who asks before one, may have asked for it."""
        report = parse_request(call.action, call.payload)
        assert isinstance(report, NotifyReportRequest)
        self._upgrader.report_received(session.identity, report)
        self._on_report(session.identity, report)

    def _unavailable(self, session: Session, call: CallReceived, doing: str, error: RegistryError) -> None:
        """Nothing was kept, so nothing is promised: the station tries again."""
        self._emit(StoreUnavailable(doing=doing, reason=str(error)))
        if session.link is not None:
            session.link.refuse(call.id, ErrorCode.INTERNAL_ERROR, "try again later")


def _rejected(reason_code: str, text: str) -> dict[str, Any]:
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason_code, "additionalInfo": text[:512]}}


def _time(text: str) -> datetime | None:
    try:
        return from_wire(text)
    except ValueError:
        return None
