"""Certificate requests of stations, in memory."""

from dataclasses import replace
from datetime import datetime

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import CertificateRequest, RequestState
from ocppsec.registry.store import REQUESTS_KEPT, Superseded

_UNSETTLED = (RequestState.WAITING, RequestState.ACCEPTED, RequestState.APPROVED)


class Requests(Base):
    def __init__(self) -> None:
        super().__init__()
        self._requests: dict[str, CertificateRequest] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        for request in list(self._requests.values()):
            if request.identity == identity and _is_open(request):
                del self._requests[request.id]

    async def add_request(self, request: CertificateRequest) -> None:
        self._registered(request.identity)
        of_station = [each for each in self._requests.values() if each.identity == request.identity]
        if request.state is RequestState.WAITING:
            for each in of_station:
                if each.state is RequestState.WAITING:
                    self._requests[each.id] = replace(each, state=RequestState.REPLACED)
        self._requests[request.id] = request
        settled = [
            each
            for each in self._requests.values()
            if each.identity == request.identity and not _is_open(each)
        ]
        for old in settled[:-REQUESTS_KEPT]:
            del self._requests[old.id]

    async def save_request(self, request: CertificateRequest, *, before: RequestState) -> None:
        self._check_open()
        stored = self._requests.get(request.id)
        if stored is None or stored.state is not before:
            raise Superseded(f"request {request.id} is no longer {before}")
        self._requests[request.id] = replace(
            request,
            identity=stored.identity,
            csr=stored.csr,
            public_key_sha256=stored.public_key_sha256,
            received_at=stored.received_at,
            fingerprint=request.fingerprint or stored.fingerprint,
        )

    async def request(self, request_id: str) -> CertificateRequest | None:
        self._check_open()
        return self._requests.get(request_id)

    async def request_for_key(self, identity: str, public_key_sha256: str) -> CertificateRequest | None:
        of_station = await self.requests(identity=identity, limit=len(self._requests))
        return next((each for each in of_station if each.public_key_sha256 == public_key_sha256), None)

    async def requests(
        self, *, identity: str | None = None, state: RequestState | None = None, limit: int = 100
    ) -> list[CertificateRequest]:
        self._check_open()
        found = [
            each
            for each in self._requests.values()
            if (identity is None or each.identity == identity) and (state is None or each.state is state)
        ]
        return found[::-1][: max(0, limit)]


def _is_open(request: CertificateRequest) -> bool:
    """It waits, or may be signed."""
    return request.state in _UNSETTLED and request.fingerprint is None
