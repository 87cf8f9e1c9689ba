"""What every request passes before any route is looked at: its host, its size, its token.

Plain ASGI, outside the framework, so that nothing is parsed for a stranger.  It also gives every answer its
headers and turns a bug into a problem without a word of the traceback.
"""

import hmac
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocppsec.web.problems import Problem

MAX_BODY = 256 * 1024
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
PKI = "/pki/"
"""What is under it is signed and for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    token: str = field(repr=False)
    hosts: frozenset[str]
    """Names and addresses (without port) a request may be addressed to: a page in somebody's browser whose name
    was rebound to our address is none of them."""
    metrics_open: bool
    """True where only this machine can reach the API."""


class Gate:
    """*on_bug* is told of every exception that no problem stands for, with the id the client was given."""

    def __init__(self, app: ASGIApp, access: Access, on_bug: Callable[[str, Exception], None]) -> None:
        self._app = app
        self._access = access
        self._on_bug = on_bug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_headers(message.get("headers", ()))
            await send(message)

        problem = self._refusal(scope)
        if problem is None:
            problem = await self._pass_on(scope, receive, send_with_headers)
        if problem is not None and not started:
            await problem.response()(scope, receive, send_with_headers)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Problem | None:
        try:
            await self._app(scope, _limited(receive), send)
        except Exception as error:  # noqa: BLE001  told to on_bug; the client gets an id, not a traceback
            incident = uuid.uuid4().hex
            self._on_bug(incident, error)
            return Problem(
                500, "internal-error", "something nobody foresaw; it is in the log", incident=incident
            )
        return None

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = {name: value for name, value in scope["headers"] if name in {b"host", b"authorization"}}
        if host_of(headers.get(b"host", b"")) not in self._access.hosts:
            return Problem(
                421,
                "misdirected",
                "this server does not answer to the name in the Host header",
                advice="names it is reached by belong into api.allowed_hosts",
            )
        if self._is_open(scope["path"]) or self._knows_token(headers.get(b"authorization", b"")):
            return None
        return Problem(
            401, "unauthorized", "the API wants the bearer token from api.json in the state directory"
        )

    def _is_open(self, path: str) -> bool:
        return path in OPEN or path.startswith(PKI) or (path == "/metrics" and self._access.metrics_open)

    def _knows_token(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        right = hmac.compare_digest(token.strip(), self._access.token.encode())
        return right and scheme.lower() == b"bearer"


def _with_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With ours; a route that says how long an answer may be kept is believed."""
    own = list(headers)
    kept = {name.lower() for name, _ in own} & {b"cache-control"}
    return [*own, *(one for one in HEADERS if one[0] not in kept)]


def host_of(header: bytes) -> str:
    """The host of a Host header without its port, in lower case."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


def _limited(receive: Receive) -> Receive:
    seen = 0

    async def receive_within_limit() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            # The one exception that the framework lets through while it reads a body.
            raise HTTPException(413, f"Content too large: a request body may have {MAX_BODY} bytes")
        return message

    return receive_within_limit
