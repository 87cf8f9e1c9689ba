"""CloudFlare's cfssl: ``authsign``, signed with the key that its profile shares with us.

The profile fixes what a certificate is for and how long it lives; the names we say ourselves.
"""

import base64
import hmac
import json
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.issuers.answers import certificates_in
from ocppsec.issuers.issuer import Order, Revocation
from ocppsec.issuers.web import BadEndpoint, Endpoint


class Cfssl:
    def __init__(self, endpoint: Endpoint, *, profile: str, key: str) -> None:
        """*key* is the ``auth_keys`` entry of the profile, in hex; raises `BadEndpoint`."""
        try:
            self._key = bytes.fromhex(key)
        except ValueError:
            raise BadEndpoint("issuer.secret of cfssl is its auth key in hex") from None
        if not self._key:
            raise BadEndpoint("issuer.secret is empty: cfssl would sign for anybody")
        self._endpoint = endpoint
        self._profile = profile

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        request = json.dumps(
            {
                "certificate_request": x509.load_der_x509_csr(order.csr).public_bytes(Encoding.PEM).decode(),
                "profile": self._profile,
                # It replaces the subject of the request: names are the operator's.
                "subject": {"CN": order.common_name, "names": [{"O": order.organization}]},
                "hosts": [],
            }
        ).encode()
        token = hmac.new(self._key, request, sha256).digest()
        answer = await self._endpoint.post_json(
            "/api/v1/cfssl/authsign",
            {"token": base64.b64encode(token).decode(), "request": base64.b64encode(request).decode()},
        )
        if answer.status != 200:
            raise self._endpoint.refused(answer)
        found = self._endpoint.object_in(answer)
        result = found.get("result")
        if not found.get("success") or not isinstance(result, dict):
            raise self._endpoint.nonsense("it is no success, and has no result")
        return certificates_in(self._endpoint, result.get("certificate"))

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        answer = await self._endpoint.post_json("/api/v1/cfssl/info", {"label": "", "profile": self._profile})
        if answer.status != 200:
            raise self._endpoint.refused(answer)
        result = self._endpoint.object_in(answer).get("result")
        return certificates_in(
            self._endpoint, result.get("certificate") if isinstance(result, dict) else None
        )

    async def revoke(self, revocation: Revocation) -> None:
        """Only where it runs with a database of certificates."""
        identifier = revocation.issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        answer = await self._endpoint.post_json(
            "/api/v1/cfssl/revoke",
            {
                "serial": str(revocation.serial_number),
                "authority_key_id": identifier.digest.hex(),
                "reason": revocation.reason.lower(),
            },
        )
        if answer.status != 200:
            raise self._endpoint.refused(answer)

    async def close(self) -> None:
        await self._endpoint.close()
