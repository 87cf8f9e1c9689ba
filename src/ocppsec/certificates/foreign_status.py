"""Whether a certificate of somebody else's CA was revoked: what can be known of it, and what follows from that.

A manufacturer's CA tells by a CRL (`ocppsec.certificates.foreign_list`) or by OCSP
(`ocppsec.certificates.foreign_answer`).  It may also be silent, late or talk nonsense, and for each of these an
operator has decided before.  No rule, no answer and no known kind of answer mean no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from cryptography import x509

CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much may the clock of a CA be ahead of ours."""


class StatusPolicy(StrEnum):
    """What an operator wants to know before a certificate of a foreign CA counts."""

    REQUIRED = "required"
    """Known to be good; whatever is not known is refused."""
    WHEN_REACHABLE = "when-reachable"
    """As *required*, except while nobody can be reached who knows."""
    OFF = "off"
    """Nobody is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRule:
    policy: StatusPolicy
    crl: str | None = None
    """Where the list is, whatever the certificates say."""
    ocsp: str | None = None
    """Who is asked, whatever the certificates say."""
    grace: timedelta = timedelta(0)
    """So long behind its nextUpdate a list or an answer is still good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIssuer:
    """A CA that is not ours and issues certificates that are let in."""

    name: str
    certificate: x509.Certificate
    rule: StatusRule


class Cause(StrEnum):
    """Why nothing is known."""

    NO_SOURCE = "no-source"
    """Neither the operator nor the certificate says where to ask."""
    UNREACHABLE = "unreachable"
    """Silence, an error, no address, and nothing usable from before."""
    STALE = "stale"
    """Who was reached told what was true once, and has not been for longer than the grace."""
    NONSENSE = "nonsense"
    """Who was reached told nothing that can be believed: no list, a wrong signature, another question's answer."""
    UNKNOWN = "unknown"
    """The CA's responder does not know the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    source: str
    """Who said so, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    since: datetime
    reason: str
    """A name of RFC 5280 5.3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    cause: Cause
    reason: str
    """In words fit for a log."""


Verdict = Good | Revoked | Unclear


def refusal(verdict: Verdict, policy: StatusPolicy) -> str | None:
    """Why a certificate with this *verdict* is not let in; None when it is.

    Somebody who can keep us from asking can keep a revocation from us: that is what *when-reachable* accepts, and
    all that it accepts.  An answer that cannot be believed is no silence.
    """
    if policy is StatusPolicy.OFF:
        return None
    match verdict:
        case Good():
            return None
        case Revoked(since=since, reason=reason):
            return f"its CA revoked it at {since:%Y-%m-%d %H:%M} UTC ({reason})"
        case Unclear(cause=Cause.UNREACHABLE) if policy is StatusPolicy.WHEN_REACHABLE:
            return None
        case Unclear(reason=reason):
            return f"it is not known whether its CA has revoked it: {reason}"
        case _:
            assert_never(verdict)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """What several sources come to: one that says revoked is enough, and so is one that says good otherwise.

    Of several that know nothing the worst is told: nonsense before silence, so that noise never opens a door.
    """
    for verdict in verdicts:
        if isinstance(verdict, Revoked):
            return verdict
    for verdict in verdicts:
        if isinstance(verdict, Good):
            return verdict
    unclear = [verdict for verdict in verdicts if isinstance(verdict, Unclear)]
    if not unclear:
        return Unclear(cause=Cause.NO_SOURCE, reason="neither the certificate nor the settings say who knows")
    return min(unclear, key=lambda one: _WORST_FIRST.index(one.cause))


_WORST_FIRST = (Cause.UNKNOWN, Cause.NONSENSE, Cause.STALE, Cause.UNREACHABLE, Cause.NO_SOURCE)
