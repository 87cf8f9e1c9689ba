"""M06: a station asks through us whether a certificate is revoked; we ask the responder it names.

The station chooses the URL, so it is not believed (`ocppsec.csms.outward`): plain HTTP only (OCSP is signed), few at
once, and what is known is not asked again while it is good.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

import httpx2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ocppsec.csms.outward import Errand, Outward, Resolve, Unanswered, addresses

RESULT_LIMIT: Final = 5_500
"""GetCertificateStatusResponse.ocspResult, in characters (2.0.1 schema)."""
_ANSWER_BYTES: Final = RESULT_LIMIT * 3 // 4
_MOST_AT_ONCE: Final = 8
_MOST_KNOWN: Final = 1_000
_LONGEST_KNOWN: Final = timedelta(days=1)
_ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}

Own = Callable[[bytes], Awaitable[bytes]]
"""Our own responder: the answer to a request (DER), *unauthorized* for what is not of our CA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OCSPRequestData:
    """What a station asks, as the schema has it."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Self:
        """*payload* of a GetCertificateStatus that is valid by the schema."""
        data = payload["ocspRequestData"]
        return cls(
            hash_algorithm=data["hashAlgorithm"],
            issuer_name_hash=data["issuerNameHash"],
            issuer_key_hash=data["issuerKeyHash"],
            serial_number=data["serialNumber"],
            responder_url=data["responderURL"],
        )


class NoStatus(Exception):  # noqa: N818  what came of it
    """The query did not succeed; the station is answered Failed, and this is why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    result: str
    until: datetime


class StatusDesk:
    def __init__(
        self,
        *,
        own: Own,
        inside: frozenset[str],
        now: Callable[[], datetime],
        resolve: Resolve | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        seconds: float = 10.0,
    ) -> None:
        """*inside* names the hosts that may be asked although they have an address of our own networks."""
        self._own = own
        self._outward = Outward(
            inside=inside, whose="csms.ocsp_hosts", resolve=resolve or addresses, transport=transport
        )
        self._now = now
        self._seconds = seconds
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def ask(self, data: OCSPRequestData) -> str:
        """The OCSP response in base64; raises `NoStatus`."""
        request = _request(data)
        known = self._known.get(request)
        if known is not None and self._now() < known.until:
            return known.result
        try:
            async with asyncio.timeout(self._seconds):
                # Held while asking: stations that flood wait for each other, not we for them.
                async with self._room:
                    answer = await self._answer(request, data.responder_url)
        except TimeoutError:
            raise NoStatus(f"no answer within {self._seconds:g} s") from None
        return self._checked(request, answer, data)

    async def _answer(self, request: bytes, url: str) -> bytes:
        ours = await self._own(request)
        if ocsp.load_der_ocsp_response(ours).response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
            return ours
        return await self._fetch(request, url)

    async def _fetch(self, request: bytes, url: str) -> bytes:
        errand = Errand(
            url=url,
            schemes=("http",),
            limit=_ANSWER_BYTES,
            seconds=self._seconds,
            content=request,
            content_type="application/ocsp-request",
        )
        try:
            return await self._outward.fetch(errand)
        except Unanswered as error:
            raise NoStatus(f"the responder: {error}") from error

    def _checked(self, request: bytes, answer: bytes, data: OCSPRequestData) -> str:
        """M06.FR.01: what is passed on is an answer, to this question."""
        try:
            said = ocsp.load_der_ocsp_response(answer)
        except ValueError as error:
            raise NoStatus("the responder's answer is no OCSP response") from error
        if said.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise NoStatus(f"the responder says {said.response_status.name.lower()}")
        try:
            about, until = said.serial_number, said.next_update_utc
        except ValueError as error:  # answers to several questions
            raise NoStatus("the responder's answer is to more than one question") from error
        if about != int(data.serial_number, 16):
            raise NoStatus("the responder's answer is to another question")
        result = base64.b64encode(answer).decode()
        if until is not None:
            self._remember(request, result, min(until, self._now() + _LONGEST_KNOWN))
        return result

    def _remember(self, request: bytes, result: str, until: datetime) -> None:
        self._known[request] = _Known(result=result, until=until)
        self._known.move_to_end(request)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


def _request(data: OCSPRequestData) -> bytes:
    try:
        built = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            bytes.fromhex(data.issuer_name_hash),
            bytes.fromhex(data.issuer_key_hash),
            int(data.serial_number, 16),
            _ALGORITHMS[data.hash_algorithm],
        )
        return built.build().public_bytes(Encoding.DER)
    except ValueError as error:
        raise NoStatus(f"the hash data names no certificate: {error}") from error
