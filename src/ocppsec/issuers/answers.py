"""Certificates as the JSON interfaces of CAs give them: PEM in strings."""

from typing import Any

from cryptography import x509

from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.issuers.web import Endpoint

_LIMIT = 100_000


def certificates_in(endpoint: Endpoint, *texts: Any) -> tuple[x509.Certificate, ...]:
    """All certificates in *texts*: PEM, lists of PEM, or None where a field was left out; raises `AskFailed`."""
    found: list[x509.Certificate] = []
    for text in texts:
        if text is None or text == "":
            continue
        if isinstance(text, list):
            found += certificates_in(endpoint, *text)
            continue
        if not isinstance(text, str):
            raise endpoint.nonsense("a certificate in it is no text")
        try:
            found += read_certificates(text, limit=_LIMIT)
        except BadPem as error:
            raise endpoint.nonsense(f"a certificate in it is not PEM: {error.reason}") from None
    return tuple(found)
