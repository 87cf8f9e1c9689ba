"""The store on SQL: each method names its query, its reader or its writer, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import AdmissionRecord, CertificateRecord, CertificateState, Onboarding, Stage
from ocppsec.registry.records import (
    Allowance,
    Attempt,
    BootFacts,
    Campaign,
    CampaignChange,
    CampaignLine,
    CampaignMember,
    CertificateRequest,
    Errand,
    Intervention,
    Kind,
    NewStation,
    OrderState,
    Renewal,
    RequestState,
    Rollover,
    RolloverStation,
    SecurityEventRecord,
    SigningOrder,
    Station,
    TrustReport,
    Upgrade,
    UpgradeChange,
    UpgradeStep,
)
from ocppsec.registry.sql import (
    allowances,
    attempts,
    campaigns,
    certificates,
    errands,
    events,
    interventions,
    kinds,
    onboarding,
    orders,
    renewals,
    requests,
    rollovers,
    stations,
    upgrades,
)
from ocppsec.registry.sql.admissions import Admissions
from ocppsec.registry.sql.engine import Database, connect, outages, understood
from ocppsec.registry.sql.late import Late
from ocppsec.registry.sql.migrate import migrate
from ocppsec.registry.sql.writer import Writer
from ocppsec.registry.store import (
    AlreadyRegistered,
    KeyAlreadyUsed,
    RegistryError,
    StoreUnavailable,
)

P = ParamSpec("P")
T = TypeVar("T")
Query = Callable[Concatenate[AsyncConnection, P], Awaitable[T]]


class SqlStore:
    """See `ocppsec.registry.store.Store`.  Open one with `SqlStore.open`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._admissions = Admissions(database)
        self._writer = Writer(database)
        self._late = Late(self._writer)
        self._reading = 0
        self._nobody_reads = asyncio.Event()
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the SQLite database at *path*, and bring its schema up to date.

        Raises `StoreUnavailable`, also when a newer version of ocppsec has written it.
        """
        database = connect(path)
        store = cls(database)
        try:
            with outages():
                async with database.write.begin() as connection:
                    await connection.run_sync(migrate)
                    await attempts.trim_all(connection)
        except BaseException:
            await database.dispose()
            raise
        return store

    # -- stations ---------------------------------------------------------------------------------------
    async def add_station(self, station: NewStation) -> Station:
        taken = AlreadyRegistered(f"identity {station.identity!r} or its serial number is registered")
        return await self._write(taken, stations.add, station)

    async def station(self, identity: str) -> Station | None:
        found = await self._read(stations.one, identity)
        return None if found is None else self._with_late(found)

    async def stations(self, *, after: str | None = None, limit: int = 100) -> list[Station]:
        return [self._with_late(each) for each in await self._read(stations.some, after, limit)]

    async def remove_station(self, identity: str, *, at: datetime | None = None) -> bool:
        return await self._write(None, stations.remove, identity, at)

    async def admission_record(self, identity: str) -> AdmissionRecord | None:
        self._check_open()
        return await self._admissions.record(identity)

    async def certificate_owner(self, fingerprint: str) -> CertificateRecord | None:
        return await self._read(certificates.by_fingerprint, fingerprint)

    async def set_password_hash(self, identity: str, password_hash: str) -> None:
        await self._write(None, stations.set_password_hash, identity, password_hash)

    async def replace_passwords(self, identity: str, before: Sequence[str], after: Sequence[str]) -> None:
        await self._write(None, stations.replace_passwords, identity, before, after)

    async def set_target(self, identity: str, target: SecurityProfile) -> None:
        await self._write(None, stations.set_target, identity, target)

    async def set_labels(self, identity: str, labels: Mapping[str, str]) -> None:
        await self._write(None, stations.set_labels, identity, labels)

    async def raise_floor(self, identity: str, floor: SecurityProfile) -> SecurityProfile:
        before = await self._write(None, stations.raise_floor, identity, floor)
        if before is None:
            raise stations.not_registered(identity)
        return before

    async def record_connected(self, identity: str, profile: SecurityProfile, at: datetime) -> None:
        self._check_open()
        self._late.connected(identity, profile, at)

    async def record_boot(self, identity: str, facts: BootFacts) -> None:
        self._check_open()
        self._late.booted(identity)
        await self._writer.execute(stations.RECORD_BOOT, stations.boot_values(identity, facts))

    # -- attempts ---------------------------------------------------------------------------------------
    async def record_attempt(self, attempt: Attempt) -> None:
        self._check_open()
        self._late.attempt(attempt)

    async def attempts(self, identity: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        await self._late.flush()
        return await self._read(attempts.newest, limit, identity=identity)

    async def attempts_from(self, address: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        await self._late.flush()
        return await self._read(attempts.newest, limit, address=address)

    # -- certificates -----------------------------------------------------------------------------------
    async def add_certificate(self, certificate: CertificateRecord) -> None:
        used = KeyAlreadyUsed("a certificate was issued for this public key before")
        await self._write(used, certificates.add, certificate)

    async def certificates(self, identity: str) -> list[CertificateRecord]:
        return await self._read(certificates.of_station, identity)

    async def certificates_by_serial(self, serial_number: str) -> list[CertificateRecord]:
        return await self._read(certificates.by_serial, serial_number)

    async def ledger(
        self, *, after: str | None = None, limit: int = 100, state: CertificateState | None = None
    ) -> list[CertificateRecord]:
        return await self._read(certificates.some, after, limit, state)

    async def certificates_ending(self, by: datetime, *, limit: int) -> list[CertificateRecord]:
        return await self._read(certificates.ending, by, limit)

    async def count_ending(self, by: Sequence[datetime]) -> list[int]:
        return await self._read(certificates.count_ending, by)

    async def key_is_known(self, public_key_sha256: str) -> bool:
        return await self._read(certificates.key_is_known, public_key_sha256)

    async def activate_certificate(self, fingerprint: str, at: datetime) -> None:
        await self._write(None, certificates.activate, fingerprint, at)

    async def set_certificate_state(
        self, fingerprint: str, state: CertificateState, *, at: datetime, reason: str | None = None
    ) -> bool:
        return await self._write(None, certificates.set_state, fingerprint, state, at, reason)

    # -- security events --------------------------------------------------------------------------------
    async def add_security_event(self, event: SecurityEventRecord) -> None:
        await self._write(None, events.add, event)

    async def security_events(
        self, identity: str | None = None, *, limit: int = 100
    ) -> list[SecurityEventRecord]:
        return await self._read(events.newest, identity, limit)

    # -- upgrades ---------------------------------------------------------------------------------------
    async def begin_upgrade(self, upgrade: Upgrade, steps: Sequence[UpgradeStep] = ()) -> Upgrade:
        return await self._write(upgrades.in_progress(upgrade.identity), upgrades.begin, upgrade, steps)

    async def save_upgrade(self, change: UpgradeChange) -> Upgrade:
        return await self._write(upgrades.in_progress(change.upgrade.identity), upgrades.save, change)

    async def upgrade(self, upgrade_id: str) -> Upgrade | None:
        return await self._read(upgrades.one, upgrade_id)

    async def upgrades(self, identity: str, *, limit: int = 20) -> list[Upgrade]:
        return await self._read(upgrades.of_station, identity, limit)

    async def open_upgrade(self, identity: str) -> Upgrade | None:
        return await self._read(upgrades.open_of, identity)

    async def open_upgrades(self) -> list[Upgrade]:
        return await self._read(upgrades.all_open)

    async def upgrade_steps(self, upgrade_id: str) -> list[UpgradeStep]:
        return await self._read(upgrades.steps_of, upgrade_id)

    # -- renewals ---------------------------------------------------------------------------------------
    async def certificates_due(self, now: datetime, *, limit: int) -> list[CertificateRecord]:
        return await self._read(renewals.certificates_due, now, limit)

    async def begin_renewal(self, renewal: Renewal) -> Renewal:
        return await self._write(renewals.in_progress(renewal.identity), renewals.begin, renewal)

    async def save_renewal(self, renewal: Renewal) -> Renewal:
        return await self._write(None, renewals.save, renewal)

    async def open_renewals(self) -> list[Renewal]:
        return await self._read(renewals.all_open)

    async def renewals(self, identity: str, *, limit: int = 20) -> list[Renewal]:
        return await self._read(renewals.of_station, identity, limit)

    # -- onboarding -------------------------------------------------------------------------------------
    async def add_onboarding(self, station: NewStation, entry: Onboarding) -> Station:
        taken = AlreadyRegistered(f"identity {station.identity!r} or its serial number is registered")
        return await self._write(taken, onboarding.add, station, entry)

    async def onboarding(self, identity: str) -> Onboarding | None:
        return await self._read(onboarding.one, identity)

    async def onboardings(
        self, *, after: str | None = None, limit: int = 100, stage: Stage | None = None
    ) -> list[Onboarding]:
        return await self._read(onboarding.some, after, limit, stage)

    async def save_onboarding(self, entry: Onboarding) -> Onboarding:
        return await self._write(None, onboarding.save, entry)

    # -- allowances -------------------------------------------------------------------------------------
    async def give_allowance(self, allowance: Allowance) -> Allowance:
        return await self._write(None, allowances.give, allowance)

    async def use_allowance(self, allowance_id: str, at: datetime) -> bool:
        return await self._write(None, allowances.use, allowance_id, at)

    async def end_allowance(self, allowance_id: str, at: datetime, how: str) -> bool:
        return await self._write(None, allowances.end, allowance_id, at, how)

    async def open_allowances(self) -> list[Allowance]:
        return await self._read(allowances.all_open)

    async def allowances(self, identity: str, *, limit: int = 20) -> list[Allowance]:
        return await self._read(allowances.of_station, identity, limit)

    # -- campaigns --------------------------------------------------------------------------------------
    async def begin_campaign(
        self, campaign: Campaign, members: Sequence[CampaignMember], lines: Sequence[CampaignLine] = ()
    ) -> Campaign:
        return await self._write(None, campaigns.begin, campaign, members, lines)

    async def save_campaign(self, change: CampaignChange) -> Campaign:
        return await self._write(None, campaigns.save, change)

    async def campaign(self, campaign_id: str) -> Campaign | None:
        return await self._read(campaigns.one, campaign_id)

    async def campaigns(self, *, limit: int = 20) -> list[Campaign]:
        return await self._read(campaigns.newest, limit)

    async def open_campaigns(self) -> list[Campaign]:
        return await self._read(campaigns.all_open)

    async def campaign_members(
        self,
        campaign_id: str,
        *,
        status: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[CampaignMember]:
        return await self._read(campaigns.members_of, campaign_id, status, after, limit)

    async def campaign_counts(self, campaign_id: str) -> Mapping[str, int]:
        return await self._read(campaigns.counts_of, campaign_id)

    async def campaign_lines(self, campaign_id: str) -> list[CampaignLine]:
        return await self._read(campaigns.lines_of, campaign_id)

    async def begin_errand(self, errand: Errand) -> Errand:
        return await self._write(None, errands.begin, errand)

    async def save_errand(self, errand: Errand) -> Errand:
        return await self._write(None, errands.save, errand)

    async def errand(self, errand_id: str) -> Errand | None:
        return await self._read(errands.one, errand_id)

    # -- orders at other CAs ----------------------------------------------------------------------------
    async def add_order(self, order: SigningOrder) -> None:
        await self._write(None, orders.add, order)

    async def end_order(self, order: SigningOrder) -> None:
        await self._write(None, orders.end, order)

    async def orders(
        self, *, identity: str | None = None, state: OrderState | None = None, limit: int = 100
    ) -> list[SigningOrder]:
        return await self._read(orders.some, identity, state, limit)

    async def order_for_key(self, public_key_sha256: str) -> SigningOrder | None:
        return await self._read(orders.for_key, public_key_sha256)

    async def orders_to_revoke(
        self, *, limit: int, untaken_before: datetime | None = None
    ) -> list[SigningOrder]:
        return await self._read(orders.to_revoke, limit, untaken_before)

    async def set_order_revocation(self, order_id: str, words: str) -> None:
        await self._write(None, orders.set_revocation, order_id, words)

    # -- root rollover ----------------------------------------------------------------------------------
    async def begin_rollover(self, rollover: Rollover) -> Rollover:
        return await self._write(rollovers.in_progress(), rollovers.begin, rollover)

    async def save_rollover(self, rollover: Rollover) -> Rollover:
        return await self._write(None, rollovers.save, rollover)

    async def open_rollover(self) -> Rollover | None:
        return await self._read(rollovers.the_open_one)

    async def rollovers(self, *, limit: int = 20) -> list[Rollover]:
        return await self._read(rollovers.newest, limit)

    async def save_rollover_station(self, station: RolloverStation) -> None:
        await self._write(stations.not_registered(station.identity), rollovers.save_station, station)

    async def rollover_stations(self, rollover_id: str) -> list[RolloverStation]:
        return await self._read(rollovers.stations_of, rollover_id)

    async def save_trust(self, report: TrustReport) -> None:
        await self._write(None, rollovers.save_trust, report)

    async def trust_of(self, identity: str) -> TrustReport | None:
        return await self._read(rollovers.trust_of, identity)

    async def trust(self, *, after: str | None = None, limit: int = 100) -> list[TrustReport]:
        return await self._read(rollovers.trust, after, limit)

    # -- certificate requests ---------------------------------------------------------------------------
    async def add_request(self, request: CertificateRequest) -> None:
        await self._write(None, requests.add, request)

    async def save_request(self, request: CertificateRequest, *, before: RequestState) -> None:
        await self._write(None, requests.save, request, before)

    async def request(self, request_id: str) -> CertificateRequest | None:
        return await self._read(requests.one, request_id)

    async def request_for_key(self, identity: str, public_key_sha256: str) -> CertificateRequest | None:
        return await self._read(requests.for_key, identity, public_key_sha256)

    async def requests(
        self, *, identity: str | None = None, state: RequestState | None = None, limit: int = 100
    ) -> list[CertificateRequest]:
        return await self._read(requests.some, identity, state, limit)

    # -- interventions ----------------------------------------------------------------------------------
    async def lower_floor(self, intervention: Intervention) -> SecurityProfile:
        return await self._write(None, interventions.lower_floor, intervention)

    async def record_intervention(self, intervention: Intervention) -> None:
        await self._write(None, interventions.add, intervention)

    async def interventions(self, identity: str, *, limit: int = 20) -> list[Intervention]:
        return await self._read(interventions.newest, identity, limit)

    # -- kinds of stations ------------------------------------------------------------------------------
    async def save_kind(self, kind: Kind) -> None:
        await self._write(None, kinds.save, kind)

    async def kind(self, vendor: str, model: str, firmware_version: str) -> Kind | None:
        return await self._read(kinds.one, vendor, model, firmware_version)

    async def kinds(self, *, limit: int = 1000) -> list[Kind]:
        return await self._read(kinds.some, limit)

    # -- house ------------------------------------------------------------------------------------------
    async def ping(self) -> None:
        await self._write(None, _touch)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._late.close()
        try:
            await self._late.flush()
        finally:
            await self._writer.close()
            await self._admissions.close()
            if self._reading:  # a connection that is out when the pool is given up is never closed
                await self._nobody_reads.wait()
            await self._database.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _with_late(self, station: Station) -> Station:
        late = self._late.observed(station.identity)
        return station if late is None else replace(station, observed=late[0], last_seen_at=late[1])

    async def _read(self, query: Query[P, T], *args: P.args, **named: P.kwargs) -> T:
        self._check_open()
        self._database.check_file()
        self._reading += 1
        self._nobody_reads.clear()
        try:
            with outages(), understood():
                async with self._database.read.connect() as connection:
                    return await query(connection, *args, **named)
        finally:
            self._reading -= 1
            if not self._reading:
                self._nobody_reads.set()

    async def _write(
        self, conflict: RegistryError | None, query: Query[P, T], *args: P.args, **named: P.kwargs
    ) -> T:
        self._check_open()
        work: Any = partial(_call, query, args, named)
        done: T = await self._writer.submit(work, conflict=conflict)
        return done


async def _call(query: Any, args: tuple[Any, ...], named: dict[str, Any], connection: AsyncConnection) -> Any:
    return await query(connection, *args, **named)


async def _touch(connection: AsyncConnection) -> None:
    """Something that has to reach the disk and changes nothing."""
    await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
