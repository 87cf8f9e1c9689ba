"""How a CSMS is put together, opened and closed; what it offers is in `ocppsec.csms.service`."""

import asyncio
import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.safekeeping import PRIVATE_FILE, require_private, write_file
from ocppsec.csms.application import Application, BuiltIn
from ocppsec.csms.asking_again import LEAST_SECONDS, AskingAgain
from ocppsec.csms.authority_watch import AuthorityWatch
from ocppsec.csms.ca_files import CaFiles
from ocppsec.csms.campaigner import Campaigner
from ocppsec.csms.certificate_office import CertificateOffice
from ocppsec.csms.charging import Charging
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.entrance import Entrance
from ocppsec.csms.errors import CsmsNotReady
from ocppsec.csms.foreign_issuing import ForeignIssuer, open_foreign
from ocppsec.csms.installed import InstalledCertificates
from ocppsec.csms.offices import Basis, Offices
from ocppsec.csms.preflight import PreflightDesk
from ocppsec.csms.public_certificate import PublicCertificate, brought_by_acme
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.rollover import RootRollover
from ocppsec.csms.server_certificates import OwnFiles, ServerCertificates
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.trust import TrustBook
from ocppsec.csms.way_in import WayIn
from ocppsec.events import (
    Emit,
)
from ocppsec.issuers.acme import AcmeSettings, require_acme
from ocppsec.profiles.password import PEPPER_BYTES, Hasher
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import (
    CertificateRequest,
    Upgrade,
)
from ocppsec.registry.store import Store, StoreUnavailable
from ocppsec.upgrades.plan import Deadlines

_SWEEP_SECONDS = 5.0
"""Between looks at who is silent, by one task for all.  No setting: what an operator may want differently is how long
silence may last (`csms.ping`, `csms.pong`); this only says by how much a look may be late."""
_FINISH_SECONDS = 5.0
"""How long an orderly stop waits for answers that an application, or a station, still owes."""


