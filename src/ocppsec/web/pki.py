"""What others fetch without a token, over plain HTTP: the root, the CRL, and answers by OCSP.

Plain on purpose (RFC 5280 8): all of it is signed, and who checks the certificate of a TLS server to find out about
a certificate goes round in circles.
"""

import base64
from typing import Annotated
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, HTTPException, Path, Request, Response

from ocppsec.certificates.ocsp import MALFORMED, REQUEST_LIMIT
from ocppsec.csms.service import Csms

Name = Annotated[str, Path(pattern="^stations(-[0-9a-f]{8})?$")]
_CRL_SECONDS = 300
_ROOT_SECONDS = 86_400


def pki(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/pki", tags=["pki"])

    @router.get("/root.pem", response_class=Response)
    async def root() -> Response:
        """The root that stations have to trust, PEM."""
        return _cached(csms.authority.root_pem.encode(), "application/x-pem-file", _ROOT_SECONDS)

    @router.get("/{name}.cer", response_class=Response)
    async def issuer(name: Name) -> Response:
        """A CA that issues to stations, DER: `stations`, and after a root rollover others beside it."""
        ca = csms.revocation.ca(name)
        if ca is None:
            raise HTTPException(404)
        der = ca.authority.certificate.public_bytes(Encoding.DER)
        return _cached(der, "application/pkix-cert", _ROOT_SECONDS)

    @router.get("/{name}.crl", response_class=Response)
    async def stations_crl(name: Name) -> Response:
        """What that CA has revoked (RFC 5280), DER."""
        found = await csms.revocation.list_in_force(name)
        if found is None:
            raise HTTPException(404)
        return _cached(found, "application/pkix-crl", _CRL_SECONDS)

    @router.post("/ocsp", response_class=Response)
    async def ocsp(request: Request) -> Response:
        """OCSP (RFC 6960) for certificates of stations."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > REQUEST_LIMIT:
                return _ocsp(MALFORMED)
        return _ocsp(await csms.revocation.answer(body))

    @router.get("/ocsp/{question:path}", response_class=Response)
    async def ocsp_by_get(question: str) -> Response:
        """The same with the request in the URL, base64 (RFC 6960, A.1)."""
        try:
            der = base64.b64decode(unquote(question), validate=True)
        except ValueError:
            return _ocsp(MALFORMED)
        return _ocsp(await csms.revocation.answer(der))

    return router


def _ocsp(der: bytes) -> Response:
    return Response(der, media_type="application/ocsp-response")


def _cached(content: bytes, media_type: str, seconds: int) -> Response:
    headers = {"Cache-Control": f"public, max-age={seconds}"}
    return Response(content, media_type=media_type, headers=headers)
