"""The certificates in a station, by block M: what is installed (M03), take one out (M04), put one in (M05).

An answer is a hint (LESSONS, stations in the field 1): after a change the station is asked what it holds.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography import x509

from ocppsec.certificates.facts import is_ca
from ocppsec.certificates.hash_data import CertificateHashData, hash_data, same
from ocppsec.certificates.pem import BadPem, read_certificate, write_chain
from ocppsec.csms.errors import BadInput
from ocppsec.csms.trust import TrustBook
from ocppsec.ocppj.messages import CertificateHashData as OnTheWire
from ocppsec.ocppj.messages import (
    CertificateHashDataChain,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    HashAlgorithm,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateUse,
    parse_response,
    to_payload,
)

SECONDS = 30.0


class Call(Protocol):
    def __call__(
        self, identity: str, action: str, payload: dict[str, Any], *, timeout: float
    ) -> Awaitable[dict[str, Any]]:
        """Send a CALL to a connected station; see `ocppsec.csms.service.Csms.call`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One certificate in a station, as the station names it."""

    certificate_type: str
    hash_data: OnTheWire
    children: tuple[OnTheWire, ...]
    ours: bool
    """True for our own root, in whatever algorithm it is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    status: str
    """What the station answered."""
    reason: str
    """Its statusInfo; empty without one."""
    shown: bool
    """Whether the station says afterwards that the certificate is there."""


class InstalledCertificates:
    def __init__(
        self, call: Call, root: Callable[[], x509.Certificate], *, book: TrustBook | None = None
    ) -> None:
        """*book* keeps what stations say, and knows our roots in every form, also while one follows another."""
        self._call = call
        self._root = root
        self._book = book

    async def all(self, identity: str) -> list[Installed]:
        """M03; raises what `Csms.call` raises."""
        return [
            Installed(
                certificate_type=chain.certificate_type.value,
                hash_data=chain.certificate_hash_data,
                children=chain.child_certificate_hash_data or (),
                ours=chain.certificate_type is GetCertificateIdUse.CSMS_ROOT_CERTIFICATE
                and self._is_ours(chain.certificate_hash_data),
            )
            for chain in await self._chains(identity)
        ]

    def _is_ours(self, named: OnTheWire) -> bool:
        if self._book is not None and self._book.is_ours(named):
            return True
        return _is(named, self._root())

    async def install(self, identity: str, pem: str, use: str) -> Changed:
        """M05; raises `BadInput` for what no station should be given, and what `Csms.call` raises."""
        certificate = root_in(pem)
        request = InstallCertificateRequest(
            certificate_type=_use(use), certificate=write_chain((certificate,))
        )
        payload = await self._call(identity, request.action, to_payload(request), timeout=SECONDS)
        answer = parse_response(request.action, payload)
        assert isinstance(answer, InstallCertificateResponse)
        names = await self._chains(identity)
        return Changed(
            status=answer.status.value,
            reason=_words(answer.status_info),
            shown=any(_is(one.certificate_hash_data, certificate) for one in names),
        )

    async def holds(self, identity: str, certificate: x509.Certificate, use: str) -> bool:
        """Whether the station says that it has this root for this use; raises what `Csms.call` raises."""
        return any(_is_for(one, certificate, use) for one in await self._chains(identity))

    async def withdraw(self, identity: str, certificate: x509.Certificate, use: str) -> Changed:
        """Take a root out that `holds` has shown (M04.FR.07: by the station's own hash data).

        Raises `BadInput` for our own root, and for one that is not there, and what `Csms.call` raises.
        """
        if self.is_ours(certificate):
            raise BadInput("that is our own root: nobody could connect on profiles 2 and 3 any more")
        named = [one for one in await self._chains(identity) if _is_for(one, certificate, use)]
        if not named:
            raise BadInput(f"{identity} has no such root", f"ocppsec station certs {identity}")
        request = DeleteCertificateRequest(certificate_hash_data=named[0].certificate_hash_data)
        payload = await self._call(identity, request.action, to_payload(request), timeout=SECONDS)
        answer = parse_response(request.action, payload)
        assert isinstance(answer, DeleteCertificateResponse)
        return Changed(
            status=answer.status.value,
            reason=_words(answer.status_info),
            shown=await self.holds(identity, certificate, use),
        )

    def is_ours(self, certificate: x509.Certificate) -> bool:
        """A root that stations connect by, or are going to: while one follows another, both."""
        named = hash_data(certificate, certificate)
        return self._is_ours(
            OnTheWire(
                hash_algorithm=HashAlgorithm(named.hash_algorithm),
                issuer_name_hash=named.issuer_name_hash,
                issuer_key_hash=named.issuer_key_hash,
                serial_number=named.serial_number,
            )
        )

    async def delete(self, identity: str, serial_number: str, *, even_ours: bool = False) -> Changed:
        """M04, by the hash data that the station itself has given (M04.FR.07).

        Raises `BadInput` when it has no such certificate, has several, or would be cut off without it; *even_ours*
        allows the last.
        """
        found = [one for one in await self._chains(identity) if _named(one, serial_number)]
        if len(found) != 1:
            how_many = "several certificates" if found else "no certificate"
            raise BadInput(
                f"{identity} has {how_many} with serial number {serial_number[:40]}",
                f"ocppsec station certs {identity}",
            )
        (chain,) = found
        if self._is_ours(chain.certificate_hash_data) and not even_ours:
            raise BadInput(
                "that is our own root: without it the station cannot connect on profiles 2 and 3 any more",
                "add --force if that is what you want",
            )
        request = DeleteCertificateRequest(certificate_hash_data=chain.certificate_hash_data)
        payload = await self._call(identity, request.action, to_payload(request), timeout=SECONDS)
        answer = parse_response(request.action, payload)
        assert isinstance(answer, DeleteCertificateResponse)
        return Changed(
            status=answer.status.value,
            reason=_words(answer.status_info),
            shown=any(_named(one, serial_number) for one in await self._chains(identity)),
        )

    async def _chains(self, identity: str) -> tuple[CertificateHashDataChain, ...]:
        request = GetInstalledCertificateIdsRequest()
        payload = await self._call(identity, request.action, to_payload(request), timeout=SECONDS)
        answer = parse_response(request.action, payload)
        assert isinstance(answer, GetInstalledCertificateIdsResponse)
        chains = answer.certificate_hash_data_chain or ()
        if self._book is not None:
            await self._book.told(identity, chains)
        return chains


