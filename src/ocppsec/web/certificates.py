"""Certificates through the API: the ledger, one of them, revoking, and the CAs behind them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Query
from pydantic import Field

from ocppsec.certificates.facts import fingerprint, serial_number
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.certificate_office import RevocationReason, Standing
from ocppsec.csms.service import Csms
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.web.cursor import after
from ocppsec.web.cursor import cursor as cursor_after
from ocppsec.web.known import check_known
from ocppsec.web.schemas import Body, Shown

Limit = Annotated[int, Query(ge=1, le=500)]
ExpiresWithin = Annotated[int | None, Query(ge=0, le=10 * 366 * 86_400, description="Seconds.")]
Role = Literal["root", "stations", "servers"]


class Renewal(Shown):
    id: str
    identity: str
    fingerprint: str = Field(description="Of the certificate to be replaced.")
    open: bool
    step: str
    reason: str = Field(description="Why it is stuck; empty when it is not.")
    failures: int
    deadline: datetime | None = Field(description="When the step is overdue, or is tried again.")
    started_at: datetime
    ended_at: datetime | None


class RenewalList(Shown):
    renewals: list[Renewal]


class Certificate(Shown):
    fingerprint: str = Field(description="SHA-256 over the DER, lower-case hex.")
    serial_number: str
    identity: str = Field(description="The station it was issued to.")
    subject: str
    standing: Standing = Field(description="Its state in the records; `expired` once it has run out.")
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    activated_at: datetime | None = Field(description="When a handshake first showed it.")
    revoked_at: datetime | None
    revocation_reason: str | None
    renewal: Renewal | None = Field(description="The open renewal that will replace it.")


class ExpirySeen(Shown):
    at: datetime
    first: dict[str, datetime] = Field(description="station, server, root, stations-ca, servers-ca.")
    within: dict[str, int] = Field(description="Of stations in force, within 30d, 7d and 1d.")
    late: int = Field(description="Stations in the last sixth of their certificate's life without a new one.")
    crl_made_at: datetime | None
    crl_good_until: datetime | None
    requests_waiting: int = Field(description="Certificate requests that wait for a person.")


class CertificateWithChain(Certificate):
    public_key_sha256: str
    chain: str = Field(description="PEM, leaf first, without the root.")


class CertificatePage(Shown):
    certificates: list[Certificate]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class NewRevocation(Body):
    reason: RevocationReason = Field(description="RFC 5280, 5.3.1.")


class Revocation(Shown):
    certificate: Certificate
    connections_closed: int


class AuthorityCertificate(Shown):
    role: Role
    subject: str
    serial_number: str
    sha256: str
    not_before: datetime
    not_after: datetime
    pem: str


class AuthorityCertificates(Shown):
    certificates: list[AuthorityCertificate]


class RevocationList(Shown):
    number: int
    this_update: datetime
    next_update: datetime | None
    revoked: list[str] = Field(description="Serial numbers.")
    pem: str


def certificates(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["certificates"])
    for part in (_ledger, _renewals, _authorities):
        router.include_router(part(csms))
    return router


def _ledger(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/certificates")
    async def list_certificates(
        limit: Limit = 100,
        cursor: str | None = None,
        state: CertificateState | None = None,
        expires_within: ExpiresWithin = None,
    ) -> CertificatePage:
        """Every certificate ever issued to a station, a page at a time, ordered by fingerprint.

        With `expires_within` those in force that end within so many seconds, the first to end in front, in one page.
        """
        if expires_within is not None:
            by = datetime.now(UTC) + timedelta(seconds=expires_within)
            ending = await csms.store.certificates_ending(by, limit=limit)
            return CertificatePage(certificates=[_shown(csms, one) for one in ending], next=None)
        found = await csms.store.ledger(after=after(cursor), limit=limit + 1, state=state)
        page = found[:limit]
        following = cursor_after(page[-1].fingerprint) if len(found) > limit else None
        return CertificatePage(certificates=[_shown(csms, one) for one in page], next=following)

    @router.get("/stations/{identity}/certificates")
    async def list_of_station(identity: str) -> CertificatePage:
        """One station's certificates, newest first; those of a removed station too."""
        found = await csms.store.certificates(identity)
        if not found:
            await check_known(csms, identity)
        return CertificatePage(certificates=[_shown(csms, one) for one in found], next=None)

    @router.get("/certificates/{name}")
    async def show_certificate(name: str) -> CertificateWithChain:
        """One certificate, by fingerprint or serial number in hex."""
        record = await csms.certificates.find(name)
        return CertificateWithChain(
            **_shown(csms, record).model_dump(),
            public_key_sha256=record.public_key_sha256,
            chain=record.chain,
        )

    @router.post("/certificates/{name}/revocation")
    async def revoke_certificate(name: str, body: NewRevocation) -> Revocation:
        """Revoke it: the next handshake is refused, an open connection is closed, its key is never used again."""
        revoked = await csms.certificates.revoke(name, body.reason)
        return Revocation(certificate=_shown(csms, revoked.record), connections_closed=revoked.closed)

    return router


