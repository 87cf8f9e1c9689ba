"""Signing requests that a CSMS has to refuse, or to tell apart."""

from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocppsec.certificates.keys import KeyFamily, PrivateKey, key_pem, new_key
from ocppsec.station.conduct import Conduct
from ocppsec.station.manners import forgery
from ocppsec.station.manners.credentials import neighbour
from ocppsec.station.manners.manner import Kind, manner
from ocppsec.station.own_certificates import Subject
from ocppsec.station.signing import NewRequest


def _asking(
    right: Conduct,
    csr: Callable[[PrivateKey, Subject], str],
    key: Callable[[KeyFamily], PrivateKey] = new_key,
) -> Conduct:
    """Signing requests that *csr* makes."""

    def made(family: KeyFamily, subject: Subject) -> NewRequest:
        private = key(family)
        return NewRequest(csr=csr(private, subject), key_pem=key_pem(private))

    return replace(right, request=made)


def _plain(key: PrivateKey, subject: Subject) -> str:
    return forgery.pem_of(forgery.request(key, subject))


@manner("wrong-cn", Kind.ATTACK, "Its CSR names its neighbour's serial number (the last character changed).")
def wrong_cn(right: Conduct) -> Conduct:
    return _asking(
        right, lambda key, who: _plain(key, replace(who, serial_number=neighbour(who.serial_number)))
    )


@manner("wrong-organization", Kind.ATTACK, "Its CSR names another organization than the operator set.")
def wrong_organization(right: Conduct) -> Conduct:
    return _asking(right, lambda key, who: _plain(key, replace(who, organization="Somebody Else")))


@manner("csr-wants-ca", Kind.ATTACK, "Its CSR asks for the certificate of a CA.")
def csr_wants_ca(right: Conduct) -> Conduct:
    ca = x509.BasicConstraints(ca=True, path_length=None)
    return _asking(right, lambda key, who: forgery.pem_of(forgery.request(key, who, ca)))


@manner(
    "csr-wants-server", Kind.ATTACK, "Its CSR asks for the certificate of a server, with localhost in it."
)
def csr_wants_server(right: Conduct) -> Conduct:
    wishes = (
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName([x509.DNSName("localhost")]),
    )
    return _asking(right, lambda key, who: forgery.pem_of(forgery.request(key, who, *wishes)))


@manner(
    "csr-version-2",
    Kind.FIELD,
    "Its CSR has the version number 2 where RFC 2986 has 0; the signature is right.",
)
def csr_version_2(right: Conduct) -> Conduct:
    return _asking(right, lambda key, who: forgery.with_version(key, forgery.request(key, who), 2))


@manner("csr-broken-signature", Kind.ATTACK, "The signature of its CSR is not over that CSR.")
def csr_broken_signature(right: Conduct) -> Conduct:
    return _asking(right, lambda key, who: forgery.with_broken_signature(key, forgery.request(key, who)))


@manner("csr-garbage", Kind.FIRMWARE, "Its CSR is none: the PEM holds other bytes.")
def csr_garbage(right: Conduct) -> Conduct:
    return _asking(right, lambda _key, _who: forgery.armoured(b"no request at all"))


@manner("weak-key", Kind.FIRMWARE, "Its CSR is for an RSA key of 1024 bits.")
def weak_key(right: Conduct) -> Conduct:
    return _asking(right, _plain, lambda _family: rsa.generate_private_key(65_537, 1024))  # noqa: S505  on purpose


@manner("rsa-key", Kind.FIELD, "Its key pairs are RSA with 2048 bits.")
def rsa_key(right: Conduct) -> Conduct:
    return _asking(right, _plain, lambda _family: new_key(KeyFamily.RSA_2048))


@manner("reused-key", Kind.FIRMWARE, "Asks with one and the same key pair every time.")
def reused_key(right: Conduct) -> Conduct:
    made: list[PrivateKey] = []

    def key(family: KeyFamily) -> PrivateKey:
        if not made:
            made.append(new_key(family))
        return made[0]

    return _asking(right, _plain, key)
