"""PEM as it arrives from the field, and as we write it.

Reading is tolerant where stations and copy-and-paste are sloppy without being ambiguous (CRLF, line ends
written as a backslash and an n, a trailing NUL) and strict where two readers could see two different things:
text between the blocks, another block of the same kind, bytes behind the DER, anything too large.
"""

import base64
import binascii
import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

CHAIN_LIMIT = 10_000
"""CertificateSigned.certificateChain, in characters (2.0.1 schema)."""
CERTIFICATE_LIMIT = 5_500
"""InstallCertificate.certificate and SignCertificate.csr, in characters (2.0.1 schema)."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----\s*", re.ASCII)


class BadPem(ValueError):  # noqa: N818  what it is, not what went wrong in us
    """The text is not the PEM we asked for; `reason` says why in words fit for a log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_certificates(text: str | bytes, *, limit: int = CHAIN_LIMIT) -> tuple[x509.Certificate, ...]:
    """All certificates in *text*, in its order; at least one, else `BadPem`."""
    blocks = read_blocks(text, labels=("CERTIFICATE",), limit=limit)
    return tuple(_certificate(der, number) for number, der in enumerate(blocks, start=1))


def read_certificate(text: str | bytes, *, limit: int = CERTIFICATE_LIMIT) -> x509.Certificate:
    """The one certificate in *text*; `BadPem` when there are more."""
    certificates = read_certificates(text, limit=limit)
    if len(certificates) != 1:
        raise BadPem(f"{len(certificates)} certificates where one is expected")
    return certificates[0]


def write_chain(certificates: Iterable[x509.Certificate]) -> str:
    """PEM with LF line ends: stations refuse CRLF (steve-community/steve#2093)."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)


def read_blocks(text: str | bytes, *, labels: tuple[str, ...], limit: int) -> tuple[bytes, ...]:
    """The DER of every block in *text*; `BadPem` on anything but blocks labelled with one of *labels*."""
    plain = _plain(text, limit)
    found: list[bytes] = []
    position = 0
    while position < len(plain):
        block = _BLOCK.match(plain, position)
        if block is None:
            raise BadPem(f"not a PEM block at character {position + 1}")
        if block[1] not in labels:
            raise BadPem(f"a PEM block {block[1]!r} where {labels[0]!r} is expected")
        found.append(_base64(block[2]))
        position = block.end()
    if not found:
        raise BadPem("empty: no PEM block")
    return tuple(found)


def _plain(text: str | bytes, limit: int) -> str:
    if len(text) > limit:
        raise BadPem(f"{len(text)} characters, at most {limit} are allowed")
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise BadPem(f"a byte that is not ASCII at position {error.start + 1}") from None
    plain = plain.rstrip("\0")
    if "\n" not in plain:  # LESSONS, stations in the field 9: escaped once too often
        plain = plain.replace("\\r", "").replace("\\n", "\n")
    return plain.strip()


def _base64(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as error:
        raise BadPem(f"the base64 in the PEM block is broken: {error}") from None


def _certificate(der: bytes, number: int) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise BadPem(f"certificate {number} cannot be read: {error}") from error
