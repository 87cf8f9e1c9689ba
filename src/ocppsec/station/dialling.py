"""One attempt to connect on one slot: URL, credentials, trust, and what a failure means.

The CSMS has to be the one its certificate names before anything is said on the connection.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from ocppsec.link.connect import connect
from ocppsec.link.errors import ConnectFailed, ConnectRefused
from ocppsec.link.link import Handler, Link
from ocppsec.ocppj.messages import NetworkConnectionProfile
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.config import FactoryCertificate, StationConfig
from ocppsec.station.memory import Memory
from ocppsec.station.own_certificates import to_present
from ocppsec.station.remembered import OwnCertificate, Remembered
from ocppsec.station.tls import client_context, objection_to_server, security_event_of, server_certificate
from ocppsec.station.trust import CSMS_ROOT

_REFUSED: Final = "FailedToAuthenticateAtCsms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """All that one attempt needs."""

    config: StationConfig
    kept: Remembered
    connection: NetworkConnectionProfile
    recovering: bool
    """Present the certificate that worked before, not the newest (A02.FR.28)."""
    wildcards: bool
    """AllowCSMSTLSWildcards."""
    fallback_root: bool = False
    """Trust the CSMS root that was replaced (M05.FR.14, 16)."""
    presents: FactoryCertificate | None = None
    """A manner's certificate, instead of the station's own."""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """A manner's, over the right ones."""
    subprotocol: str = "ocpp2.0.1"

    @property
    def url(self) -> str:
        """Part 4 §3.1.1: the endpoint, a slash, the identity percent-encoded."""
        return f"{self.connection.ocpp_csms_url.rstrip('/')}/{quote(self.config.identity, safe='')}"

    @property
    def own_certificate(self) -> OwnCertificate | None:
        if self.connection.security_profile != SecurityProfile.TLS_CLIENT:
            return None
        return to_present(self.kept, recovering=self.recovering)

    @property
    def roots(self) -> tuple[str, ...]:
        if self.fallback_root and self.kept.fallback_root is not None:
            return (self.kept.fallback_root,)
        return tuple(root.pem for root in self.kept.roots if root.use == CSMS_ROOT)

    @property
    def headers(self) -> dict[str, str]:
        """A00.FR.203, 302: with every request, without waiting to be asked."""
        profile = self.connection.security_profile
        if profile not in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC) or self.kept.password is None:
            return dict(self.extra_headers)
        return {**basic(self.config.identity, self.kept.password.encode()), **self.extra_headers}

    def credentials(self, memory: Memory) -> tuple[str, bytes] | None:
        """Chain and private key for the handshake, both PEM."""
        if self.presents is not None:
            return self.presents.chain_pem, self.presents.key_pem
        own = self.own_certificate
        return (own.chain_pem, memory.key(own.key)) if own else None


def basic(user: str, password: bytes) -> dict[str, str]:
    """RFC 7617, over bytes: a password need not be text."""
    return {"Authorization": f"Basic {base64.b64encode(user.encode() + b':' + password).decode('ascii')}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why no connection stands.  `status` is there when the CSMS answered with HTTP."""

    stage: str
    reason: str
    event: str | None
    """The security event this calls for."""
    status: int | None = None


class Dialler(Protocol):
    """How a station makes a connection; `dial` is the right way."""

    async def __call__(
        self, attempt: Dial, handler: Handler, /, *, memory: Memory, new_id: Callable[[], str]
    ) -> Link | Failure: ...


async def dial(
    attempt: Dial, handler: Handler, *, memory: Memory, new_id: Callable[[], str]
) -> Link | Failure:
    """A connection to a CSMS that is what its certificate says, or why there is none."""
    profile = attempt.connection.security_profile
    own = attempt.credentials(memory)
    if profile == SecurityProfile.TLS_CLIENT and own is None:
        return Failure(stage="tls", reason="there is no ChargingStationCertificate to present", event=None)
    context = None
    if profile >= SecurityProfile.TLS_BASIC:
        context = client_context(
            attempt.roots,
            ciphers=attempt.config.ciphers,
            wildcards=attempt.wildcards,
            certificate=own,
            version=attempt.config.tls_version,
        )
    try:
        link = await connect(
            attempt.url,
            handler,
            new_id=new_id,
            ssl_context=context,
            headers=attempt.headers,
            subprotocol=attempt.subprotocol,
            timeout=attempt.config.call_timeout,
            source=attempt.config.source,
        )
    except ConnectRefused as error:
        event = _REFUSED if error.status in (401, 403) else None
        return Failure(stage="http", reason=error.reason, event=event, status=error.status)
    except ConnectFailed as error:
        event = security_event_of(error.reason) if error.stage == "tls" else None
        if own is not None and error.stage == "http":
            # With TLS 1.3 a refused client certificate shows only after the handshake: no HTTP answer comes.
            event = _REFUSED
        return Failure(stage=error.stage, reason=error.reason, event=event)
    return link if context is None else _judged(link, attempt)


def _judged(link: Link, attempt: Dial) -> Link | Failure:
    certificate = server_certificate(link)
    host = urlsplit(attempt.url).hostname or ""
    objection = (
        "the CSMS presented no certificate"
        if certificate is None
        else objection_to_server(certificate, host, wildcards=attempt.wildcards)
    )
    if objection is None:
        return link
    link.abort(objection)  # A00.FR.311, 414
    return Failure(stage="tls", reason=objection, event="InvalidCsmsCertificate")
