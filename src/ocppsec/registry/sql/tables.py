"""The tables, as the newest migration leaves them; a test holds the two together."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateState, Stage, Way
from ocppsec.registry.records import AttemptOutcome, ErrandStatus, OrderState, RequestState, UpgradeStatus


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as UTC: SQLite has no time zones, PostgreSQL gets ``timestamptz``."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without time zone is not stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[StrEnum]):
    """One of a few words, kept as text."""

    impl = String(20)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else str(self.words(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        del dialect
        return None if value is None else self.words(value)


class Profile(TypeDecorator[SecurityProfile]):
    """A security profile, as the number the standard gives it."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else int(SecurityProfile(value))

    def process_result_value(self, value: int | None, dialect: Dialect) -> SecurityProfile | None:
        del dialect
        return None if value is None else SecurityProfile(value)


class Texts(TypeDecorator[tuple[str, ...]]):
    """A few sentences, kept as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:
        del dialect
        return json.dumps(value or (), ensure_ascii=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        del dialect
        return () if value is None else tuple(json.loads(value))


class Labels(TypeDecorator[Mapping[str, str]]):
    """A few names with their values, kept as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> str:
        del dialect
        return json.dumps(dict(value or {}), sort_keys=True, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, str]:
        del dialect
        return {} if value is None else dict(json.loads(value))


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _needed(name: str, kind: Any, *more: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *more, nullable=False, **options)


stations: Final = Table(
    "stations",
    metadata,
    Column("identity", String(48), primary_key=True),
    _needed("serial_number", String(64), unique=True),
    _needed("floor", Profile),
    _needed("target", Profile),
    Column("observed", Profile),
    _needed("added_at", Moment),
    Column("registered_at", Moment),
    Column("last_seen_at", Moment),
    Column("vendor", Text),
    Column("model", Text),
    Column("firmware_version", Text),
    Column("reported_serial_number", Text),
    Column("boot_reason", Text),
    _needed("labels", Labels, server_default="{}"),
    Column("open_to", Profile),
    CheckConstraint("floor BETWEEN 0 AND 3 AND target BETWEEN floor AND 3", name="profiles"),
)

