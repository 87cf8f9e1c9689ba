"""TLS contexts of a station: TLS 1.2 or newer, and no trust in anything but the installed CSMS roots.

The only place in the station that makes an SSLContext.  A context without a client certificate depends on the
roots alone, so that thousands of profile-2 stations share one.

Names are judged twice.  OpenSSL compares the host with the certificate during the handshake, before a password
could leave; it is content with a subjectAltName.  The standard wants the commonName to match (A00.FR.309, 412)
and no wildcard (E201 2.62), so `objection_to_server` looks again when the handshake is through.
"""

import _ssl
import os
import ssl
import tempfile
import warnings
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.link.link import Link

SUITES: Final = ":".join(
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
    )
)
"""A00.FR.319: both pairs of the standard, forward secrecy first; ECDHE with RSA beside them."""


def client_context(
    roots: tuple[str, ...],
    *,
    ciphers: str | None = None,
    wildcards: bool = False,
    certificate: tuple[str, bytes] | None = None,
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A context that trusts *roots* (PEM) and presents *certificate* (chain PEM, key PEM) when there is one.

    *version* is for stations that are wrong on purpose: that one alone, also an old one.
    """
    if certificate is None and version is None:
        return _shared(roots, ciphers or SUITES, wildcards)
    context = _context(roots, ciphers or SUITES, wildcards)
    if version is not None:
        _only(context, version)
    if certificate is not None:
        _load(context, *certificate)
    return context


@lru_cache(maxsize=64)
def _shared(roots: tuple[str, ...], ciphers: str, wildcards: bool) -> ssl.SSLContext:
    return _context(roots, ciphers, wildcards)


def _context(roots: tuple[str, ...], ciphers: str, wildcards: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.313, 416
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION  # A00.FR.321, 424
    context.set_ciphers(ciphers)
    # Trust ends at what was installed, also where a new root is signed by the old one and not by itself
    # (S201 §2.2.6, note on the fallback root).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A certificate without subjectAltName is what the standard prefers (A00.FR.511), so the CN counts as well.
    flags = _ssl.HOSTFLAG_ALWAYS_CHECK_SUBJECT
    context._host_flags = flags if wildcards else flags | _ssl.HOSTFLAG_NO_WILDCARDS  # type: ignore[attr-defined]  # noqa: SLF001
    if roots:
        context.load_verify_locations(cadata="".join(roots))
    return context


def upload_context(roots: tuple[str, ...]) -> ssl.SSLContext:
    """For log files: what the CSMS link trusts, and what the system does (N01.FR.15, 16)."""
    context = ssl.create_default_context()
    if roots:
        context.load_verify_locations(cadata="".join(roots))
    return context


def _only(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 knows the old versions on no other level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version


def _load(context: ssl.SSLContext, chain_pem: str, key_pem: bytes) -> None:
    """The stdlib loads keys from files only; this one is readable by us alone and gone at once."""
    with tempfile.NamedTemporaryFile(prefix="ocppsec-", suffix=".pem", delete=False) as file:
        file.write(key_pem + b"\n" + chain_pem.encode("ascii"))
    try:
        context.load_cert_chain(file.name)
    finally:
        os.unlink(file.name)  # noqa: PTH108


def server_certificate(link: Link) -> x509.Certificate | None:
    """What the CSMS presented on *link*; None without TLS."""
    tls = link.tls
    der = tls.getpeercert(True) if tls is not None else None
    return x509.load_der_x509_certificate(der) if der else None


def objection_to_server(certificate: x509.Certificate, host: str, *, wildcards: bool) -> str | None:
    """A00.FR.309, 412: why this certificate does not belong to *host*; None when its commonName says so."""
    names = [
        str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if any(_matches(name, host, wildcards=wildcards) for name in names):
        return None
    return f"the CSMS certificate has the commonName {', '.join(names) or '(none)'}, not {host}"


def _matches(name: str, host: str, *, wildcards: bool) -> bool:
    name, host = name.casefold().rstrip("."), host.casefold().rstrip(".")
    if name.startswith("*."):
        return wildcards and "." in name[2:] and host.partition(".")[2] == name[2:]
    return name == host


# -- what a failed handshake means ------------------------------------------------------------------------


def security_event_of(reason: str) -> str | None:
    """The security event a failed handshake calls for, by OpenSSL's words; None for trouble on the line."""
    upper = reason.upper()
    if any(word in upper for word in ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "WRONG_SSL_VERSION")):
        return "InvalidTLSVersion"  # A00.FR.316, 419
    if any(word in upper for word in ("NO_SHARED_CIPHER", "WRONG_CIPHER_RETURNED", "INSUFFICIENT_SECURITY")):
        return "InvalidTLSCipherSuite"  # A00.FR.323, 426
    if "THE SERVER'S CERTIFICATE" in upper or "CERTIFICATE_VERIFY_FAILED" in upper:
        return "InvalidCsmsCertificate"  # A00.FR.310, 413
    if "ALERT" in upper and ("CERT" in upper or "UNKNOWN_CA" in upper):
        return "FailedToAuthenticateAtCsms"
    return None
