"""smallstep's step-ca: ``/1.0/sign`` with a one-time token of a JWK provisioner.

The token says for whom a certificate is wanted and is good for one request within minutes.  Written from the API's
documentation: there is no step-ca among the programs that the tests run against.
"""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.issuers.answers import certificates_in
from ocppsec.issuers.issuer import Order, Revocation
from ocppsec.issuers.web import BadEndpoint, Endpoint

_TOKEN_SECONDS = 300
_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "privilegeWithdrawn": 9,
}
"""RFC 5280 5.3.1."""


class Provisioner:
    """A JWK provisioner: its name, and its private key as JWK (EC P-256)."""

    def __init__(self, name: str, jwk: str, *, clock: Callable[[], float] = time.time) -> None:
        """Raises `BadEndpoint`."""
        try:
            from joserfc.errors import JoseError
            from joserfc.jwk import ECKey
        except ImportError:
            raise BadEndpoint(
                "issuer.kind step-ca needs the package joserfc: pip install 'ocppsec[step-ca]'"
            ) from None
        try:
            key = ECKey.import_key(json.loads(jwk))
        except (ValueError, TypeError, KeyError, JoseError):
            raise BadEndpoint(
                "issuer.secret of step-ca is the provisioner's private JWK, decrypted"
            ) from None
        if key.curve_name != "P-256" or not key.is_private:
            raise BadEndpoint("issuer.secret of step-ca is to be a private JWK of the curve P-256")
        key.ensure_kid()
        self._name, self._key, self._clock = name, key, clock

    def token(self, *, audience: str, subject: str, request_id: str) -> str:
        from joserfc import jwt

        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self._name,
            "aud": audience,
            "sub": subject,
            "sans": [subject],
            "jti": request_id,
            "iat": now,
            "nbf": now,
            "exp": now + _TOKEN_SECONDS,
        }
        return jwt.encode({"alg": "ES256", "typ": "JWT", "kid": self._key.kid}, claims, self._key)


class StepCa:
    def __init__(self, endpoint: Endpoint, provisioner: Provisioner) -> None:
        self._endpoint = endpoint
        self._provisioner = provisioner

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        token = self._provisioner.token(
            audience=f"{self._endpoint.url}/1.0/sign", subject=order.common_name, request_id=order.request_id
        )
        answer = await self._endpoint.post_json(
            "/1.0/sign",
            {
                "csr": x509.load_der_x509_csr(order.csr).public_bytes(Encoding.PEM).decode(),
                "ott": token,
                "notAfter": f"{int(order.lifetime.total_seconds())}s",
            },
        )
        if answer.status not in (200, 201):
            raise self._endpoint.refused(answer)
        found = self._endpoint.object_in(answer)
        if found.get("certChain"):
            return certificates_in(self._endpoint, found["certChain"])
        return certificates_in(self._endpoint, found.get("crt"), found.get("ca"))

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        answer = await self._endpoint.get("/roots")
        if answer.status not in (200, 201):
            raise self._endpoint.refused(answer)
        return certificates_in(self._endpoint, self._endpoint.object_in(answer).get("crts"))

    async def revoke(self, revocation: Revocation) -> None:
        serial = str(revocation.serial_number)
        token = self._provisioner.token(
            audience=f"{self._endpoint.url}/1.0/revoke", subject=serial, request_id=secrets.token_hex(16)
        )
        answer = await self._endpoint.post_json(
            "/1.0/revoke",
            {
                "serial": serial,
                "ott": token,
                "reasonCode": _REASONS.get(revocation.reason, 0),
                "reason": revocation.reason,
                "passive": True,
            },
        )
        if answer.status != 200:
            raise self._endpoint.refused(answer)

    async def close(self) -> None:
        await self._endpoint.close()
