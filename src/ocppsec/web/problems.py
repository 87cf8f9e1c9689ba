"""Every error of the API as problem details (RFC 9457), found by one table.

A problem names what went wrong and what to do; it never repeats what was sent, which may be a password.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ocppsec.certificates.issue import IssueFailed
from ocppsec.csms.certificate_office import UnknownCertificate
from ocppsec.csms.errors import BadInput, CsmsNotReady, NotConnected
from ocppsec.csms.requests_desk import UnknownRequest
from ocppsec.link.errors import CallRefused, CallTimedOut, LinkClosed
from ocppsec.registry.store import (
    AlreadyRegistered,
    NotRegistered,
    RolloverInProgress,
    StoreUnavailable,
    UpgradeInProgress,
)

MEDIA_TYPE = "application/problem+json"

TITLES = {
    "already-registered": "Already registered",
    "authority-unavailable": "The certificate authority cannot sign",
    "bad-input": "Not acceptable as given",
    "call-refused": "The station answered CALLERROR",
    "call-timed-out": "The station did not answer in time",
    "connection-lost": "The connection to the station ended",
    "idempotency-key-reused": "Idempotency-Key used before for another request",
    "internal-error": "A bug in ocppsec",
    "misdirected": "Not the host you think",
    "not-connected": "The station is not connected",
    "not-ready": "Not ready",
    "not-registered": "No such station",
    "rollover-in-progress": "A root is being replaced already",
    "store-unavailable": "The store cannot be reached",
    "unauthorized": "Bearer token needed",
    "unknown-certificate": "No such certificate",
    "unknown-campaign": "No such campaign",
    "unknown-request": "No such certificate request",
    "unknown-upgrade": "No such upgrade",
    "upgrade-in-progress": "The station is being upgraded already",
    "validation": "Not understood as given",
}
"""Kinds of problems; `type` is ``urn:ocppsec:problem:<kind>``.  Plain HTTP errors are ``about:blank``."""


class Problem(Exception):  # noqa: N818  an answer
    def __init__(self, status: int, kind: str, detail: str, *, advice: str = "", **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.more = {**({"advice": advice} if advice else {}), **more}

    def response(self) -> JSONResponse:
        headers = {"Retry-After": "5"} if self.status == 503 else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="ocppsec"'
        return problem_response(
            self.status,
            {"type": f"urn:ocppsec:problem:{self.kind}", "title": TITLES[self.kind], "detail": self.detail}
            | self.more,
            headers,
        )


def problem_response(
    status: int, members: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = {**members, "status": status}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_refusal(error: Exception) -> Problem | None:
    """The problem that says what one of our own refusals means; None for what nobody foresaw."""
    match error:
        case Problem():
            return error
        case BadInput(reason=reason, advice=advice):
            return Problem(400, "bad-input", reason, advice=advice)
        case UnknownRequest(reason=reason, advice=advice):
            return Problem(404, "unknown-request", reason, advice=advice)
        case UnknownCertificate(reason=reason, advice=advice):
            return Problem(404, "unknown-certificate", reason, advice=advice)
        case NotRegistered():
            return Problem(
                404,
                "not-registered",
                "no station has this identity",
                advice="ocppsec station list shows them all",
            )
        case AlreadyRegistered():
            return Problem(
                409,
                "already-registered",
                "the identity or the serial number belongs to a station already",
                advice="ocppsec station list shows them all",
            )
        case RolloverInProgress():
            return Problem(
                409,
                "rollover-in-progress",
                "a root is being replaced already; there is never more than one",
                advice="ocppsec ca rotate status tells where it stands",
            )
        case UpgradeInProgress():
            return Problem(
                409,
                "upgrade-in-progress",
                "the station has an open upgrade; there is never more than one",
                advice="wait for it to end; ocppsec station show tells where it stands",
            )
        case NotConnected(reason=reason, advice=advice):
            return Problem(409, "not-connected", reason, advice=advice)
        case CallRefused(code=code, description=description, details=details):
            said = f"{code}: {description}" if description else code
            return Problem(502, "call-refused", said, code=code, description=description, details=details)
        case CallTimedOut():
            return Problem(504, "call-timed-out", str(error), advice="give it longer with a larger timeout")
        case LinkClosed():
            return Problem(
                502, "connection-lost", "the connection to the station ended before its answer came"
            )
        case StoreUnavailable():
            return Problem(
                503, "store-unavailable", "the store cannot be reached", advice="see the server's log"
            )
        case IssueFailed():  # strangers fetch the CRL: where the keys are is not for them
            return Problem(
                503,
                "authority-unavailable",
                "the certificate authority cannot sign now",
                advice="see the server's log",
            )
        case CsmsNotReady(reason=reason, advice=advice):
            return Problem(503, "not-ready", reason, advice=advice)
        case _:
            return None


OURS = (
    Problem,
    BadInput,
    UnknownCertificate,
    UnknownRequest,
    NotRegistered,
    AlreadyRegistered,
    RolloverInProgress,
    UpgradeInProgress,
    NotConnected,
    CallRefused,
    CallTimedOut,
    LinkClosed,
    StoreUnavailable,
    IssueFailed,
    CsmsNotReady,
)


def install(app: FastAPI) -> None:
    for kind in OURS:
        app.add_exception_handler(kind, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    problem = of_refusal(error)
    assert problem is not None  # registered for the kinds of OURS alone
    return problem.response()


async def _bug(_request: Request, error: Exception) -> JSONResponse:
    """Leave it to the gate: the framework's own 500 would be plain text and say nothing to the log."""
    raise error


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return Problem(
        422,
        "validation",
        "the request does not have the form it should have",
        errors=_findings(error.errors()),
    ).response()


def _findings(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Where and what; pydantic's `input` and `ctx` stay here, for they hold what was sent."""
    return [
        {"where": "/".join(str(part) for part in error["loc"]), "message": str(error["msg"])}
        for error in errors
    ]


async def _http(_request: Request, error: Exception) -> JSONResponse:
    """404 of the router, 405, and what the framework itself refuses."""
    assert isinstance(error, HTTPException)
    return problem_response(
        error.status_code, {"type": "about:blank", "title": str(error.detail)}, error.headers
    )
