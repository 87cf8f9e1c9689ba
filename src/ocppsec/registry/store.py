"""The registry's contract, in words.

Every method may raise `StoreUnavailable`; callers then refuse (503), they never guess.  Methods that change
something are atomic and durable when they return, except `record_attempt` and `record_connected`, which may
lose the last moments before a crash.  Nothing here decides: the store keeps what it is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

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

ATTEMPTS_KEPT: Final = 50
"""Of each registered identity, and of each address from which strangers tried."""
ATTEMPTS_KEPT_IN_ALL: Final = 20_000
SECURITY_EVENTS_KEPT: Final = 1_000
"""Of each identity."""
REFUSED_ORDERS_KEPT: Final = 20
REQUESTS_KEPT: Final = 20
"""Of each identity, of those that are settled."""
"""Of each identity."""


class RegistryError(Exception):
    """Base of what a store can say no with."""


class StoreUnavailable(RegistryError):  # noqa: N818  a condition, named as operators name it
    """The database cannot be reached, is locked, full or broken."""


class AlreadyRegistered(RegistryError):  # noqa: N818
    """The identity or the serial number belongs to a station already."""


class NotRegistered(RegistryError):  # noqa: N818
    """No station has this identity."""


class UpgradeInProgress(RegistryError):  # noqa: N818
    """The station has an open upgrade; there is never more than one."""


class RenewalInProgress(RegistryError):  # noqa: N818
    """The station has an open renewal; there is never more than one."""


class RolloverInProgress(RegistryError):  # noqa: N818
    """A root is being replaced already; there is never more than one."""


class Superseded(RegistryError):  # noqa: N818
    """Somebody else saved this upgrade or renewal since it was read; read it again and decide again."""


class KeyAlreadyUsed(RegistryError):  # noqa: N818
    """The public key was certified before, for this or another station."""


class Store(Protocol):
    # -- stations ---------------------------------------------------------------------------------------
    async def add_station(self, station: NewStation) -> Station:
        """Register a station; raises `AlreadyRegistered`."""

    async def station(self, identity: str) -> Station | None: ...

    async def stations(self, *, after: str | None = None, limit: int = 100) -> list[Station]:
        """At most *limit* stations, ordered by identity, those behind *after*."""

    async def remove_station(self, identity: str, *, at: datetime | None = None) -> bool:
        """Forget a station with its credentials, open upgrades and renewals; False when it was not there.

        Its certificates become revoked, at *at*, and stay known, so that they are refused as revoked and their
        keys are never certified again.  Attempts, security events and ended upgrades stay as history.
        """

    async def admission_record(self, identity: str) -> AdmissionRecord | None:
        """All that admission needs, of one moment; None when nobody is registered under *identity*.

        Exact match, case-sensitive.  Called on every connection: concurrent calls may be answered by one
        query.
        """

    async def certificate_owner(self, fingerprint: str) -> CertificateRecord | None:
        """The record of a certificate, whoever it belongs to."""

    async def set_password_hash(self, identity: str, password_hash: str) -> None:
        """Replace the station's password hash; raises `NotRegistered`."""

    async def replace_passwords(self, identity: str, before: Sequence[str], after: Sequence[str]) -> None:
        """Replace all password hashes; raises `NotRegistered`, `Superseded` when they are not *before* any more."""

    async def set_target(self, identity: str, target: SecurityProfile) -> None:
        """Raises `NotRegistered`.  Never below the floor: such a call changes nothing."""

    async def set_labels(self, identity: str, labels: Mapping[str, str]) -> None:
        """Replace all labels of a station; raises `NotRegistered`."""

    async def raise_floor(self, identity: str, floor: SecurityProfile) -> SecurityProfile:
        """Raise the floor (and the target with it) to at least *floor*; gives the floor that was before.

        Never lowers it.  Repeating it is harmless.  Raises `NotRegistered`.
        """

    async def record_connected(self, identity: str, profile: SecurityProfile, at: datetime) -> None:
        """Set observed and last seen.  May be written late, like `record_attempt`."""

    async def record_boot(self, identity: str, facts: BootFacts) -> None:
        """Keep what the station said at boot and that it is registered; nothing when it was removed meanwhile."""

    # -- attempts ---------------------------------------------------------------------------------------
    async def record_attempt(self, attempt: Attempt) -> None:
        """Keep an attempt.  Returns at once; written soon, or dropped when the store has been away for long.

        The newest are kept: 50 of each registered identity; of those that claim none or an unknown one, 50 of
        each address; 20,000 in all; for a while a quarter more.  So strangers cannot fill the disk, nor can one
        address push out what a station did.
        """

    async def attempts(self, identity: str, *, limit: int = 20) -> list[Attempt]:
        """Newest first, those still waiting to be written included."""

    async def attempts_from(self, address: str, *, limit: int = 20) -> list[Attempt]:
        """Newest first, whatever identity they claimed."""

    # -- certificates -----------------------------------------------------------------------------------
    async def add_certificate(self, certificate: CertificateRecord) -> None:
        """Keep a certificate before it is delivered; raises `NotRegistered`, `KeyAlreadyUsed`."""

    async def certificates(self, identity: str) -> list[CertificateRecord]:
        """Newest first."""

    async def certificates_by_serial(self, serial_number: str) -> list[CertificateRecord]:
        """Those with this serial number, of whatever station: one at most as long as all come from one CA."""

    async def ledger(
        self, *, after: str | None = None, limit: int = 100, state: CertificateState | None = None
    ) -> list[CertificateRecord]:
        """Every certificate ever issued, of stations that were removed too; a page, ordered by fingerprint."""

    async def certificates_ending(self, by: datetime, *, limit: int) -> list[CertificateRecord]:
        """Active ones of registered stations that end at *by* or before; the first to end in front."""

    async def count_ending(self, by: Sequence[datetime]) -> list[int]:
        """For each moment how many of those there are."""

    async def key_is_known(self, public_key_sha256: str) -> bool:
        """True when a certificate was ever issued for this key, to whomever."""

    async def activate_certificate(self, fingerprint: str, at: datetime) -> None:
        """It was seen in a handshake: pending becomes active, the station's other active ones superseded.

        Of a certificate in another state, or unknown, it changes nothing.
        """

    async def set_certificate_state(
        self, fingerprint: str, state: CertificateState, *, at: datetime, reason: str | None = None
    ) -> bool:
        """False when there is no such certificate.  Revoked stays revoked."""

    # -- security events --------------------------------------------------------------------------------
    async def add_security_event(self, event: SecurityEventRecord) -> None:
        """Keep it; the newest 1,000 of each identity are kept."""

    async def security_events(
        self, identity: str | None = None, *, limit: int = 100
    ) -> list[SecurityEventRecord]:
        """Newest first."""

    # -- upgrades ---------------------------------------------------------------------------------------
    async def begin_upgrade(self, upgrade: Upgrade, steps: Sequence[UpgradeStep] = ()) -> Upgrade:
        """Keep a new open upgrade, and raise the station's target to its target.

        Raises `NotRegistered`, `UpgradeInProgress`.
        """

    async def save_upgrade(self, change: UpgradeChange) -> Upgrade:
        """Save a change as a whole; raises `Superseded` when the version is not the stored one.

        `Superseded` also when the upgrade is gone because its station was removed.
        """

    async def upgrade(self, upgrade_id: str) -> Upgrade | None: ...

    async def upgrades(self, identity: str, *, limit: int = 20) -> list[Upgrade]:
        """Newest first."""

    async def open_upgrade(self, identity: str) -> Upgrade | None: ...

    async def open_upgrades(self) -> list[Upgrade]:
        """Oldest first."""

    async def upgrade_steps(self, upgrade_id: str) -> list[UpgradeStep]:
        """Oldest first."""

    # -- renewals ---------------------------------------------------------------------------------------
    async def certificates_due(self, now: datetime, *, limit: int) -> list[CertificateRecord]:
        """Active ones of registered stations whose renewal is due and not open; those that end first in front."""

    async def begin_renewal(self, renewal: Renewal) -> Renewal:
        """Keep a new open renewal; raises `NotRegistered`, `RenewalInProgress`."""

    async def save_renewal(self, renewal: Renewal) -> Renewal:
        """Save it, with the version that was read; raises `Superseded`, also when its station was removed."""

    async def open_renewals(self) -> list[Renewal]:
        """Oldest first."""

    async def renewals(self, identity: str, *, limit: int = 20) -> list[Renewal]:
        """Newest first."""

    # -- onboarding -------------------------------------------------------------------------------------
    async def add_onboarding(self, station: NewStation, entry: Onboarding) -> Station:
        """Register a station together with how it comes in as new; raises `AlreadyRegistered`."""

    async def onboarding(self, identity: str) -> Onboarding | None: ...

    async def onboardings(
        self, *, after: str | None = None, limit: int = 100, stage: Stage | None = None
    ) -> list[Onboarding]:
        """At most *limit*, ordered by identity, those behind *after*; of *stage*."""

    async def save_onboarding(self, entry: Onboarding) -> Onboarding:
        """Save it, with the version that was read; raises `Superseded`, also when its station was removed."""

    # -- allowances -------------------------------------------------------------------------------------
    async def give_allowance(self, allowance: Allowance) -> Allowance:
        """Keep a new one; one that was open ends as ``replaced``.  Raises `NotRegistered`."""

    async def use_allowance(self, allowance_id: str, at: datetime) -> bool:
        """Count a use; False when it has ended."""

    async def end_allowance(self, allowance_id: str, at: datetime, how: str) -> bool:
        """False when it had ended already."""

    async def open_allowances(self) -> list[Allowance]:
        """Oldest first."""

    async def allowances(self, identity: str, *, limit: int = 20) -> list[Allowance]:
        """Newest first; those of a removed station stay."""

    # -- campaigns --------------------------------------------------------------------------------------
    async def begin_campaign(
        self, campaign: Campaign, members: Sequence[CampaignMember], lines: Sequence[CampaignLine] = ()
    ) -> Campaign:
        """Keep a new campaign with all its stations.  They need not be registered (any more)."""

    async def save_campaign(self, change: CampaignChange) -> Campaign:
        """Save a change as a whole; raises `Superseded` when the version is not the stored one."""

    async def campaign(self, campaign_id: str) -> Campaign | None: ...

    async def campaigns(self, *, limit: int = 20) -> list[Campaign]:
        """Newest first."""

    async def open_campaigns(self) -> list[Campaign]:
        """Those that have not ended, oldest first."""

    async def campaign_members(
        self,
        campaign_id: str,
        *,
        status: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[CampaignMember]:
        """By position; those of *status*, behind position *after*, at most *limit* of them."""

    async def campaign_counts(self, campaign_id: str) -> Mapping[str, int]:
        """How many of its stations have which status."""

    async def campaign_lines(self, campaign_id: str) -> list[CampaignLine]:
        """Oldest first."""

    async def begin_errand(self, errand: Errand) -> Errand:
        """Keep a new open errand; one that has this id already stays as it is.  Raises `NotRegistered`."""

    async def save_errand(self, errand: Errand) -> Errand:
        """Save it, with the version that was read; raises `Superseded`, also when its station was removed."""

    async def errand(self, errand_id: str) -> Errand | None: ...

    # -- orders at other CAs ----------------------------------------------------------------------------
    async def add_order(self, order: SigningOrder) -> None:
        """Keep that a CA is going to be asked; raises `NotRegistered`.

        Of a station's refused ones the newest 20 are kept; all others stay, also when the station is removed.
        """

    async def end_order(self, order: SigningOrder) -> None:
        """Save what came of it; raises `Superseded` when that is known already."""

    async def orders(
        self, *, identity: str | None = None, state: OrderState | None = None, limit: int = 100
    ) -> list[SigningOrder]:
        """Newest first."""

    async def order_for_key(self, public_key_sha256: str) -> SigningOrder | None:
        """The newest that got a certificate for this key."""

    async def orders_to_revoke(
        self, *, limit: int, untaken_before: datetime | None = None
    ) -> list[SigningOrder]:
        """Those whose CA was not told yet: certificates that were not taken, or were taken and are revoked.

        Also those that were issued before *untaken_before*, and still are in no record.
        """

    async def set_order_revocation(self, order_id: str, words: str) -> None: ...

    # -- root rollover ----------------------------------------------------------------------------------
    async def begin_rollover(self, rollover: Rollover) -> Rollover:
        """Keep a new open rollover; raises `RolloverInProgress`."""

    async def save_rollover(self, rollover: Rollover) -> Rollover:
        """Save it, with the version that was read; raises `Superseded`."""

    async def open_rollover(self) -> Rollover | None: ...

    async def rollovers(self, *, limit: int = 20) -> list[Rollover]:
        """Newest first."""

    async def save_rollover_station(self, station: RolloverStation) -> None:
        """Keep a station's part in place of the one before; raises `NotRegistered`."""

    async def rollover_stations(self, rollover_id: str) -> list[RolloverStation]:
        """Ordered by identity."""

    async def save_trust(self, report: TrustReport) -> None:
        """Keep what a station said last; nothing when it was removed meanwhile."""

    async def trust_of(self, identity: str) -> TrustReport | None:
        """What a station said last."""

    async def trust(self, *, after: str | None = None, limit: int = 100) -> list[TrustReport]:
        """At most *limit* reports, ordered by identity, those behind *after*."""

    # -- certificate requests ---------------------------------------------------------------------------
    async def add_request(self, request: CertificateRequest) -> None:
        """Keep a new one; raises `NotRegistered`.  A waiting one replaces those of its station that wait.

        Of each station the newest 20 that are settled are kept, and all that wait or may be signed.
        """

    async def save_request(self, request: CertificateRequest, *, before: RequestState) -> None:
        """Save it if it is still in the state *before*; raises `Superseded` when it is not, or is gone.

        A fingerprint stays once it is known.
        """

    async def request(self, request_id: str) -> CertificateRequest | None: ...

    async def request_for_key(self, identity: str, public_key_sha256: str) -> CertificateRequest | None:
        """A station's newest request for this key."""

    async def requests(
        self, *, identity: str | None = None, state: RequestState | None = None, limit: int = 100
    ) -> list[CertificateRequest]:
        """Newest first."""

    # -- interventions ----------------------------------------------------------------------------------
    async def lower_floor(self, intervention: Intervention) -> SecurityProfile:
        """The one way down: a floor of 3 becomes 2, and why is kept in the same moment; gives the floor before.

        A floor that is not 3 stays, and nothing is kept.  The target stays too.  Raises `NotRegistered`.
        """

    async def record_intervention(self, intervention: Intervention) -> None:
        """Keep it; it stays when the station is removed."""

    async def interventions(self, identity: str, *, limit: int = 20) -> list[Intervention]:
        """Newest first."""

    # -- kinds of stations ------------------------------------------------------------------------------
    async def save_kind(self, kind: Kind) -> None:
        """Keep what is known of this vendor, model and firmware in place of what was."""

    async def kind(self, vendor: str, model: str, firmware_version: str) -> Kind | None: ...

    async def kinds(self, *, limit: int = 1000) -> list[Kind]:
        """By vendor, model and firmware."""

    # -- house ------------------------------------------------------------------------------------------
    async def ping(self) -> None:
        """Returns when the store can be read and written; raises `StoreUnavailable` otherwise."""

    async def close(self) -> None:
        """Write what waits and close; may be called twice."""
