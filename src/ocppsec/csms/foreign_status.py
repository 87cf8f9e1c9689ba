"""Asks the CAs of others whether they have revoked a certificate: lists ahead of time, OCSP when it is needed."""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509

from ocppsec.certificates.foreign_status import Cause, ForeignIssuer, StatusRule, Unclear, Verdict
from ocppsec.events import Emit


class ForeignStatus:
    def __init__(
        self,
        issuers: Sequence[ForeignIssuer],
        *,
        inside: frozenset[str],
        emit: Emit,
        now: Callable[[], datetime],
        seconds: float = 2.0,
    ) -> None:
        """*inside* names hosts that may be asked although they have an address of our own networks, besides those
        that the rules of the issuers name.
        """
        self._issuers = {issuer.certificate: issuer for issuer in issuers}

    async def run(self) -> None:
        """Fetch lists ahead, for as long as this is not cancelled."""

    def rule_of(self, issuer: x509.Certificate) -> StatusRule | None:
        found = self._issuers.get(issuer)
        return None if found is None else found.rule

    async def verdict(self, leaf_der: bytes, issuer: x509.Certificate) -> Verdict:
        """What is known of the certificate *leaf_der*, which *issuer* has issued; within *seconds*."""
        return Unclear(cause=Cause.NO_SOURCE, reason="nobody is asked yet")
