"""The interface of a CA that signs for us, whoever runs it.

A CA is asked and believed in nothing: what it answers is judged by `ocppsec.issuers.checks`, and only that makes a
certificate of it.  What is wrong with a CA is said in words an operator can act on, and never with a secret in them.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from cryptography import x509

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.request import ApprovedRequest


class BadIssuer(Exception):  # noqa: N818  what it is
    """The CA is not configured so that it could be asked, or believed; says what to change."""


class AskFailed(IssueFailed):
    """A CA was asked and gave nothing that could be a certificate; the message names it."""


class NotAsked(AskFailed):
    """It cannot have signed anything: it was not reached, or refused to."""


class Declined(NotAsked):
    """It answered, and the answer is no."""

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status

    @property
    def for_good(self) -> bool:
        """The same question gets the same answer: it is not about who asks, or when."""
        return self.status not in (401, 403, 408, 425, 429)


class NotYet(AskFailed):
    """It wants to be asked again, later, with the same request (RFC 7030 4.2.3)."""

    def __init__(self, text: str, *, ca: str, seconds: float) -> None:
        super().__init__(text)
        self.ca = ca
        self.seconds = seconds


class CannotRevoke(AskFailed):
    """CAs of this kind take no revocations from us: its operator has to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted of a CA."""

    request_id: str
    """Random, new for each time a CA is asked; kept before it is."""
    approved: ApprovedRequest
    csr: bytes = field(repr=False)
    """DER, exactly as the station signed it."""
    lifetime: timedelta
    renews: bool = False
    """The station has a certificate of this CA in force."""

    @property
    def common_name(self) -> str:
        return self.approved.serial_number

    @property
    def organization(self) -> str:
        return self.approved.organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    serial_number: int
    issuer: x509.Certificate
    reason: str
    """RFC 5280's word, such as keyCompromise."""


class Issuer(Protocol):
    @property
    def name(self) -> str:
        """For people: what and where, such as "the EST server at https://ca.example"."""

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        """What the CA answered, in its order; nothing of it is judged yet.

        Raises `NotAsked` when it surely signed nothing, `AskFailed` when that is not known.
        """

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        """CA certificates that it shows: its root, the CA that issues, or both.  They are compared, not believed.

        Raises `AskFailed`.
        """

    async def revoke(self, revocation: Revocation) -> None:
        """Tell the CA; repeating it is harmless.  Raises `CannotRevoke`, `AskFailed`."""

    async def close(self) -> None:
        """Harmless when repeated."""