passwords: Final = Table(
    "passwords",
    metadata,
    Column("identity", String(48), ForeignKey("stations.identity", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _needed("password_hash", Text),
)

certificates: Final = Table(
    "certificates",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("fingerprint", String(64), unique=True),
    # Without a foreign key: what was issued stays known when its station is gone.
    _needed("identity", String(48), index=True),
    _needed("serial_number", String(64)),
    _needed("subject", Text),
    _needed("public_key_sha256", String(64), unique=True),
    _needed("not_before", Moment),
    _needed("not_after", Moment),
    _needed("state", Word(CertificateState)),
    _needed("issued_at", Moment),
    _needed("chain", Text),
    Column("activated_at", Moment),
    Column("revoked_at", Moment),
    Column("revocation_reason", Text),
    Column("renew_at", Moment),
    Index("ix_certificates_state_renew_at", "state", "renew_at"),
    Index("ix_certificates_serial_number", "serial_number"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("share", String(80)),
    _needed("at", Moment),
    _needed("outcome", Word(AttemptOutcome)),
    _needed("door", Text),
    _needed("address", Text),
    Column("identity", String(48)),
    Column("profile", Profile),
    _needed("reason", Text),
    _needed("presented", Text),
    _needed("expected", Text),
    _needed("advice", Text),
    Index("ix_attempts_share_number", "share", "number"),
    Index("ix_attempts_identity_number", "identity", "number"),
    Index("ix_attempts_address_number", "address", "number"),
)
"""`share` is whose 50 places the attempt takes: ``identity:…`` or ``address:…``."""

security_events: Final = Table(
    "security_events",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("identity", String(48)),
    _needed("type", Text),
    _needed("timestamp", Moment),
    Column("tech_info", Text),
    _needed("received_at", Moment),
    Index("ix_security_events_identity_number", "identity", "number"),
)

upgrades: Final = Table(
    "upgrades",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    _needed("identity", String(48), index=True),
    _needed("target", Profile),
    _needed("status", Word(UpgradeStatus)),
    _needed("step", Text),
    _needed("reason", Text),
    _needed("state", Text),
    _needed("version", Integer),
    Column("deadline", Moment),
    _needed("started_at", Moment),
    Column("ended_at", Moment),
    Index(
        "uq_upgrades_open",
        "identity",
        unique=True,
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
)

upgrade_steps: Final = Table(
    "upgrade_steps",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("upgrade", String(64), ForeignKey("upgrades.id", ondelete="CASCADE"), index=True),
    _needed("at", Moment),
    _needed("step", Text),
    _needed("detail", Text),
    Column("messages", Text),
)

renewals: Final = Table(
    "renewals",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    _needed("identity", String(48), index=True),
    _needed("fingerprint", String(64)),
    _needed("open", Boolean),
    _needed("step", Text),
    _needed("reason", Text),
    _needed("failures", Integer),
    _needed("state", Text),
    _needed("version", Integer),
    Column("deadline", Moment),
    _needed("started_at", Moment),
    Column("ended_at", Moment),
    Index(
        "uq_renewals_open",
        "identity",
        unique=True,
        sqlite_where=text("open"),
        postgresql_where=text("open"),
    ),
)

signing_orders: Final = Table(
    "signing_orders",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    # Without a foreign key: what another CA signed stays known when its station is gone.
    _needed("identity", String(48), index=True),
    _needed("issuer", Text),
    _needed("public_key_sha256", String(64), index=True),
    _needed("state", Word(OrderState)),
    _needed("reason", Text),
    _needed("asked_at", Moment),
    Column("ended_at", Moment),
    Column("certificate", Text),
    Column("fingerprint", String(64)),
    _needed("revocation", Text, server_default=""),
    Index("ix_signing_orders_state_revocation", "state", "revocation"),
)

certificate_requests: Final = Table(
    "certificate_requests",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    # Without a foreign key: what was refused or denied stays known when its station is gone.
    _needed("identity", String(48)),
    _needed("csr", Text),
    Column("public_key_sha256", String(64)),
    _needed("state", Word(RequestState)),
    _needed("reasons", Texts),
    _needed("received_at", Moment),
    Column("repeated_at", Moment),
    _needed("times", Integer),
    Column("decided_at", Moment),
    Column("fingerprint", String(64)),
    Index("ix_certificate_requests_identity_public_key_sha256", "identity", "public_key_sha256"),
    Index("ix_certificate_requests_state", "state"),
)

onboarding: Final = Table(
    "onboarding",
    metadata,
    Column("identity", String(48), ForeignKey("stations.identity", ondelete="CASCADE"), primary_key=True),
    _needed("way", Word(Way)),
    _needed("stage", Word(Stage), index=True),
    _needed("target", Profile),
    _needed("until", Moment),
    _needed("most_connections", Integer),
    _needed("added_at", Moment),
    _needed("connections", Integer),
    Column("password_hash", Text),
    Column("manufacturer", String(64)),
    _needed("reason", Text),
    Column("first_at", Moment),
    Column("own_at", Moment),
    Column("ended_at", Moment),
    _needed("version", Integer),
)

allowances: Final = Table(
    "allowances",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    # Without a foreign key: that it was given and used stays told when its station is gone.
    _needed("identity", String(48), index=True),
    _needed("until", Moment),
    _needed("given_at", Moment),
    _needed("uses", Integer),
    Column("used_at", Moment),
    Column("ended_at", Moment),
    _needed("how", String(20)),
    Index(
        "uq_allowances_open",
        "identity",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

campaigns: Final = Table(
    "campaigns",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    _needed("name", Text),
    _needed("target", Profile),
    _needed("status", String(20)),
    _needed("reason", Text),
    _needed("state", Text),
    _needed("version", Integer),
    _needed("started_at", Moment),
    Column("ended_at", Moment),
)

campaign_members: Final = Table(
    "campaign_members",
    metadata,
    Column("campaign", String(64), ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    # Without a foreign key: what became of a station stays told when it is gone.
    _needed("identity", String(48)),
    _needed("status", String(20)),
    _needed("reason", Text),
    _needed("state", Text),
)

campaign_lines: Final = Table(
    "campaign_lines",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("campaign", String(64), ForeignKey("campaigns.id", ondelete="CASCADE"), index=True),
    _needed("at", Moment),
    _needed("what", Text),
    _needed("detail", Text),
)

rollovers: Final = Table(
    "rollovers",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    _needed("phase", String(20)),
    _needed("open", Boolean),
    _needed("state", Text),
    _needed("version", Integer),
    _needed("started_at", Moment),
    Column("ended_at", Moment),
    Index("uq_rollovers_open", "open", unique=True, sqlite_where=text("open"), postgresql_where=text("open")),
)

rollover_stations: Final = Table(
    "rollover_stations",
    metadata,
    Column("rollover", String(64), ForeignKey("rollovers.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "identity",
        String(48),
        ForeignKey("stations.identity", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    _needed("step", Text),
    _needed("reason", Text),
    _needed("state", Text),
    Column("deadline", Moment),
    Column("met_at", Moment),
)

trust_reports: Final = Table(
    "trust_reports",
    metadata,
    Column("identity", String(48), ForeignKey("stations.identity", ondelete="CASCADE"), primary_key=True),
    _needed("at", Moment),
    _needed("roots", Text),
)

errands: Final = Table(
    "errands",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("id", String(64), unique=True),
    # Without a foreign key: how an errand ended stays told when its station is gone.
    _needed("identity", String(48), index=True),
    _needed("kind", String(20)),
    _needed("status", Word(ErrandStatus)),
    _needed("reason", Text),
    _needed("state", Text),
    _needed("version", Integer),
    _needed("started_at", Moment),
    Column("ended_at", Moment),
)

interventions: Final = Table(
    "interventions",
    metadata,
    Column("number", Integer, primary_key=True),
    _needed("at", Moment),
    # Without a foreign key: what was done stays told when its station is gone.
    _needed("identity", String(48), index=True),
    _needed("what", String(32)),
    _needed("by", Text),
    _needed("reason", Text),
    _needed("detail", Text),
)

kinds: Final = Table(
    "kinds",
    metadata,
    Column("vendor", String(100), primary_key=True),
    Column("model", String(100), primary_key=True),
    Column("firmware_version", String(100), primary_key=True),
    _needed("facts", Text),
    _needed("done", Integer),
    _needed("failed", Integer),
    _needed("reason", Text),
    _needed("updated_at", Moment),
)
