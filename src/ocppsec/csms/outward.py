"""Fetching from an address that somebody else has chosen: a station, or a certificate.

The URL is not believed: no redirects, no proxy, no address inside of our own networks unless an operator named the
host, one answer of bounded size within bounded time.  The address that was judged is the one that is connected to, under
the name of the URL.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx2

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host; raises OSError."""
_PORTS = {"http": 80, "https": 443}


class Unanswered(Exception):  # noqa: N818  what came of it
    """Nothing was fetched, and this is why."""


async def addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return [str(entry[4][0]).partition("%")[0] for entry in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is asked of whom."""

    url: str
    schemes: tuple[str, ...]
    limit: int
    """Bytes of the answer."""
    seconds: float
    content: bytes | None = None
    """Posted, when there is one."""
    content_type: str = ""


class Outward:
    def __init__(
        self,
        *,
        inside: frozenset[str],
        whose: str,
        resolve: Resolve = addresses,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """*inside* names the hosts that may be asked although they have an address of our own networks; *whose* says
        where an operator names them.
        """
        self._inside = inside
        self._whose = whose
        self._resolve = resolve
        self._transport = transport

    async def fetch(self, errand: Errand) -> bytes:
        """The answer's body; raises `Unanswered`."""
        parts = checked_url(errand.url, errand.schemes)
        port = parts.port or _PORTS[parts.scheme]
        try:
            async with asyncio.timeout(errand.seconds):
                address = await self._address(parts.hostname or "", port)
                return await self._ask(errand, parts, _netloc(address, port))
        except TimeoutError:
            raise Unanswered(f"no answer within {errand.seconds:g} s") from None

    async def _ask(self, errand: Errand, parts: SplitResult, netloc: str) -> bytes:
        # Unpacked, a few kilobytes may be gigabytes.
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity"}
        if errand.content is not None:
            headers["Content-Type"] = errand.content_type
        try:
            async with (
                httpx2.AsyncClient(
                    timeout=errand.seconds, follow_redirects=False, trust_env=False, transport=self._transport
                ) as client,
                client.stream(
                    "GET" if errand.content is None else "POST",
                    parts._replace(netloc=netloc).geturl(),
                    content=errand.content,
                    headers=headers,
                    # For https: the certificate has to be the host's, not that of its address.
                    extensions={"sni_hostname": parts.hostname},
                ) as response,
            ):
                if response.status_code != 200:
                    raise Unanswered(f"{parts.hostname} answered {response.status_code}")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise Unanswered(f"{parts.hostname} answered in an encoding that was not asked for")
                return await _bounded(response, errand.limit)
        except (httpx2.HTTPError, OSError) as error:
            raise Unanswered(f"{parts.hostname} cannot be asked: {type(error).__name__}") from error

    async def _address(self, host: str, port: int) -> str:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise Unanswered(f"{host} has no address") from error
        for address in found:
            if host in self._inside or _is_public(address):
                return address
        raise Unanswered(f"{host} is inside of our networks, and not among {self._whose}")


def checked_url(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Raises `Unanswered`."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Unanswered(f"not a URL: {error}") from error
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
        raise Unanswered(f"not a plain {' or '.join(f'{scheme}://' for scheme in schemes)} URL")
    return parts


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found.is_global and not found.is_multicast


def _netloc(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


async def _bounded(response: httpx2.Response, limit: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > limit:
            raise Unanswered(f"the answer has more than {limit} bytes")
    return bytes(body)
