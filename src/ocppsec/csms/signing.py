"""A station's request at our CA, or the one that signs for us: what came of it, in the workflows' own words."""

from typing import Protocol

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.reasons import ReasonCode
from ocppsec.certificates.request import RefusedRequest
from ocppsec.csms.certifier import Certified
from ocppsec.csms.request_book import Waits
from ocppsec.events import Emit, SigningFailed
from ocppsec.upgrades.exchange import ApprovalNeeded, Signed, SigningRefused


class Signer(Protocol):
    async def certify(self, identity: str, csr: str) -> Certified | RefusedRequest | Waits: ...


async def sign(
    signer: Signer, identity: str, csr: str, *, emit: Emit
) -> Signed | SigningRefused | ApprovalNeeded:
    """May be repeated, as `exchange.Sign` may.  Raises `StoreUnavailable`."""
    try:
        certified = await signer.certify(identity, csr)
    except IssueFailed as error:
        emit(SigningFailed(identity=identity, reason=str(error)))
        return SigningRefused((f"the CA could not sign: {error}",))
    match certified:
        case RefusedRequest(reasons=reasons):
            denied = any(reason.code is ReasonCode.DENIED for reason in reasons)
            return SigningRefused(tuple(str(reason) for reason in reasons), by_person=denied)
        case Waits(request=request, ca=ca):
            return ApprovalNeeded(request, ca)
        case Certified(chain=chain, fingerprint=fingerprint):
            return Signed(chain, fingerprint)
