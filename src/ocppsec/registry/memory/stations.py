"""Stations in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import AdmissionRecord, Onboarding
from ocppsec.registry.memory.certificates import Certificates, newest_first
from ocppsec.registry.records import BootFacts, NewStation, Station
from ocppsec.registry.store import AlreadyRegistered, Superseded


class Stations(Certificates):
    def __init__(self) -> None:
        super().__init__()
        self._passwords: dict[str, tuple[str, ...]] = {}

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
            target=station.profile if station.target is None else station.target,
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
        self._forget(identity, at)
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
            target=station.highest,
            password_hashes=self._passwords[identity],
            certificates=newest_first(self._of(identity)),
            registered=station.registered_at is not None,
            onboarding=self._entry(identity),
            expired_until=self._expired_until(identity),
        )

    def _entry(self, identity: str) -> Onboarding | None:  # noqa: ARG002  another area keeps them
        return None

    def _expired_until(self, identity: str) -> datetime | None:  # noqa: ARG002  the same
        return None

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