def _renewals(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.post("/stations/{identity}/renewals", status_code=202)
    async def renew(identity: str) -> Renewal:
        """Renew a station's certificate now, due or not; one that is stuck is tried again at once."""
        return Renewal.model_validate(await csms.renewer.renew(identity))

    @router.get("/stations/{identity}/renewals")
    async def list_renewals(identity: str, limit: Limit = 20) -> RenewalList:
        """A station's renewals, newest first."""
        await check_known(csms, identity)
        found = await csms.store.renewals(identity, limit=limit)
        return RenewalList(renewals=[Renewal.model_validate(one) for one in found])

    @router.get("/expiry")
    async def show_expiry() -> ExpirySeen:
        """What ends when: the first of each kind of certificate, and how many of stations end soon."""
        return ExpirySeen.model_validate(await csms.expiry.look())

    return router


def _authorities(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/ca/certificates")
    async def list_authorities() -> AuthorityCertificates:
        """The root and the two CAs under it: one issues to stations, one to the CSMS itself."""
        return AuthorityCertificates(certificates=_of_the_ca(csms))

    @router.get("/ca/crl")
    async def show_crl() -> RevocationList:
        """The list of revoked certificates that `/pki/stations.crl` gives to everybody."""
        in_force = await csms.revocation.list_in_force()
        assert in_force is not None, "the CA in use has one"
        found = x509.load_der_x509_crl(in_force)
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return RevocationList(
            number=number,
            this_update=found.last_update_utc,
            next_update=found.next_update_utc,
            revoked=[f"{one.serial_number:X}" for one in found],
            pem=found.public_bytes(Encoding.PEM).decode(),
        )

    return router


def _shown(csms: Csms, record: CertificateRecord) -> Certificate:
    facts = {name: getattr(record, name) for name in _FACTS}
    renewal = csms.renewer.open(record.identity)
    replaced = renewal is not None and renewal.fingerprint == record.fingerprint
    return Certificate(
        **facts,
        standing=csms.certificates.standing(record),
        renewal=Renewal.model_validate(renewal) if replaced else None,
    )


_FACTS = tuple(name for name in Certificate.model_fields if name not in {"standing", "renewal"})


def _of_the_ca(csms: Csms) -> list[AuthorityCertificate]:
    hierarchy = csms.authority.hierarchy
    named = (("root", hierarchy.root), ("stations", hierarchy.stations), ("servers", hierarchy.servers))
    return [
        AuthorityCertificate.model_validate(
            {
                "role": role,
                "subject": authority.certificate.subject.rfc4514_string(),
                "serial_number": serial_number(authority.certificate),
                "sha256": fingerprint(authority.certificate),
                "not_before": authority.certificate.not_valid_before_utc,
                "not_after": authority.certificate.not_valid_after_utc,
                "pem": write_chain((authority.certificate,)),
            }
        )
        for role, authority in named
    ]