class Assembly(ABC):
    """Owns doors, sessions and loops.  `start` it, `stop` it."""

    campaigner: Campaigner

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        *,
        emit: Emit,
        application: Application | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.configuration = configuration
        self.store = store
        self._emit = emit
        self._now = now
        self._application = application or BuiltIn()
        self._sessions = Sessions()
        self._basis = Basis(settings=configuration, store=store, sessions=self._sessions, emit=emit, now=now)
        self._charging = Charging()
        self.trust = TrustBook(store, lambda: self.authority, now=now)
        self.installed = InstalledCertificates(
            self.call, lambda: self.authority.hierarchy.root.certificate, book=self.trust
        )
        self.certificates = CertificateOffice(store, self._sessions, emit=emit, now=now)
        self._loops: list[asyncio.Task[None]] = []
        self._entrance: Entrance | None = None
        self._ca_files = CaFiles(configuration, now=now)
        self.rollover = RootRollover(
            store,
            self._sessions,
            self._ca_files,
            self._serving,
            self._renewing,
            self.trust,
            lambda: self.upgrading,
            settings=configuration.rollover,
            own_hierarchy=_not_all_ours(configuration),
            emit=emit,
            now=now,
        )
        self.issuer: ForeignIssuer | None = None
        self._asking_again = AskingAgain(self._ask_again)
        self._started = False

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Load or create the CA, take up open upgrades, open the doors.

        Raises what `load_or_create` raises, `BadIssuer`, `StoreUnavailable`, `tls.BadMaterial`, OSError for a
        port in use.
        """
        loop = asyncio.get_running_loop()
        authority = await self.rollover.load()
        self.issuer = await loop.run_in_executor(None, self._open_issuer)
        hasher = Hasher(await loop.run_in_executor(None, self._load_pepper))
        self._open_offices(hasher)
        self._build_way_in(hasher)
        await self.server_certificates.begin(authority)
        if self.issuer is not None:
            await self.issuer.recover()
        await self._upgrader.start()
        await self._reception.sightings.recall(self.store)
        await self.renewer.start()
        await self.campaigner.start()
        await self.rollover.start()
        assert self._entrance is not None
        await self.allowances.look()
        await self._entrance.open()
        self._loops = [loop.create_task(self._sweep()), loop.create_task(self.server_certificates.run())]
        watch = AuthorityWatch(lambda: self.authority, emit=self._emit, now=self._now)
        self._loops.append(loop.create_task(watch.run()))
        for desk in (self.allowances, self.onboarding, self.foreign_status, self.expiry):
            self._loops.append(loop.create_task(desk.run()))
        if self.issuer is not None:
            self._loops.append(loop.create_task(self.issuer.run()))
        if self.configuration.acme is not None:
            self._loops.append(loop.create_task(self._look_after_acme(self.configuration.acme).run()))
        self._started = True

    def _open_offices(self, hasher: Hasher) -> None:
        offices = Offices(
            self._basis,
            hasher,
            issuer=self.issuer,
            generation_for=self.rollover.generation_for,
            authority=lambda: self.authority,
            server_ends=self._server_ends,
            decided=self._decided,
            later=self._asking_again.later,
        )
        self._offices = offices
        self._certifier, self._upgrader, self._registrar = (
            offices.certifier,
            offices.upgrader,
            offices.registrar,
        )
        self.renewer, self.passwords, self.requests = offices.renewer, offices.passwords, offices.requests
        self.revocation, self.expiry = offices.revocation, offices.expiry
        self.kinds, self.interventions = offices.kinds, offices.interventions
        self.certificates.on_revoked = self._revoked
        self.certificates.on_revoked_of = offices.renewer.revoked
        self.preflights = PreflightDesk(self._sessions.get, lambda: self.upgrading, self.kinds.saw)

    def _build_way_in(self, hasher: Hasher) -> None:
        way_in = WayIn(
            self._basis,
            self._offices,
            hasher,
            issuer=self.issuer,
            rollover=self.rollover,
            application=self._application,
            charging=self._charging,
            call_pending=self._call_pending,
            begin_upgrade=self.begin_upgrade,
            on_report=self.preflights.report_received,
        )
        self._reception, self._security = way_in.reception, way_in.security
        self.allowances, self.onboarding = way_in.allowances, way_in.onboarding
        self.foreign_status = way_in.foreign_status
        self._entrance = way_in.entrance
        self.server_certificates = ServerCertificates(
            lambda: self._ca_files.load(self.rollover.turn),
            way_in.entrance.use,
            hostname=self.configuration.hostname,
            own=self._own_certificate(),
            emit=self._emit,
            now=self._now,
        )

    async def stop(self) -> None:
        """Close doors, then stations (1001, going away), then finish what was begun.  May be called twice."""
        self._started = False
        if self._entrance is None:
            return
        await self.campaigner.stop()
        await self.onboarding.stop()
        await self.passwords.stop()
        await self._entrance.close()
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        sessions = list(self._sessions)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_SECONDS):
                await asyncio.gather(*(session.finish() for session in sessions))
        for session in sessions:
            session.close(1001, "the CSMS is going down")
        for session in sessions:
            if session.link is not None:
                await session.link.wait_closed()
        await self._asking_again.stop()
        await self._upgrader.stop()
        await self.renewer.stop()
        await self.rollover.stop()
        await self._reception.finish()
        if self.issuer is not None:
            await self.issuer.close()

    async def ready(self) -> None:
        """Raises `CsmsNotReady`, `StoreUnavailable`."""
        if not self._started:
            raise CsmsNotReady("the doors are not open")
        await self.store.ping()

    def _serving(self) -> ServerCertificates:
        return self.server_certificates

    def _renewing(self) -> Renewer:
        return self.renewer

    def _own_certificate(self) -> OwnFiles | None:
        settings = self.configuration
        if settings.acme is None:
            return settings.own_certificate
        require_acme()
        return brought_by_acme(settings.acme, settings.state / "tls")

    def _look_after_acme(self, settings: AcmeSettings) -> PublicCertificate:
        return PublicCertificate(
            settings,
            self.configuration.state / "tls",
            hostname=self.configuration.hostname,
            emit=self._emit,
            now=self._now,
            changed=self.server_certificates.reload_soon,
        )

    def _open_issuer(self) -> ForeignIssuer | None:
        settings = self.configuration
        if settings.issuer is None:
            return None
        return open_foreign(
            settings.issuer,
            self.store,
            lifetime=settings.certificate_lifetime,
            emit=self._emit,
            now=self._now,
        )

    def _server_ends(self) -> datetime | None:
        return self.server_certificates.ends

    def _revoked(self) -> None:
        self.revocation.changed()
        if self.issuer is not None:
            self.issuer.revoked()

    def _load_pepper(self) -> bytes:
        path = self.configuration.state / "pepper"
        if not path.exists():
            write_file(path, os.urandom(PEPPER_BYTES), mode=PRIVATE_FILE)
        require_private(path)
        return path.read_bytes()

    # -- what the parts ask of the whole -----------------------------------------------------------------
    @property
    def authority(self) -> AuthorityFiles:
        return self.server_certificates.authority

    @property
    def upgrading(self) -> frozenset[str]:
        return self._upgrader.identities

    @abstractmethod
    async def call(
        self, identity: str, action: str, payload: dict[str, Any], *, timeout: float
    ) -> dict[str, Any]: ...

    @abstractmethod
    async def _call_pending(
        self, identity: str, action: str, payload: dict[str, Any], *, timeout: float
    ) -> dict[str, Any]: ...

    @abstractmethod
    async def begin_upgrade(
        self,
        identity: str,
        to: int,
        *,
        upgrade_id: str | None = None,
        deadlines: Deadlines | None = None,
    ) -> Upgrade: ...

    async def _ask_again(self, identity: str) -> None:
        """Another CA may have decided meanwhile."""
        try:
            if not await self._upgrader.decided(identity, "", None):
                await self.renewer.decided(identity, "", None)
        except StoreUnavailable:
            self._asking_again.later(identity, LEAST_SECONDS)

    async def _decided(self, request: CertificateRequest, denial: str | None) -> None:
        """A person has decided on a certificate request: whoever waits for that goes on."""
        identity = request.identity
        if await self._upgrader.decided(identity, request.id, denial):
            return
        if await self.renewer.decided(identity, request.id, denial) or denial is not None:
            return
        session = self._sessions.get(identity)
        on_three = session is not None and session.profile is SecurityProfile.TLS_CLIENT
        if on_three or self.renewer.open(identity) is not None:  # it gave up waiting
            await self.renewer.csr_received(identity, request.csr)
        elif session is not None and session.accepted:
            session.run(self._security.deliver(session, request.csr))

    # -- loops ------------------------------------------------------------------------------------------
    async def _sweep(self) -> None:
        """Ping who is silent, drop who is gone."""
        loop = asyncio.get_running_loop()
        settings = self.configuration
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = loop.time()
            for session in self._sessions:
                if session.link is not None:
                    session.link.sweep(now, idle=settings.ping_seconds, reply=settings.pong_seconds)


def _not_all_ours(configuration: Configuration) -> str:
    """Why no root of ours can follow another here; empty when it can."""
    if configuration.own_certificate is not None:
        return "the server's certificate is not from our CA (csms.server_certificate): its root is not ours"
    if configuration.issuer is not None:
        return "another CA signs for the stations (issuer.kind): its root is not ours"
    return ""
