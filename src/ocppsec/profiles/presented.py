"""What a connection presents as proof, one type for each situation that admission tells apart.

Bytes stay bytes: a 1.6 station's key need not be text.  Nothing here is compared with anything; a password is
kept out of every repr and description.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from ocppsec.certificates.facts import ClientCertificate

_SHORTER_THAN_ANY_PASSWORD = 16
_READABLE = re.compile(rb"[A-Za-z0-9*\-_=+|@. ]+")


@dataclass(frozen=True, slots=True)
class Nothing:
    """No Authorization header."""


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    user: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MalformedCredentials:
    """An Authorization header that cannot be read; *reason* never quotes it."""

    reason: str


Credentials = Nothing | BasicCredentials | MalformedCredentials


@dataclass(frozen=True, slots=True)
class PlainNothing:
    """ws:// without credentials."""

    def describe(self) -> str:
        return "ws (no TLS), no credentials"


@dataclass(frozen=True, slots=True)
class PlainBasicAuth:
    """ws:// with an Authorization header."""

    credentials: BasicCredentials | MalformedCredentials

    def describe(self) -> str:
        return f"ws (no TLS), {_describe(self.credentials)}"


@dataclass(frozen=True, slots=True)
class TlsNothing:
    """wss:// with neither client certificate nor credentials."""

    def describe(self) -> str:
        return "wss, no client certificate, no credentials"


@dataclass(frozen=True, slots=True)
class TlsBasicAuth:
    """wss:// without client certificate, with an Authorization header."""

    credentials: BasicCredentials | MalformedCredentials

    def describe(self) -> str:
        return f"wss, no client certificate, {_describe(self.credentials)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The CA that has signed a client certificate, as far as admission has to know it."""

    not_before: datetime
    not_after: datetime
    manufacturer: str | None = None
    """By which name it stands in the settings; None when it is our own."""
    organizations: frozenset[str] | None = None
    """Which O its certificates may bear; None for any."""
    revoked: str | None = None
    """Since when and why, when it says that it has revoked the certificate."""
    unclear: str | None = None
    """Why it is not known whether it has, where that has to be known."""


@dataclass(frozen=True, slots=True)
class TlsClientCertificate:
    """wss:// with a client certificate that TLS has verified up to one of our anchors, but for its dates."""

    certificate: ClientCertificate
    issuer: Issuer | None = None
    """None: no CA that is trusted now."""

    def describe(self) -> str:
        names = ", ".join(f"CN {name[:64]!a}" for name in self.certificate.common_names[:3]) or "no CN"
        organizations = ", ".join(f"O {name[:64]!a}" for name in self.certificate.organizations[:3]) or "no O"
        of_whom = (
            f" of manufacturer {self.issuer.manufacturer}" if self.issuer and self.issuer.manufacturer else ""
        )
        return (
            f"wss, client certificate{of_whom} with {names}, {organizations}, serial number "
            f"{self.certificate.serial_number}, valid until {self.certificate.not_after:%Y-%m-%d %H:%M} UTC"
        )


Presented = PlainNothing | PlainBasicAuth | TlsNothing | TlsBasicAuth | TlsClientCertificate


def presented_over_plain(credentials: Credentials) -> PlainNothing | PlainBasicAuth:
    return PlainNothing() if isinstance(credentials, Nothing) else PlainBasicAuth(credentials)


def presented_over_tls(
    certificate: ClientCertificate | None, credentials: Credentials, issuer: Issuer | None = None
) -> TlsNothing | TlsBasicAuth | TlsClientCertificate:
    """A certificate outweighs a Basic header, which is then not looked at (spec 14.3, step 6)."""
    if certificate is not None:
        return TlsClientCertificate(certificate, issuer)
    return TlsNothing() if isinstance(credentials, Nothing) else TlsBasicAuth(credentials)


def parse_authorization(headers: Sequence[str], identity: str) -> Credentials:
    """The credentials in the Authorization headers of one request, all of them given.

    The identity is known from the path, so the password begins behind it, whatever colons it holds.
    """
    if not headers:
        return Nothing()
    if len(headers) > 1:
        return MalformedCredentials("more than one Authorization header")
    scheme, _, token = headers[0].strip(" \t").partition(" ")
    if scheme.lower() != "basic":
        return MalformedCredentials("the Authorization scheme is not Basic")
    try:
        decoded = base64.b64decode(token.lstrip(" "), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters outside ASCII
        return MalformedCredentials("the Basic credentials are not base64")
    return _split(decoded, identity)


def _split(decoded: bytes, identity: str) -> BasicCredentials | MalformedCredentials:
    expected = identity.encode() + b":"
    if decoded.startswith(expected):
        return BasicCredentials(identity.encode(), decoded[len(expected) :])
    user, colon, password = decoded.partition(b":")  # A00.FR.204: at the first colon
    if not colon:
        return MalformedCredentials("the Basic credentials hold no colon")
    return BasicCredentials(user, password)


def _describe(credentials: BasicCredentials | MalformedCredentials) -> str:
    match credentials:
        case MalformedCredentials(reason=reason):
            return f"credentials that cannot be read ({reason})"
        case BasicCredentials(user=user):
            return f"Basic credentials of {_describe_user(user)}"
        case _:
            assert_never(credentials)


def _describe_user(user: bytes) -> str:
    # A station whose user name and password were swapped sends its password here: only what is too short
    # to be one may reach a log.
    if len(user) < _SHORTER_THAN_ANY_PASSWORD and _READABLE.fullmatch(user):
        return f"user {user.decode('ascii')!r}"
    return f"a user name of {len(user)} bytes"
