"""What the CSMS answers itself, where the certificate authority does not do its part."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.reasons import Reason, ReasonCode
from ocppsec.certificates.request import RefusedRequest
from ocppsec.csms.certifier import Certified
from ocppsec.csms.security import Security
from ocppsec.csms.sessions import Sessions
from ocppsec.events import CertificateNotDelivered, SigningFailed
from ocppsec.link.errors import CallTimedOut
from ocppsec.ocppj.connection import CallReceived
from ocppsec.profiles.profile import SecurityProfile

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GOOD = Certified(chain="-----BEGIN CERTIFICATE-----\n", fingerprint="ab" * 32)


@dataclass
class Link:
    """Writes down, in order, what leaves."""

    said: list[Any] = field(default_factory=list)
    silent: bool = False

    def answer(self, call_id, payload):
        self.said.append(("answer", payload["status"]))

    async def call(self, action, payload, *, timeout):
        self.said.append(("call", action))
        if self.silent:
            raise CallTimedOut(action, timeout)
        return {"status": "Accepted"}


@dataclass
class Session:
    link: Link
    identity: str = "CS001"
    profile: SecurityProfile = SecurityProfile.TLS_BASIC
    facts: Any = field(default_factory=lambda: SimpleNamespace(certificate=None))


class NoUpgrade:
    """No upgrade of this station waits for a request."""

    async def csr_received(self, identity, csr):
        return False


@dataclass
class Renewals:
    """Writes down what it was given, in the order of what leaves."""

    said: list[Any]

    async def csr_received(self, identity, csr):
        self.said.append(("renewal", csr))


@dataclass
class Certifier:
    """Approves, and certifies as it is told."""

    outcome: Any

    async def receive(self, identity, csr, *, secure, shown):
        return GOOD

    async def certify(self, identity, csr):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def renewal(outcome, *, silent=False, profile=SecurityProfile.TLS_BASIC):
    """A station asks by itself (A03), on profile 2 for its first certificate; gives what left and the events."""
    events: list[Any] = []
    link = Link(silent=silent)
    security = Security(
        None,
        Sessions(),
        NoUpgrade(),
        Renewals(link.said),
        None,
        Certifier(outcome),
        None,
        None,
        None,
        emit=events.append,
        now=lambda: NOW,
    )
    await security.sign(
        Session(link, profile=profile), CallReceived("1", "SignCertificate", {"csr": "a request"})
    )
    return link.said, events


async def test_a_request_is_answered_and_then_certified():
    """The answer to SignCertificate leaves before CertificateSigned does (A02.FR.11)."""
    said, events = await renewal(GOOD)
    assert said == [("answer", "Accepted"), ("call", "CertificateSigned")]
    assert not events


async def test_a_ca_that_cannot_sign_is_told():
    """LESSONS 9: the station was answered Accepted already, so the operator has to hear that nothing follows."""
    said, events = await renewal(IssueFailed("the CA expired"))
    assert said == [("answer", "Accepted")]
    assert events == [SigningFailed(identity="CS001", reason="the CA expired")]


async def test_a_certificate_nobody_takes_is_told():
    """A02.FR.17: the station asks again; meanwhile the operator knows that CertificateSigned had no answer."""
    said, events = await renewal(GOOD, silent=True)
    assert said[-1] == ("call", "CertificateSigned")
    assert [type(event) for event in events] == [CertificateNotDelivered]


async def test_a_request_that_became_bad_meanwhile_is_not_certified():
    """Between the answer and the signature the key may be revoked: then nothing is delivered."""
    said, _ = await renewal(
        RefusedRequest((Reason(ReasonCode.KEY_REVOKED, "a certificate for this key was revoked"),))
    )
    assert said == [("answer", "Accepted")]


async def test_on_profile_3_it_is_a_renewal():
    """Where a handshake can prove the new certificate, the request begins a renewal, after it was answered."""
    said, _ = await renewal(GOOD, profile=SecurityProfile.TLS_CLIENT)
    assert said == [("answer", "Accepted"), ("renewal", "a request")]


class Waiting(NoUpgrade):
    """Its station's requests are waited for; writes down what became of them."""

    def __init__(self):
        self.refused = []

    async def csr_refused(self, identity, reasons, *, later=False):
        self.refused.append(later)


class Refuses(Certifier):
    async def receive(self, identity, csr, *, secure, shown):
        return self.outcome


@pytest.mark.parametrize(
    ("code", "later"), [(ReasonCode.TOO_MANY_REQUESTS, True), (ReasonCode.KEY_REVOKED, False)]
)
async def test_our_own_ration_is_no_verdict_on_the_request(code, later):
    """An upgrade waits for its turn where requests come too fast, and ends where one is bad."""
    link, upgrades = Link(silent=False), Waiting()
    renewals = Waiting()
    refuses = Refuses(RefusedRequest((Reason(code, "so"),)))
    security = Security(
        None,
        Sessions(),
        upgrades,
        renewals,
        None,
        refuses,
        None,
        None,
        None,
        emit=lambda _: None,
        now=lambda: NOW,
    )

    await security.sign(
        Session(link, profile=SecurityProfile.TLS_BASIC),
        CallReceived("1", "SignCertificate", {"csr": "a request"}),
    )

    assert link.said == [("answer", "Rejected")]
    assert upgrades.refused == [later]
