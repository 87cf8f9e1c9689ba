"""Who does the work behind the doors: signs, raises, renews, revokes, keeps passwords.  What each needs is put together here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ocppsec.certificates.content import Pointers
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation
from ocppsec.csms.certifier import Certifier
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.expiry_watch import ExpiryWatch
from ocppsec.csms.foreign_issuing import ForeignIssuer
from ocppsec.csms.ground import Ground
from ocppsec.csms.interventions import Interventions
from ocppsec.csms.issuing import OwnIssuer
from ocppsec.csms.kinds import Kinds
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.request_book import RequestBook
from ocppsec.csms.requests_desk import RequestsDesk
from ocppsec.csms.revocations import Revocations
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.stations import Registrar
from ocppsec.csms.upgrader import Upgrader
from ocppsec.events import Emit
from ocppsec.profiles.password import Hasher
from ocppsec.registry.records import CertificateRequest
from ocppsec.registry.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What every part stands on, and is there before the CA is."""

    settings: Configuration
    store: Store
    sessions: Sessions
    emit: Emit
    now: Callable[[], datetime]


class Offices:
    """Nothing is begun here; `start` and `stop` are the assembly's."""

    def __init__(
        self,
        basis: Basis,
        hasher: Hasher,
        *,
        issuer: ForeignIssuer | None,
        generation_for: Callable[[str], Generation],
        authority: Callable[[], AuthorityFiles],
        server_ends: Callable[[], datetime | None],
        decided: Callable[[CertificateRequest, str | None], Awaitable[None]],
        later: Callable[[str, float], None],
    ) -> None:
        """*issuer*: the other CA that signs for stations, if one does.  *decided*: a person has, on a request.
        *later*: that CA has not yet, and is to be asked again.
        """
        self._basis = basis
        settings, store, sessions = basis.settings, basis.store, basis.sessions
        emit, now = basis.emit, basis.now
        own = self._own_issuer(generation_for)
        self.certifier = self._new_certifier(issuer or own)
        self.certifier.on_later = later
        rehearse = own.rehearse if issuer is None else None
        self.requests = RequestsDesk(store, self.certifier, rehearse, decided, emit=emit, now=now)
        self.revocation = Revocations(store, authority, now=now)
        self.registrar = Registrar(store, hasher, now=now)
        self.kinds = Kinds(store, now=now)
        self.interventions = Interventions(store, floor_fell=sessions.forget, emit=emit, now=now)
        self.upgrader = Upgrader(
            store,
            self.certifier,
            sessions.get,
            emit=emit,
            now=now,
            lower_floor=self.interventions.lower_floor,
            learn=self.kinds.learn,
        )
        self.renewer = Renewer(
            store, self.certifier, sessions.get, settings=settings.renewal, emit=emit, now=now
        )
        self.expiry = ExpiryWatch(
            store,
            authority,
            server_ends,
            self.renewer.open,
            self.revocation.list_in_force,
            lifetime=settings.certificate_lifetime,
            emit=emit,
            now=now,
        )
        self.ground = Ground()
        self.passwords = PasswordOffice(
            store,
            hasher,
            self.ground,
            sessions.get,
            lambda: self.upgrader.identities,
            emit=emit,
            at_first_contact=settings.replace_factory_passwords,
        )

    def _own_issuer(self, generation_for: Callable[[str], Generation]) -> OwnIssuer:
        settings = self._basis.settings
        return OwnIssuer(
            generation_for,
            lifetime=settings.certificate_lifetime,
            now=self._basis.now,
            serial=x509.random_serial_number,
            pointers=Pointers.under(settings.public_url) if settings.public_url else None,
        )

    def _new_certifier(self, issuer: OwnIssuer | ForeignIssuer) -> Certifier:
        basis, settings = self._basis, self._basis.settings
        return Certifier(
            basis.store,
            issuer,
            organization=settings.organization,
            emit=basis.emit,
            now=basis.now,
            book=RequestBook(basis.store, approval=settings.approval, emit=basis.emit, now=basis.now),
        )
