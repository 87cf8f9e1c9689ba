"""What the registry remembers, as frozen values.

Times are aware and UTC.  Fingerprints are lower-case hex SHA-256 over the DER certificate.  Certificate serial
numbers are upper-case hex without leading zeros.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppsec.profiles.profile import SecurityProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One registered station.  Floor, target and observed are three things."""

    identity: str
    serial_number: str
    """Registered by the operator; never taken from the station."""
    floor: SecurityProfile
    """Lowest profile this station may still use.  Never falls."""
    target: SecurityProfile
    """Where it should be."""
    observed: SecurityProfile | None
    """What its last admitted connection used; None before the first."""
    added_at: datetime
    registered_at: datetime | None = None
    """When a BootNotification was last answered Accepted; None before the first."""
    last_seen_at: datetime | None = None
    vendor: str | None = None
    model: str | None = None
    firmware_version: str | None = None
    reported_serial_number: str | None = None
    """What the station said at its last boot; evidence, never a reference."""
    boot_reason: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """What the operator says of it; campaigns choose by them."""
    open_to: SecurityProfile | None = None
    """What stays open above the target behind a step down; None where nothing does."""

    @property
    def highest(self) -> SecurityProfile:
        """Highest profile it is admitted on."""
        return self.target if self.open_to is None else max(self.target, self.open_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStation:
    identity: str
    serial_number: str
    profile: SecurityProfile
    """Becomes floor and target."""
    password_hash: str | None
    added_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    target: SecurityProfile | None = None
    """Where it differs from *profile*, which it is never below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFacts:
    """What a BootNotification said."""

    at: datetime
    profile: SecurityProfile
    vendor: str
    model: str
    firmware_version: str | None
    serial_number: str | None
    reason: str


class AttemptOutcome(StrEnum):
    ADMITTED = "admitted"
    REFUSED = "refused"
    HANDSHAKE_FAILED = "handshake-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to connect, kept so that ``why`` can explain it."""

    at: datetime
    outcome: AttemptOutcome
    door: str
    address: str
    """Host without port."""
    identity: str | None
    """As claimed in the URL; None when TLS failed before anyone said who they are."""
    profile: SecurityProfile | None
    reason: str
    """Stable code such as ``wrong-password``; empty when admitted."""
    presented: str = ""
    expected: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventRecord:
    """A04: what a station reported."""

    identity: str
    type: str
    timestamp: datetime
    tech_info: str | None
    received_at: datetime


class UpgradeStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """One upgrade operation of one station."""

    id: str
    identity: str
    target: SecurityProfile
    status: UpgradeStatus
    step: str
    """Name of the step it stands at, in words fit for people."""
    reason: str
    """Why it failed; empty otherwise."""
    state: str
    """The workflow's state as JSON; only `ocppsec.upgrades` reads it."""
    version: int
    """Counts saves; a save that names an old version is refused."""
    deadline: datetime | None
    """When the step it stands at is overdue."""
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The renewal of one station's certificate."""

    id: str
    identity: str
    fingerprint: str
    """Of the certificate to be replaced."""
    open: bool
    step: str
    """Where it stands, in words fit for people."""
    reason: str
    """Why it is stuck; empty otherwise."""
    failures: int
    """How often it was tried in vain."""
    state: str
    """The workflow's state as JSON; only `ocppsec.upgrades` reads it."""
    version: int
    """Counts saves; a save that names an old version is refused."""
    deadline: datetime | None
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A00.FR.429: one station may come in with an expired certificate, for a time."""

    id: str
    identity: str
    until: datetime
    given_at: datetime
    uses: int = 0
    """How often it came in by it."""
    used_at: datetime | None = None
    """When it last did."""
    ended_at: datetime | None = None
    how: str = ""
    """How it ended: ``renewed``, ``time-passed``, ``withdrawn``, ``replaced``, ``station-removed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeStep:
    """One line of an upgrade's history."""

    at: datetime
    step: str
    detail: str = ""
    messages: str | None = None
    """What was said at it, a JSON list; see `ocppsec.csms.messages_told`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeChange:
    """What one decision changes, saved as a whole before any effect is carried out."""

    upgrade: Upgrade
    """With the version that was read; the store saves version + 1."""
    steps: tuple[UpgradeStep, ...] = ()
    raise_floor_to: SecurityProfile | None = field(default=None)
    """Saved in the same transaction: an upgrade is never done with the old floor."""
    lower_target_to: SecurityProfile | None = field(default=None)
    """Behind a step down, not below the floor.  What was open above it stays open: the station may come back there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign over many stations."""

    id: str
    name: str
    target: SecurityProfile | None
    """Where its stations are raised to; None when it does something else with them."""
    status: str
    reason: str
    """Why it stands still or has ended; empty otherwise."""
    state: str
    """The campaign's run as JSON; only `ocppsec.upgrades.campaign` reads it."""
    version: int
    """Counts saves; a save that names an old version is refused."""
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMember:
    """One station of a campaign."""

    identity: str
    position: int
    status: str
    reason: str
    state: str
    """As `Campaign.state`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLine:
    """One line of a campaign's history."""

    at: datetime
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignChange:
    """What one decision changes, saved as a whole before any effect is carried out."""

    campaign: Campaign
    """With the version that was read; the store saves version + 1."""
    members: tuple[CampaignMember, ...] = ()
    """Those that changed."""
    joined: tuple[CampaignMember, ...] = ()
    """Late comers: new rows."""
    lines: tuple[CampaignLine, ...] = ()


class ErrandStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    """Failed, and the station did not come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a campaign does at one station, of the kinds that have no other row to tell how it went."""

    id: str
    identity: str
    kind: str
    status: ErrandStatus
    reason: str
    """Why it failed; empty otherwise."""
    state: str
    """How far it is, as JSON; only `ocppsec.csms.errands` reads it."""
    version: int
    """Counts saves; a save that names an old version is refused."""
    started_at: datetime
    ended_at: datetime | None = None


class OrderState(StrEnum):
    ASKED = "asked"
    """Kept before the CA is asked; what came of it is not known here."""
    ISSUED = "issued"
    REFUSED = "refused"
    """The CA has surely signed nothing."""
    UNKNOWN = "unknown"
    """The CA may have signed; nobody here has the certificate, so nobody can use it."""
    UNUSED = "unused"
    """The CA has signed something that was not taken; it is to revoke that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOrder:
    """One time another CA was asked for a certificate."""

    id: str
    identity: str
    issuer: str
    """In words."""
    public_key_sha256: str
    state: OrderState
    reason: str
    """Why there is no certificate; empty otherwise."""
    asked_at: datetime
    ended_at: datetime | None = None
    certificate: str | None = None
    """PEM of the leaf, where one was answered."""
    fingerprint: str | None = None
    """Of a certificate that was taken."""
    revocation: str = ""
    """What came of telling the CA that it is revoked; empty while it has not been told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollover:
    """One CSMS root following another."""

    id: str
    phase: str
    open: bool
    state: str
    """The operation as JSON; only `ocppsec.upgrades.rollover` reads it."""
    version: int
    """Counts saves; a save that names an old version is refused."""
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverStation:
    """One station's part in a rollover; gone with the station, so that a new one under its name proves anew."""

    rollover: str
    identity: str
    step: str
    reason: str
    """Why it is stuck; empty otherwise."""
    state: str
    """As `Rollover.state`."""
    deadline: datetime | None = None
    """When it is tried again."""
    met_at: datetime | None = None
    """When it last shook hands on a TLS door."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustReport:
    """Which CSMS roots a station last said it has; gone with the station."""

    identity: str
    at: datetime
    roots: str
    """JSON; only `ocppsec.csms.trust` reads it."""


class RequestState(StrEnum):
    """How a station's certificate request stands."""

    REFUSED = "refused"
    """It broke rules."""
    ACCEPTED = "accepted"
    """By rule."""
    WAITING = "waiting"
    """For a person."""
    APPROVED = "approved"
    """By a person."""
    DENIED = "denied"
    """By a person."""
    REPLACED = "replaced"
    """The station has asked again, with another key, before a person had decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """One request of a station; the same one again is counted, not kept again."""

    id: str
    identity: str
    csr: str
    """PEM, as the station sent it."""
    public_key_sha256: str | None
    """None when no key could be read."""
    state: RequestState
    reasons: tuple[str, ...] = ()
    """Why it was refused, or what the person said who denied it."""
    received_at: datetime
    repeated_at: datetime | None = None
    """When it came last; None when it came once."""
    times: int = 1
    decided_at: datetime | None = None
    """When a person decided."""
    fingerprint: str | None = None
    """Of the certificate that came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """What a person had done to one station outside of the ordinary way: who, when, why.  Kept for ever."""

    at: datetime
    identity: str
    what: str
    """Stable word, such as ``lower-floor``."""
    by: str
    """Who asked, as far as it is known; empty otherwise."""
    reason: str
    """As the person put it."""
    detail: str = ""
    """What came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What upgrades have found out about stations of one vendor, model and firmware; empty: not said."""

    vendor: str
    model: str
    firmware_version: str
    facts: str
    """JSON; only `ocppsec.upgrades.kinds` reads it."""
    done: int
    """Upgrades of such stations that came to their end …"""
    failed: int
    """… and that did not."""
    reason: str
    """Why the last one failed that did; empty when none did."""
    updated_at: datetime
