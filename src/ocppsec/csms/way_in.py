"""The way in: doors, the gate, reception, and who looks after those that are let in and not accepted yet."""

from collections.abc import Callable

from ocppsec.certificates.foreign_status import ForeignIssuer as ForeignCA
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.allowances import Allowances
from ocppsec.csms.anchors import Anchor
from ocppsec.csms.application import Application
from ocppsec.csms.charging import Charging
from ocppsec.csms.entrance import Entrance
from ocppsec.csms.foreign_issuing import ForeignIssuer
from ocppsec.csms.foreign_status import ForeignStatus
from ocppsec.csms.gate import Gate
from ocppsec.csms.installed import Call, InstalledCertificates
from ocppsec.csms.new_certificates import NewCertificates
from ocppsec.csms.offices import Basis, Offices
from ocppsec.csms.onboarding import BeginUpgrade, OnboardingOffice
from ocppsec.csms.pending import PendingDesk
from ocppsec.csms.provisioning import Provisioner
from ocppsec.csms.reception import Reception
from ocppsec.csms.rollover import RootRollover
from ocppsec.csms.security import Security
from ocppsec.csms.session import House, Session
from ocppsec.csms.status_desk import StatusDesk
from ocppsec.ocppj.messages import NotifyReportRequest
from ocppsec.profiles.admission import Policy
from ocppsec.profiles.password import Hasher
from ocppsec.profiles.throttle import LoginThrottle

OnReport = Callable[[str, NotifyReportRequest], None]


class WayIn:
    """Nothing is open before `entrance` is."""

    def __init__(
        self,
        basis: Basis,
        offices: Offices,
        hasher: Hasher,
        *,
        issuer: ForeignIssuer | None,
        rollover: RootRollover,
        application: Application,
        charging: Charging,
        call_pending: Call,
        begin_upgrade: BeginUpgrade,
        on_report: OnReport,
    ) -> None:
        """*call_pending* reaches stations that are kept in Pending, too."""
        self._basis = basis
        self._offices = offices
        self._issuer = issuer
        self._rollover = rollover
        self._call_pending = call_pending
        settings = basis.settings
        self.allowances = Allowances(
            basis.store,
            basis.sessions,
            on_change=self._let_expired_reach_admission,
            emit=basis.emit,
            now=basis.now,
        )
        self.onboarding = self._new_onboarding(begin_upgrade)
        self._pending = self._new_pending_desk()
        self.foreign_status = self._new_foreign_status()
        new_certificates = NewCertificates(basis.store, offices.renewer, emit=basis.emit, now=basis.now)
        self.reception = self._new_reception(new_certificates)
        self.security = self._new_security(new_certificates, on_report)
        self.reception.serve(
            House(
                security=self.security,
                application=application,
                emit=basis.emit,
                now=basis.now,
                opened=self._opened,
                closed=self._closed,
                boot_seconds=settings.boot_seconds,
                charging=charging,
            )
        )
        self.entrance = Entrance(
            settings,
            self._new_gate(hasher).decide,
            emit=basis.emit,
            door_saw=self.reception.door_saw,
            further_anchors="" if issuer is None else issuer.trust.anchors_pem,
        )

    # -- the parts --------------------------------------------------------------------------------------
    def _new_onboarding(self, begin_upgrade: BeginUpgrade) -> OnboardingOffice:
        basis, offices = self._basis, self._offices
        installed = InstalledCertificates(self._call_pending, lambda: self._rollover.generation_for("").root)
        provisioner = Provisioner(
            self._call_pending,
            offices.passwords,
            offices.renewer,
            installed,
            organization=basis.settings.organization,
            roots=self._roots_for_new,
        )
        return OnboardingOffice(
            basis.store,
            offices.registrar,
            basis.sessions,
            provisioner,
            manufacturers=frozenset(maker.name for maker in basis.settings.manufacturers),
            begin_upgrade=begin_upgrade,
            upgrading=lambda: offices.upgrader.identities,
            emit=basis.emit,
            now=basis.now,
        )

    def _new_pending_desk(self) -> PendingDesk:
        basis = self._basis
        return PendingDesk(
            self.onboarding,
            self.allowances,
            self._offices.renewer,
            basis.sessions,
            interval=basis.settings.pending_seconds,
            emit=basis.emit,
            now=basis.now,
        )

    def _roots_for_new(self) -> tuple[str, ...]:
        """What a new station has to trust: our root, and that of another CA that signs for stations."""
        others = () if self._issuer is None else self._issuer.trust.roots
        return (self._rollover.generation_for("").root_pem, *(write_chain((root,)) for root in others))

    def _new_foreign_status(self) -> ForeignStatus:
        settings = self._basis.settings
        makers = [
            ForeignCA(name=maker.name, certificate=certificate, rule=maker.rule)
            for maker in settings.manufacturers
            for certificate in maker.certificates
        ]
        return ForeignStatus(makers, inside=settings.ocsp_hosts, emit=self._basis.emit, now=self._basis.now)

    def _new_reception(self, new_certificates: NewCertificates) -> Reception:
        basis, offices = self._basis, self._offices
        return Reception(
            basis.store,
            basis.sessions,
            offices.upgrader,
            offices.renewer,
            new_certificates,
            offices.ground,
            offices.passwords,
            self._pending,
            limits=basis.settings.limits,
            emit=basis.emit,
            now=basis.now,
        )

    def _new_security(self, new_certificates: NewCertificates, on_report: OnReport) -> Security:
        basis, offices = self._basis, self._offices
        inside = basis.settings.ocsp_hosts
        return Security(
            basis.store,
            basis.sessions,
            offices.upgrader,
            offices.renewer,
            new_certificates,
            offices.certifier,
            StatusDesk(own=offices.revocation.answer, inside=inside, now=basis.now),
            offices.passwords,
            self._pending,
            emit=basis.emit,
            now=basis.now,
            on_boot=self._rollover.booted,
            on_report=on_report,
        )

    def _new_gate(self, hasher: Hasher) -> Gate:
        basis = self._basis
        return Gate(
            basis.store,
            Policy(organizations=frozenset({basis.settings.organization})),
            self._offices.ground,
            verify=hasher.verify,
            throttle=LoginThrottle(),
            issuers=self._issuer_of,
            foreign=self.foreign_status,
            pending=self._pending,
            emit=basis.emit,
            enter=self.reception.enter,
            refused=self.reception.refused,
            settled=basis.sessions.settled,
            now=basis.now,
        )

    def _let_expired_reach_admission(self, wanted: bool) -> None:
        self.entrance.let_expired_reach_admission(wanted)

    def _issuer_of(self, der: bytes) -> Anchor | None:
        return self.entrance.issuer_of(der)

    # -- connections ------------------------------------------------------------------------------------
    def _opened(self, session: Session) -> None:
        self.reception.opened(session)
        if self._basis.sessions.get(session.identity) is session:
            self._rollover.connected(session)

    def _closed(self, session: Session) -> None:
        in_place = self._basis.sessions.get(session.identity) is session
        self.reception.closed(session)
        if in_place:
            self._rollover.lost(session.identity)
