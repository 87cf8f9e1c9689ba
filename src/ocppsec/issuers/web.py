"""One HTTPS exchange with a CA: bounded in time and size, to one host, and without a secret in what is said of it.

Redirects are not followed and proxies of the environment are not used: the answer is of the CA that was configured, or
there is none.  Plain HTTP is for a CA on this very machine.
"""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ocppsec.certificates.safekeeping import require_private
from ocppsec.issuers.issuer import AskFailed, BadIssuer, Declined, NotAsked

ANSWER_LIMIT = 256 * 1024
_SAID_LIMIT = 200
_EACH = 0.9
"""Of the time: for connecting, and for each read, so that the client itself gives up and leaves no socket behind."""


class BadEndpoint(BadIssuer):
    """The CA cannot be asked with this configuration."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Endpoint:
    """Where a CA is, and how we come to it."""

    def __init__(
        self,
        url: str,
        *,
        kind: str,
        seconds: float,
        tls_ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """*tls_ca* is what its TLS certificate is verified against, the system's store by default.

        *secrets* never appear in a message of ours, though the CA may repeat them.  Raises `BadEndpoint`, `TooOpen`.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query:
            raise BadEndpoint("issuer.url is no https:// URL of a CA")
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise BadEndpoint(
                "issuer.url is plain http://, which is only for a CA on this machine: use https://"
            )
        self.url = url.rstrip("/")
        self.name = f"the {kind} at {self.url}"
        self._seconds = seconds
        self._secrets = tuple(secret for secret in secrets if secret)
        verify = _context(tls_ca, certificate, key) if parts.scheme == "https" else True
        self._client = httpx2.AsyncClient(
            timeout=seconds * _EACH, follow_redirects=False, trust_env=False, verify=verify
        )

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._exchange("GET", path, headers=headers or {}, content=None)

    async def post(
        self, path: str, content: bytes, *, headers: Mapping[str, str], user: tuple[str, str] | None = None
    ) -> Answer:
        """Raises `NotAsked` when it surely was not heard, `AskFailed` when that is not known."""
        return await self._exchange("POST", path, headers=headers, content=content, user=user)

    async def post_json(
        self, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        return await self._exchange("POST", path, headers=sent, content=json.dumps(body).encode())

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        user: tuple[str, str] | None = None,
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream(
                    method,
                    self.url + path,
                    headers=dict(headers),
                    content=content,
                    auth=httpx2.BasicAuth(*user) if user else None,
                ) as response,
            ):
                body = await self._bounded(response)
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, lower, body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotAsked(
                f"{self.name} cannot be reached: {self.clean(str(error)) or _kind(error)}"
            ) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise AskFailed(f"{self.name} did not answer within {self._seconds:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError) as error:
            raise AskFailed(f"{self.name} broke off: {self.clean(str(error)) or _kind(error)}") from None

    async def _bounded(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_LIMIT:
                raise AskFailed(f"{self.name} answered with more than {ANSWER_LIMIT // 1024} KiB")
        return bytes(body)

    # -- what is said of answers ------------------------------------------------------------------------
    def refused(self, answer: Answer) -> AskFailed:
        """An answer that is no success, with what the CA said if that is words."""
        said = self._words(answer)
        text = f"{self.name} answered {answer.status}" + (f": {said}" if said else "")
        # 4xx is a refusal; behind a 5xx it may have signed all the same.
        if 400 <= answer.status < 500:
            return Declined(text, status=answer.status)
        return AskFailed(text)

    def nonsense(self, why: str) -> AskFailed:
        return AskFailed(f"the answer of {self.name} cannot be read: {self.clean(why)}")

    def object_in(self, answer: Answer) -> dict[str, Any]:
        """The JSON object that it answered; raises `AskFailed`."""
        try:
            found = json.loads(answer.body)
        except ValueError:
            kind = answer.media_type or "no media type"
            raise self.nonsense(f"it is no JSON but {len(answer.body)} bytes of {kind[:60]}") from None
        if not isinstance(found, dict):
            raise self.nonsense("it is no JSON object")
        return found

    def clean(self, text: str) -> str:
        """Printable, short, without a secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
        return text if len(text) <= _SAID_LIMIT else text[: _SAID_LIMIT - 1] + "…"

    def _words(self, answer: Answer) -> str:
        if answer.media_type == "application/json" or answer.body[:1] == b"{":
            try:
                return self.clean(_message_in(json.loads(answer.body)))
            except ValueError:
                return ""
        if answer.media_type == "text/plain":
            return self.clean(answer.body.decode("utf-8", "replace"))
        return ""


def _message_in(found: object) -> str:
    """Vault: errors; cfssl: errors[].message; step-ca: message."""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    parts = errors if isinstance(errors, list) else [found.get("message")]
    texts = [part.get("message") if isinstance(part, dict) else part for part in parts]
    return "; ".join(text for text in texts if isinstance(text, str))


def _context(tls_ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls_ca)
    except (ssl.SSLError, OSError) as error:
        raise BadEndpoint(f"issuer.tls_ca {tls_ca} cannot be used: {error}") from error
    if certificate is not None:
        if key is not None and key.exists():
            require_private(key)
        try:
            context.load_cert_chain(certificate, key, password=b"")
        except (ssl.SSLError, OSError) as error:
            raise BadEndpoint(
                f"issuer.certificate {certificate} with its key cannot be used: {error}"
            ) from error
    return context


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kind(error: Exception) -> str:
    return type(error).__name__
