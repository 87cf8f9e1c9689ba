"""The gate: reads what admission needs, asks it, and makes the answer visible.

It decides nothing itself.  Every arrival ends as an attempt in the registry and an event, refused or not, and a
store that cannot be reached ends as 503.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ocppsec.certificates.facts import BadCertificate, ClientCertificate, read_client_certificate
from ocppsec.certificates.foreign_status import Revoked, refusal
from ocppsec.csms.anchors import Anchor
from ocppsec.csms.doors import Arrival
from ocppsec.csms.foreign_status import ForeignStatus
from ocppsec.csms.ground import Ground, Overtaken, Watch
from ocppsec.csms.http import Answer
from ocppsec.events import ConnectionRefused, Emit, LoginsSlowed, StoreUnavailable
from ocppsec.profiles import admission
from ocppsec.profiles.admission import Admitted, Policy, Verify, admit, certificate_to_look_up
from ocppsec.profiles.identity import BadIdentity, parse_identity
from ocppsec.profiles.onboarding import by
from ocppsec.profiles.presented import (
    Issuer,
    PlainBasicAuth,
    Presented,
    TlsBasicAuth,
    TlsClientCertificate,
    parse_authorization,
    presented_over_plain,
    presented_over_tls,
)
from ocppsec.profiles.record import AdmissionRecord, Onboarding, Way
from ocppsec.profiles.refusal import (
    RefusalReason,
    Refused,
    refused_store_unavailable,
    refused_too_many_failures,
)
from ocppsec.profiles.throttle import LoginThrottle
from ocppsec.registry import store as registry
from ocppsec.registry.records import Attempt, AttemptOutcome

SUBPROTOCOL = "ocpp2.0.1"
PATH = "/ocpp"
_TELLS_OF_OTHERS = frozenset(
    {
        RefusalReason.WRONG_PASSWORD,
        RefusalReason.SEVERAL_COMMON_NAMES,
        RefusalReason.CERTIFICATE_OF_ANOTHER_STATION,
        RefusalReason.ORGANIZATION_MISMATCH,
        RefusalReason.STORE_UNAVAILABLE,
        RefusalReason.MANUFACTURER_CERTIFICATE,
        RefusalReason.CERTIFICATE_STATUS_UNKNOWN,
        RefusalReason.ONBOARDING_EXPIRED,
        RefusalReason.ONBOARDING_USED_UP,
    }
)
"""What would be expected is said to the operator alone: who hears it on the wire may be somebody else."""
_REALM = 'Basic realm="ocpp", charset="UTF-8"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An arrival that may come in."""

    arrival: Arrival
    record: AdmissionRecord
    admitted: Admitted
    certificate: ClientCertificate | None
    watch: Watch
    """Whether the record still says what was decided by."""


Admit = Callable[[Entry], Awaitable[None]]
"""Takes the connection over: 101 and a session.  Raises `Overtaken` and `StoreUnavailable` before it has begun."""


class PendingDesk(Protocol):
    """What the gate asks of `ocppsec.csms.pending`."""

    def in_use(self, identity: str) -> bool: ...
    def disputed(self, identity: str, address: str) -> None: ...
    def came_without(self, entry: Onboarding | None) -> None: ...


Issuers = Callable[[bytes], Anchor | None]
"""Which anchor has signed the certificate (DER) that a door has let pass."""


