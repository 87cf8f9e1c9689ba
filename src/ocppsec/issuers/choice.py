"""Which CA signs, as the operator configured it."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from ocppsec.issuers.cfssl import Cfssl
from ocppsec.issuers.est import Est
from ocppsec.issuers.issuer import Issuer
from ocppsec.issuers.step_ca import Provisioner, StepCa
from ocppsec.issuers.vault import AppRole, Vault, VaultToken
from ocppsec.issuers.web import BadEndpoint, Endpoint

_PATIENCE = 0.6
"""Of the time a CA has: so long one that says "later" is asked again."""


class CaKind(StrEnum):
    EST = "est"
    STEP_CA = "step-ca"
    VAULT = "vault"
    CFSSL = "cfssl"

    @property
    def words(self) -> str:
        return {
            CaKind.EST: "EST server",
            CaKind.STEP_CA: "step-ca",
            CaKind.VAULT: "Vault",
            CaKind.CFSSL: "cfssl",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCa:
    kind: CaKind
    url: str
    ca: Path
    """PEM: its root, the CA that issues, and what is between."""
    profile: str | None = None
    """The role of Vault, the profile of cfssl, the label of EST."""
    mount: str = "pki"
    """Of Vault's engine."""
    user: str | None = None
    """For EST the name of HTTP Basic, for Vault the role_id of an AppRole, for step-ca the provisioner."""
    secret: str | None = field(default=None, repr=False)
    """The password, secret_id, or token without a user; cfssl's auth key in hex; the provisioner's private JWK."""
    tls_ca: Path | None = None
    """What the TLS certificate of *url* is verified against; the system's store by default."""
    certificate: Path | None = None
    """Our TLS client certificate there, PEM with its chain."""
    key: Path | None = None
    seconds: float = 20.0
    """What it has for one certificate, logins included."""


def open_ca(settings: ForeignCa) -> Issuer:
    """Raises `BadEndpoint`, which says what is missing; asks nobody yet."""
    endpoint = Endpoint(
        settings.url,
        kind=settings.kind.words,
        seconds=settings.seconds,
        tls_ca=settings.tls_ca,
        certificate=settings.certificate,
        key=settings.key,
        secrets=(settings.secret or "",),
    )
    match settings.kind:
        case CaKind.EST:
            user = None if settings.user is None else (settings.user, settings.secret or "")
            if user is None and settings.certificate is None:
                raise BadEndpoint(
                    "an EST server has to know who asks: set issuer.user with issuer.secret, or issuer.certificate"
                )
            patience = settings.seconds * _PATIENCE
            return Est(endpoint, profile=settings.profile, user=user, patience=patience)
        case CaKind.STEP_CA:
            name, jwk = _needed(settings.user, "user"), _needed(settings.secret, "secret")
            return StepCa(endpoint, Provisioner(name, jwk))
        case CaKind.VAULT:
            secret, role = _needed(settings.secret, "secret"), _needed(settings.profile, "profile")
            login = VaultToken(secret) if settings.user is None else AppRole(settings.user, secret)
            return Vault(endpoint, role=role, credentials=login, mount=settings.mount)
        case CaKind.CFSSL:
            profile, key = _needed(settings.profile, "profile"), _needed(settings.secret, "secret")
            return Cfssl(endpoint, profile=profile, key=key)
        case _:
            assert_never(settings.kind)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise BadEndpoint(f"issuer.{name} is missing")
    return value
