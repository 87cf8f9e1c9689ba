"""The PKI secrets engine of Vault and OpenBao: ``sign/<role>``, with a token or by AppRole.

The role fixes what a certificate is for; names and lifetime we say ourselves, and `ocppsec.issuers.checks` looks whether
the role let that pass.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.issuers.answers import certificates_in
from ocppsec.issuers.issuer import AskFailed, NotAsked, Order, Revocation
from ocppsec.issuers.web import Answer, Endpoint

_USED_OF_LEASE = 2 / 3


@dataclass(frozen=True, slots=True)
class VaultToken:
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppRole:
    role_id: str
    secret_id: str = field(repr=False)


class Vault:
    def __init__(
        self, endpoint: Endpoint, *, role: str, credentials: VaultToken | AppRole, mount: str = "pki"
    ) -> None:
        self._endpoint = endpoint
        self._mount = mount.strip("/")
        self._role = role
        self._credentials = credentials
        self._token: str | None = None
        self._good_until = 0.0
        self._login = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        request = x509.load_der_x509_csr(order.csr)
        answer = await self._post(
            f"/v1/{self._mount}/sign/{self._role}",
            {
                "csr": request.public_bytes(Encoding.PEM).decode(),
                "common_name": order.common_name,
                "exclude_cn_from_sans": True,  # a serial number is no host name
                "ttl": f"{int(order.lifetime.total_seconds())}s",
                "format": "pem",
            },
        )
        data = self._endpoint.object_in(answer).get("data")
        if not isinstance(data, dict):
            raise self._endpoint.nonsense("there is no data in it")
        return certificates_in(
            self._endpoint, data.get("certificate"), data.get("issuing_ca"), data.get("ca_chain")
        )

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        answer = await self._endpoint.get(f"/v1/{self._mount}/ca_chain")
        if answer.status != 200:
            raise self._endpoint.refused(answer)
        return certificates_in(self._endpoint, answer.body.decode("ascii", "replace"))

    async def revoke(self, revocation: Revocation) -> None:
        digits = f"{revocation.serial_number:x}"
        even = digits.zfill(len(digits) + len(digits) % 2)
        serial = ":".join(even[start : start + 2] for start in range(0, len(even), 2))
        await self._post(f"/v1/{self._mount}/revoke", {"serial_number": serial})

    async def close(self) -> None:
        await self._endpoint.close()

    async def _post(self, path: str, body: dict[str, Any]) -> Answer:
        answer = await self._endpoint.post_json(path, body, headers=await self._headers())
        if answer.status == 403 and isinstance(self._credentials, AppRole):
            # The token may have been revoked before its time; nothing was signed by a 403.
            self._token = None
            answer = await self._endpoint.post_json(path, body, headers=await self._headers())
        if answer.status not in (200, 204):
            raise self._endpoint.refused(answer)
        return answer

    async def _headers(self) -> dict[str, str]:
        return {"X-Vault-Token": await self._current_token(), "X-Vault-Request": "true"}

    async def _current_token(self) -> str:
        match self._credentials:
            case VaultToken(token=token):
                return token
            case AppRole() as role:
                async with self._login:
                    now = asyncio.get_running_loop().time()
                    if self._token is None or now >= self._good_until:
                        self._token, seconds = await self._logged_in(role)
                        self._good_until = now + seconds * _USED_OF_LEASE
                    return self._token

    async def _logged_in(self, role: AppRole) -> tuple[str, float]:
        try:
            answer = await self._endpoint.post_json(
                "/v1/auth/approle/login", {"role_id": role.role_id, "secret_id": role.secret_id}
            )
            if answer.status != 200:
                raise self._endpoint.refused(answer)
        except AskFailed as error:  # whatever came of a login, no certificate did
            raise NotAsked(f"no login: {error}") from None
        auth = self._endpoint.object_in(answer).get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        lease = auth.get("lease_duration") if isinstance(auth, dict) else None
        if not isinstance(token, str) or not isinstance(lease, int | float):
            raise NotAsked(str(self._endpoint.nonsense("there is no token in it")))
        return token, lease or float("inf")  # 0: it does not end
