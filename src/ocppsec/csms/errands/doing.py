"""What every kind of campaign has to say of itself, and what it needs of the CSMS."""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.installed import InstalledCertificates
from ocppsec.csms.passwords import Rotation
from ocppsec.registry.records import Renewal, Station, Upgrade
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.happenings import Ended, Gone
from ocppsec.upgrades.plan import Deadlines


class Connection(Protocol):
    @property
    def profile(self) -> int: ...
    @property
    def since(self) -> datetime: ...
    @property
    def accepted(self) -> bool: ...


class Passwords(Protocol):
    async def rotate(
        self, identity: str, *, keep: Callable[[str], Awaitable[None]] | None = None
    ) -> Rotation: ...


class Renewals(Protocol):
    async def renew(self, identity: str) -> Renewal: ...
    def open(self, identity: str) -> Renewal | None: ...


class Fleet(Protocol):
    """What campaigns need of the CSMS."""

    store: Store
    configuration: Configuration
    installed: InstalledCertificates

    @property
    def passwords(self) -> Passwords: ...
    @property
    def renewer(self) -> Renewals: ...
    @property
    def organization(self) -> str: ...
    @property
    def authority(self) -> AuthorityFiles: ...
    @property
    def upgrading(self) -> frozenset[str]: ...
    def url_for(self, profile: int) -> str | None: ...
    def connection(self, identity: str) -> Connection | None: ...
    def charging(self, identity: str) -> bool | None: ...
    def hang_up(self, identity: str, reason: str) -> None: ...
    async def begin_upgrade(
        self, identity: str, to: int, *, upgrade_id: str | None = None, deadlines: Deadlines | None = None
    ) -> Upgrade: ...


class Doing(Protocol):
    """One kind of campaign, with its plan."""

    def check(self) -> None:
        """Raises `BadInput` for a plan that can be carried out at no station."""

    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        """Why some of them cannot be helped, or need not, by identity; nothing is asked of a station."""

    def busy(self) -> Container[str]:
        """Who is being changed by something else, or by us."""

    async def begin(self, identity: str, errand_id: str) -> None:
        """Begin it, unless it is there already.

        Raises `UpgradeInProgress` for who is busy, `NotRegistered`, and `BadInput` for who cannot be helped.
        """

    async def ended(self, identity: str, errand_id: str) -> Ended | Gone | None:
        """How it ended; None while it is under way.  Asked again and again: it has to cost little."""

    async def came_after_all(self, identity: str, errand_id: str) -> bool:
        """Whether a station that had failed or was lost is where it should be now."""

    async def stop(self) -> None:
        """The process ends: what is under way is found again by the next one."""


def is_there(fleet: Fleet, identity: str) -> bool:
    """Whether it can be called."""
    connection = fleet.connection(identity)
    return connection is not None and connection.accepted
