"""What a certificate wants to be, read from what it says of itself."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocppsec.certificates.facts import CLIENT_AUTH, SERVER_AUTH, extended_key_usage, is_ca
from ocppsec.certificates.lint import Kind


def kind_of(certificate: x509.Certificate) -> Kind | None:
    """The kind that its purposes name; None when they name none or several.

    Raises ValueError when an extension is malformed.
    """
    authority = is_ca(certificate.extensions)
    if authority and certificate.issuer == certificate.subject:
        return Kind.ROOT
    usages = extended_key_usage(certificate.extensions) or frozenset()
    if usages == {ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string}:
        return Kind.OCSP_RESPONDER
    match sorted(usages):
        case [only] if only == CLIENT_AUTH:
            return Kind.STATION_ISSUER if authority else Kind.STATION
        case [only] if only == SERVER_AUTH:
            return Kind.SERVER_ISSUER if authority else Kind.SERVER
    return None