def _is_for(named: CertificateHashDataChain, certificate: x509.Certificate, use: str) -> bool:
    return named.certificate_type.value == use and _is(named.certificate_hash_data, certificate)


def _is(named: OnTheWire, certificate: x509.Certificate) -> bool:
    """True when *named* is this root, in the algorithm the station has chosen."""
    ours = hash_data(certificate, certificate, named.hash_algorithm.value)
    theirs = CertificateHashData(
        hash_algorithm=named.hash_algorithm.value,
        issuer_name_hash=named.issuer_name_hash,
        issuer_key_hash=named.issuer_key_hash,
        serial_number=named.serial_number,
    )
    return same(ours, theirs)


def _named(chain: CertificateHashDataChain, serial_number: str) -> bool:
    wanted = serial_number.replace(":", "").lower().lstrip("0")
    return chain.certificate_hash_data.serial_number.lower().lstrip("0") == wanted


def root_in(pem: str) -> x509.Certificate:
    """LESSONS, stations in the field 5: never a leaf or an intermediate."""
    try:
        certificate = read_certificate(pem)
        root = is_ca(certificate.extensions) and certificate.issuer == certificate.subject
    except BadPem as error:
        raise BadInput(
            f"that is not one certificate in PEM: {error.reason}", "give the root alone"
        ) from error
    except ValueError as error:
        raise BadInput(
            f"the certificate is malformed: {error}", "look at it: ocppsec cert inspect FILE"
        ) from error
    if not root:
        raise BadInput(
            "only roots are installed, and this is none: stations keep nothing else",
            "look at it: ocppsec cert inspect FILE",
        )
    return certificate


def _use(use: str) -> InstallCertificateUse:
    try:
        return InstallCertificateUse(use)
    except ValueError:
        raise BadInput(f"{use[:40]!r} is no use", f"one of {', '.join(InstallCertificateUse)}") from None


def _words(info: Any) -> str:
    if info is None:
        return ""
    return f"{info.reason_code}: {info.additional_info}" if info.additional_info else str(info.reason_code)