class Gate:
    """Asks `profiles.admission` about every arrival."""

    def __init__(
        self,
        store: registry.Store,
        policy: Policy,
        ground: Ground,
        *,
        verify: Verify,
        throttle: LoginThrottle,
        issuers: Issuers,
        foreign: ForeignStatus,
        pending: PendingDesk,
        emit: Emit,
        enter: Admit,
        refused: Callable[[Attempt], None],
        settled: Callable[[str], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._policy = policy
        self._ground = ground
        self._verify = verify
        self._throttle = throttle
        self._issuers = issuers
        self._foreign = foreign
        self._pending = pending
        self._emit = emit
        self._enter = enter
        self._refused = refused
        self._settled = settled
        self._now = now

    async def decide(self, arrival: Arrival) -> Answer | None:
        """None: the station is in.  An answer: it is to be refused with that, complete."""
        identity = parse_identity(arrival.request.target, PATH)
        try:
            certificate = read_client_certificate(arrival.certificate) if arrival.certificate else None
        except BadCertificate as error:
            return Answer(status=403, text=f"certificate-unreadable: {error.reason}")
        presented = _presented(arrival, identity, certificate)
        while True:
            with self._ground.watched("" if isinstance(identity, BadIdentity) else identity) as watch:
                try:
                    return await self._decide(arrival, identity, presented, certificate, watch)
                except Overtaken:
                    continue  # decided again by what is true now; the door's deadline ends it

    async def _decide(
        self,
        arrival: Arrival,
        identity: str | BadIdentity,
        presented: Presented,
        certificate: ClientCertificate | None,
        watch: Watch,
    ) -> Answer | None:
        verdict = await self._verdict(arrival, identity, presented)
        if isinstance(verdict, Refused):
            return await self._refuse(arrival, identity, verdict)
        record, admitted = verdict
        if SUBPROTOCOL not in arrival.request.subprotocols:
            # Part 4 3.2 would upgrade and close; OCTT TC_B_58 wants no upgrade: docs/decisions/0004-subprotocol.md
            return await self._wrong_subprotocol(arrival, record.identity, admitted)
        entry = Entry(arrival=arrival, record=record, admitted=admitted, certificate=certificate, watch=watch)
        try:
            await self._enter(entry)
        except registry.StoreUnavailable as error:
            self._emit(StoreUnavailable(doing="admission", reason=str(error)))
            refused = refused_store_unavailable(record.identity, presented.describe())
            return await self._refuse(arrival, identity, refused)
        return None

    async def _verdict(
        self, arrival: Arrival, identity: str | BadIdentity, presented: Presented
    ) -> tuple[AdmissionRecord, Admitted] | Refused:
        name = "" if isinstance(identity, BadIdentity) else identity
        guessable = isinstance(presented, TlsBasicAuth | PlainBasicAuth)
        await self._settled(name)
        try:
            record = await self._store.admission_record(name) if name else None
            fingerprint = certificate_to_look_up(presented, record)
            owner = await self._store.certificate_owner(fingerprint) if fingerprint else None
        except registry.StoreUnavailable as error:
            self._emit(StoreUnavailable(doing="admission", reason=str(error)))
            return refused_store_unavailable(name, presented.describe())
        if isinstance(presented, TlsClientCertificate):
            assert arrival.certificate is not None
            issuer = await self._issuer(arrival.certificate, record)
            presented = replace(presented, issuer=issuer)
        # From here on nothing awaits: of many attempts at once, none slips past the count of the others.
        clock = time.monotonic()
        if guessable and (wait := self._throttle.check(name, arrival.address, clock)) > 0:
            return refused_too_many_failures(name, wait, presented.describe())
        door = admission.Door(name=arrival.spec.name, profiles=arrival.spec.profiles)
        verdict = admit(
            door,
            identity,
            presented,
            record,
            self._policy,
            self._now(),
            verify=self._verify,
            owner=owner,
            in_use=self._pending.in_use(name),
        )
        if isinstance(verdict, Refused):
            if guessable and verdict.failed_login:
                self._slow(name, arrival.address, clock)
            if verdict.reason is RefusalReason.ONBOARDING_IN_USE:
                self._pending.disputed(name, arrival.address)
            if verdict.reason is RefusalReason.CREDENTIALS_MISSING and record is not None:
                self._pending.came_without(record.onboarding)
            # Who has a certificate of ours is a station, and has nothing to find out.
            probing = 0.0 if _is_ours(presented) else self._throttle.probed(name, arrival.address, clock)
            return refused_too_many_failures(name, probing, presented.describe()) if probing else verdict
        assert record is not None
        if verdict.password_matched is not None:
            self._throttle.succeeded(name, arrival.address, clock)
        return record, verdict

    async def _issuer(self, der: bytes, record: AdmissionRecord | None) -> Issuer | None:
        """Its CA is asked only for whom the answer could let in: strangers make us ask nobody."""
        anchor = self._issuers(der)
        if anchor is None:
            return None
        dates = anchor.certificate.not_valid_before_utc, anchor.certificate.not_valid_after_utc
        maker = anchor.manufacturer
        if maker is None:
            return Issuer(not_before=dates[0], not_after=dates[1])
        known = Issuer(
            not_before=dates[0],
            not_after=dates[1],
            manufacturer=maker.name,
            organizations=maker.organizations,
            unclear="nobody has asked",
        )
        if record is None or by(record.onboarding, Way.CERTIFICATE) is None:
            return known
        verdict = await self._foreign.verdict(der, anchor.certificate)
        objection = refusal(verdict, maker.rule.policy)
        if isinstance(verdict, Revoked):
            return replace(known, revoked=objection, unclear=None)
        return replace(known, unclear=objection)

    def _slow(self, identity: str, address: str, clock: float) -> None:
        wait = self._throttle.failed(identity, address, clock)
        if wait > 0:
            self._emit(LoginsSlowed(address=address, identity=identity or None, seconds=wait))

    async def _refuse(self, arrival: Arrival, identity: str | BadIdentity, refused: Refused) -> Answer:
        await self._tell(
            arrival,
            None if isinstance(identity, BadIdentity) else identity,
            reason=refused.reason.value,
            status=refused.status,
            presented=refused.presented,
            expected=refused.expected,
            advice=refused.advice,
        )
        headers: list[tuple[str, str]] = []
        if refused.status == 401:
            headers.append(("WWW-Authenticate", _REALM))
        if refused.retry_after is not None:
            headers.append(("Retry-After", str(refused.retry_after)))
        told = refused.reason not in _TELLS_OF_OTHERS
        text = f"{refused.reason.value}: expected {refused.expected}" if told else refused.reason.value
        return Answer(status=refused.status, text=text, headers=tuple(headers))

    async def _wrong_subprotocol(self, arrival: Arrival, identity: str, admitted: Admitted) -> Answer:
        offered = ", ".join(arrival.request.subprotocols)[:80] or "none"
        await self._tell(
            arrival,
            identity,
            reason="unsupported-subprotocol",
            status=400,
            presented=f"profile {int(admitted.profile)}, subprotocols: {offered}",
            expected=f"the subprotocol {SUBPROTOCOL}",
            advice="The station has to offer ocpp2.0.1 in Sec-WebSocket-Protocol; set its OCPP version to 2.0.1.",
        )
        return Answer(status=400, text=f"unsupported-subprotocol: this CSMS speaks {SUBPROTOCOL}")

    async def _tell(
        self,
        arrival: Arrival,
        identity: str | None,
        *,
        reason: str,
        status: int,
        presented: str,
        expected: str,
        advice: str,
    ) -> None:
        event = ConnectionRefused(
            door=arrival.spec.name,
            address=arrival.address,
            identity=identity,
            reason=reason,
            status=status,
            presented=presented,
            expected=expected,
            advice=advice,
        )
        self._emit(event)
        attempt = Attempt(
            at=self._now(),
            outcome=AttemptOutcome.REFUSED,
            door=event.door,
            address=event.address,
            identity=identity,
            profile=None,
            reason=reason,
            presented=presented,
            expected=expected,
            advice=advice,
        )
        self._refused(attempt)
        try:
            await self._store.record_attempt(attempt)
        except registry.StoreUnavailable as error:
            self._emit(StoreUnavailable(doing="keeping a refused connection", reason=str(error)))


def _is_ours(presented: Presented) -> bool:
    issuer = presented.issuer if isinstance(presented, TlsClientCertificate) else None
    return issuer is not None and issuer.manufacturer is None


def _presented(
    arrival: Arrival, identity: str | BadIdentity, certificate: ClientCertificate | None
) -> Presented:
    name = "" if isinstance(identity, BadIdentity) else identity
    credentials = parse_authorization(arrival.request.authorization, name)
    if arrival.tls_version is None:
        return presented_over_plain(credentials)
    return presented_over_tls(certificate, credentials)
