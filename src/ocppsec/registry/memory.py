"""The store in memory: the same contract, nothing kept.

For tests and demonstrations; `tests/contract` holds it to what the SQL store does.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import AdmissionRecord, CertificateRecord, CertificateState
from ocppsec.registry.records import (
    Attempt,
    BootFacts,
    Campaign,
    CampaignChange,
    CampaignLine,
    CampaignMember,
    NewStation,
    Renewal,
    SecurityEventRecord,
    Station,
    Upgrade,
    UpgradeChange,
    UpgradeStatus,
    UpgradeStep,
)
from ocppsec.registry.store import (
    ATTEMPTS_KEPT,
    ATTEMPTS_KEPT_IN_ALL,
    SECURITY_EVENTS_KEPT,
    AlreadyRegistered,
    KeyAlreadyUsed,
    NotRegistered,
    RenewalInProgress,
    StoreUnavailable,
    Superseded,
    UpgradeInProgress,
)


@dataclass(slots=True)
class _Kept:
    """One attempt and whose share of the room it takes."""

    attempt: Attempt
    share: tuple[str, str]


class MemoryStore:
    """See `ocppsec.registry.store.Store`."""

    def __init__(self) -> None:
        self._stations: dict[str, Station] = {}
        self._passwords: dict[str, tuple[str, ...]] = {}
        self._certificates: dict[str, CertificateRecord] = {}
        self._attempts: dict[int, _Kept] = {}
        self._shares: dict[tuple[str, str], deque[int]] = {}
        self._next_attempt = 0
        self._security_events: list[SecurityEventRecord] = []
        self._upgrades: dict[str, Upgrade] = {}
        self._steps: dict[str, list[UpgradeStep]] = {}
        self._renewals: dict[str, Renewal] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._members: dict[str, dict[int, CampaignMember]] = {}
        self._lines: dict[str, list[CampaignLine]] = {}
        self._closed = False

    # -- stations ---------------------------------------------------------------------------------------
    async def add_station(self, station: NewStation) -> Station:
        self._check_open()
        if station.identity in self._stations:
            raise AlreadyRegistered(f"a station with identity {station.identity!r} is registered")
        if any(known.serial_number == station.serial_number for known in self._stations.values()):
            raise AlreadyRegistered(f"a station with serial number {station.serial_number!r} is registered")
        added = Station(
            identity=station.identity,
            serial_number=station.serial_number,
            floor=station.profile,
            target=station.profile,
            observed=None,
            added_at=station.added_at,
            labels=dict(station.labels),
        )
        self._stations[station.identity] = added
        self._passwords[station.identity] = (station.password_hash,) if station.password_hash else ()
        return added

    async def station(self, identity: str) -> Station | None:
        self._check_open()
        return self._stations.get(identity)

    async def stations(self, *, after: str | None = None, limit: int = 100) -> list[Station]:
        self._check_open()
        behind = sorted(identity for identity in self._stations if after is None or identity > after)
        return [self._stations[identity] for identity in behind[: max(0, limit)]]

    async def remove_station(self, identity: str, *, at: datetime | None = None) -> bool:
        self._check_open()
        if self._stations.pop(identity, None) is None:
            return False
        self._passwords.pop(identity, None)
        for certificate in self._of(identity):
            self._revoke(certificate, at, "station removed")
        for upgrade in list(self._upgrades.values()):
            if upgrade.identity == identity and upgrade.status is UpgradeStatus.OPEN:
                del self._upgrades[upgrade.id]
                self._steps.pop(upgrade.id, None)
        for renewal in await self.open_renewals():
            if renewal.identity == identity:
                del self._renewals[renewal.id]
        return True

    async def admission_record(self, identity: str) -> AdmissionRecord | None:
        self._check_open()
        station = self._stations.get(identity)
        if station is None:
            return None
        return AdmissionRecord(
            identity=identity,
            serial_number=station.serial_number,
            floor=station.floor,
            target=station.target,
            password_hashes=self._passwords[identity],
            certificates=_newest_first(self._of(identity)),
            registered=station.registered_at is not None,
        )

    async def certificate_owner(self, fingerprint: str) -> CertificateRecord | None:
        self._check_open()
        return self._certificates.get(fingerprint)

    async def set_password_hash(self, identity: str, password_hash: str) -> None:
        self._registered(identity)
        self._passwords[identity] = (password_hash,)

    async def replace_passwords(self, identity: str, before: Sequence[str], after: Sequence[str]) -> None:
        self._registered(identity)
        if self._passwords[identity] != tuple(before):
            raise Superseded(f"the passwords of station {identity!r} have changed meanwhile")
        self._passwords[identity] = tuple(after)

    async def set_target(self, identity: str, target: SecurityProfile) -> None:
        station = self._registered(identity)
        if target >= station.floor:
            self._stations[identity] = replace(station, target=target)

    async def set_labels(self, identity: str, labels: Mapping[str, str]) -> None:
        self._stations[identity] = replace(self._registered(identity), labels=dict(labels))

    async def raise_floor(self, identity: str, floor: SecurityProfile) -> SecurityProfile:
        station = self._registered(identity)
        self._raise(station, floor)
        return station.floor

    async def record_connected(self, identity: str, profile: SecurityProfile, at: datetime) -> None:
        self._check_open()
        if (station := self._stations.get(identity)) is not None:
            self._stations[identity] = replace(station, observed=profile, last_seen_at=at)

    async def record_boot(self, identity: str, facts: BootFacts) -> None:
        self._check_open()
        if (station := self._stations.get(identity)) is not None:
            self._stations[identity] = replace(
                station,
                observed=facts.profile,
                registered_at=facts.at,
                last_seen_at=facts.at,
                vendor=facts.vendor,
                model=facts.model,
                firmware_version=facts.firmware_version,
                reported_serial_number=facts.serial_number,
                boot_reason=facts.reason,
            )

    # -- attempts ---------------------------------------------------------------------------------------
    async def record_attempt(self, attempt: Attempt) -> None:
        self._check_open()
        known = attempt.identity is not None and attempt.identity in self._stations
        share = ("identity", str(attempt.identity)) if known else ("address", attempt.address)
        self._attempts[self._next_attempt] = _Kept(attempt, share)
        numbers = self._shares.setdefault(share, deque())
        numbers.append(self._next_attempt)
        self._next_attempt += 1
        if len(numbers) > ATTEMPTS_KEPT:
            del self._attempts[numbers.popleft()]
        if len(self._attempts) > ATTEMPTS_KEPT_IN_ALL:
            self._drop_oldest_attempt()

    async def attempts(self, identity: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        return self._newest(limit, (kept for kept in self._kept() if kept.identity == identity))

    async def attempts_from(self, address: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        return self._newest(limit, (kept for kept in self._kept() if kept.address == address))

    # -- certificates -----------------------------------------------------------------------------------
    async def add_certificate(self, certificate: CertificateRecord) -> None:
        self._registered(certificate.identity)
        if await self.key_is_known(certificate.public_key_sha256):
            raise KeyAlreadyUsed("a certificate was issued for this public key before")
        self._certificates[certificate.fingerprint] = certificate

    async def certificates(self, identity: str) -> list[CertificateRecord]:
        self._check_open()
        return list(_newest_first(self._of(identity)))

    async def certificates_by_serial(self, serial_number: str) -> list[CertificateRecord]:
        self._check_open()
        return [known for known in self._certificates.values() if known.serial_number == serial_number]

    async def ledger(
        self, *, after: str | None = None, limit: int = 100, state: CertificateState | None = None
    ) -> list[CertificateRecord]:
        self._check_open()
        behind = sorted(each for each in self._certificates if after is None or each > after)
        wanted = [self._certificates[each] for each in behind]
        return [each for each in wanted if state is None or each.state is state][: max(0, limit)]

    async def key_is_known(self, public_key_sha256: str) -> bool:
        self._check_open()
        return any(known.public_key_sha256 == public_key_sha256 for known in self._certificates.values())

    async def activate_certificate(self, fingerprint: str, at: datetime) -> None:
        self._check_open()
        seen = self._certificates.get(fingerprint)
        if seen is None or seen.state is not CertificateState.PENDING:
            return
        for other in self._of(seen.identity):
            if other.state is CertificateState.ACTIVE:
                self._certificates[other.fingerprint] = replace(other, state=CertificateState.SUPERSEDED)
        self._certificates[fingerprint] = replace(seen, state=CertificateState.ACTIVE, activated_at=at)

    async def set_certificate_state(
        self, fingerprint: str, state: CertificateState, *, at: datetime, reason: str | None = None
    ) -> bool:
        self._check_open()
        certificate = self._certificates.get(fingerprint)
        if certificate is None:
            return False
        if state is CertificateState.REVOKED:
            self._revoke(certificate, at, reason)
        elif certificate.state is not CertificateState.REVOKED:
            self._certificates[fingerprint] = replace(certificate, state=state)
        return True

    # -- security events --------------------------------------------------------------------------------
    async def add_security_event(self, event: SecurityEventRecord) -> None:
        self._check_open()
        self._security_events.append(event)
        of_station = [each for each in self._security_events if each.identity == event.identity]
        if len(of_station) > SECURITY_EVENTS_KEPT:
            self._security_events.remove(of_station[0])

    async def security_events(
        self, identity: str | None = None, *, limit: int = 100
    ) -> list[SecurityEventRecord]:
        self._check_open()
        events = [each for each in self._security_events if identity is None or each.identity == identity]
        return events[::-1][: max(0, limit)]

    # -- upgrades ---------------------------------------------------------------------------------------
    async def begin_upgrade(self, upgrade: Upgrade, steps: Sequence[UpgradeStep] = ()) -> Upgrade:
        station = self._registered(upgrade.identity)
        if await self.open_upgrade(upgrade.identity) is not None:
            raise UpgradeInProgress(f"station {upgrade.identity!r} has an open upgrade")
        if upgrade.target > station.target:
            self._stations[station.identity] = replace(station, target=upgrade.target)
        self._upgrades[upgrade.id] = upgrade
        self._steps[upgrade.id] = list(steps)
        return upgrade

    async def save_upgrade(self, change: UpgradeChange) -> Upgrade:
        self._check_open()
        stored = self._upgrades.get(change.upgrade.id)
        if stored is None or stored.version != change.upgrade.version:
            raise Superseded(f"upgrade {change.upgrade.id} was saved by somebody else, or is gone")
        station = self._stations.get(stored.identity)
        rival = await self.open_upgrade(stored.identity)
        if change.upgrade.status is UpgradeStatus.OPEN and rival is not None and rival.id != stored.id:
            raise UpgradeInProgress(f"station {stored.identity!r} has another open upgrade")
        saved = replace(
            change.upgrade,
            identity=stored.identity,
            target=stored.target,
            started_at=stored.started_at,
            version=stored.version + 1,
        )
        self._upgrades[saved.id] = saved
        self._steps[saved.id].extend(change.steps)
        if station is not None and change.raise_floor_to is not None:
            self._raise(station, change.raise_floor_to)
        return saved

    async def upgrade(self, upgrade_id: str) -> Upgrade | None:
        self._check_open()
        return self._upgrades.get(upgrade_id)

    async def upgrades(self, identity: str, *, limit: int = 20) -> list[Upgrade]:
        self._check_open()
        of_station = [upgrade for upgrade in self._upgrades.values() if upgrade.identity == identity]
        return of_station[::-1][: max(0, limit)]

    async def open_upgrade(self, identity: str) -> Upgrade | None:
        return next((upgrade for upgrade in await self.open_upgrades() if upgrade.identity == identity), None)

    async def open_upgrades(self) -> list[Upgrade]:
        self._check_open()
        return [upgrade for upgrade in self._upgrades.values() if upgrade.status is UpgradeStatus.OPEN]

    async def upgrade_steps(self, upgrade_id: str) -> list[UpgradeStep]:
        self._check_open()
        return list(self._steps.get(upgrade_id, ()))

    # -- renewals ---------------------------------------------------------------------------------------
    async def certificates_due(self, now: datetime, *, limit: int) -> list[CertificateRecord]:
        busy = {renewal.identity for renewal in await self.open_renewals()}
        found = [
            known
            for known in self._certificates.values()
            if known.state is CertificateState.ACTIVE
            and known.renew_at is not None
            and known.renew_at <= now
            and known.identity in self._stations
            and known.identity not in busy
        ]
        return sorted(found, key=lambda known: known.not_after)[: max(0, limit)]

    async def begin_renewal(self, renewal: Renewal) -> Renewal:
        self._registered(renewal.identity)
        if any(known.identity == renewal.identity for known in await self.open_renewals()):
            raise RenewalInProgress(f"station {renewal.identity!r} has an open renewal")
        self._renewals[renewal.id] = renewal
        return renewal

    async def save_renewal(self, renewal: Renewal) -> Renewal:
        self._check_open()
        stored = self._renewals.get(renewal.id)
        if stored is None or stored.version != renewal.version:
            raise Superseded(f"renewal {renewal.id} was saved by somebody else, or is gone")
        saved = replace(
            renewal,
            identity=stored.identity,
            fingerprint=stored.fingerprint,
            started_at=stored.started_at,
            version=stored.version + 1,
        )
        self._renewals[saved.id] = saved
        return saved

    async def open_renewals(self) -> list[Renewal]:
        self._check_open()
        return [renewal for renewal in self._renewals.values() if renewal.open]

    async def renewals(self, identity: str, *, limit: int = 20) -> list[Renewal]:
        self._check_open()
        of_station = [renewal for renewal in self._renewals.values() if renewal.identity == identity]
        return of_station[::-1][: max(0, limit)]

    # -- campaigns --------------------------------------------------------------------------------------
    async def begin_campaign(
        self, campaign: Campaign, members: Sequence[CampaignMember], lines: Sequence[CampaignLine] = ()
    ) -> Campaign:
        self._check_open()
        self._campaigns[campaign.id] = campaign
        self._members[campaign.id] = {member.position: member for member in members}
        self._lines[campaign.id] = list(lines)
        return campaign

    async def save_campaign(self, change: CampaignChange) -> Campaign:
        self._check_open()
        stored = self._campaigns.get(change.campaign.id)
        if stored is None or stored.version != change.campaign.version:
            raise Superseded(f"campaign {change.campaign.id} was saved by somebody else, or is gone")
        saved = replace(change.campaign, version=stored.version + 1)
        self._campaigns[saved.id] = saved
        self._members[saved.id].update({member.position: member for member in change.members})
        self._lines[saved.id].extend(change.lines)
        return saved

    async def campaign(self, campaign_id: str) -> Campaign | None:
        self._check_open()
        return self._campaigns.get(campaign_id)

    async def campaigns(self, *, limit: int = 20) -> list[Campaign]:
        self._check_open()
        return list(self._campaigns.values())[::-1][: max(0, limit)]

    async def open_campaigns(self) -> list[Campaign]:
        self._check_open()
        return [campaign for campaign in self._campaigns.values() if campaign.ended_at is None]

    async def campaign_members(
        self,
        campaign_id: str,
        *,
        status: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[CampaignMember]:
        self._check_open()
        found = [
            member
            for position, member in sorted(self._members.get(campaign_id, {}).items())
            if (after is None or position > after) and status in (None, member.status)
        ]
        return found if limit is None else found[: max(0, limit)]

    async def campaign_lines(self, campaign_id: str) -> list[CampaignLine]:
        self._check_open()
        return list(self._lines.get(campaign_id, ()))

    # -- house ------------------------------------------------------------------------------------------
    async def ping(self) -> None:
        self._check_open()

    async def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _registered(self, identity: str) -> Station:
        self._check_open()
        station = self._stations.get(identity)
        if station is None:
            raise NotRegistered(f"no station {identity!r} is registered")
        return station

    def _raise(self, station: Station, floor: SecurityProfile) -> None:
        raised = max(station.floor, floor)
        self._stations[station.identity] = replace(station, floor=raised, target=max(station.target, raised))

    def _of(self, identity: str) -> list[CertificateRecord]:
        return [known for known in self._certificates.values() if known.identity == identity]

    def _revoke(self, certificate: CertificateRecord, at: datetime | None, reason: str | None) -> None:
        if certificate.state is not CertificateState.REVOKED:
            self._certificates[certificate.fingerprint] = replace(
                certificate, state=CertificateState.REVOKED, revoked_at=at, revocation_reason=reason
            )

    def _kept(self) -> Iterable[Attempt]:
        return (kept.attempt for kept in reversed(self._attempts.values()))

    def _newest(self, limit: int, attempts: Iterable[Attempt]) -> list[Attempt]:
        return [attempt for attempt, _ in zip(attempts, range(limit), strict=False)]

    def _drop_oldest_attempt(self) -> None:
        number = next(iter(self._attempts))
        share = self._attempts.pop(number).share
        self._shares[share].remove(number)
        if not self._shares[share]:
            del self._shares[share]


def _newest_first(certificates: Iterable[CertificateRecord]) -> tuple[CertificateRecord, ...]:
    return tuple(sorted(certificates, key=lambda known: known.issued_at))[::-1]
