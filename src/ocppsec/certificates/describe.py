"""A certificate in words, for people at a terminal or reading a log."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocppsec.certificates.facts import extended_key_usage, fingerprint, is_ca, serial_number

_PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string: "TLS client",
    ExtendedKeyUsageOID.SERVER_AUTH.dotted_string: "TLS server",
}


def describe(certificate: x509.Certificate) -> str:
    """Several lines, without a final line end; raises ValueError when an extension is malformed."""
    return "\n".join(
        f"{label:<12}{text}"
        for label, text in (
            ("subject", certificate.subject.rfc4514_string()),
            ("issuer", _issuer(certificate)),
            ("serial", serial_number(certificate)),
            (
                "valid",
                f"{certificate.not_valid_before_utc:%F %T}Z to {certificate.not_valid_after_utc:%F %T}Z",
            ),
            ("key", _key(certificate)),
            ("use", _use(certificate)),
            ("SHA-256", fingerprint(certificate)),
        )
    )


def _issuer(certificate: x509.Certificate) -> str:
    own = certificate.issuer == certificate.subject
    return "itself" if own else certificate.issuer.rfc4514_string()


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size} bits"
    return certificate.public_key_algorithm_oid.dotted_string


def _use(certificate: x509.Certificate) -> str:
    who = "issues certificates" if is_ca(certificate.extensions) else "issues none"
    purposes = extended_key_usage(certificate.extensions)
    if purposes is None:
        return f"{who}, any purpose"
    return f"{who}, " + ", ".join(sorted(_PURPOSES.get(purpose, purpose) for purpose in purposes))
