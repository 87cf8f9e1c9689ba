"""One door as a station sees it from where this runs: name, way, TLS, whose certificate, and who answers.

Meant for a host in the stations' own network, before a campaign sends them to that door: what the CSMS cannot know of
itself.  Needs no state, no password and no certificate, and changes nothing; the CSMS refuses one name it does not know
(`STRANGER`) for each address.  The server is judged with a station's own rules (`ocppsec.station.tls`).
"""

import asyncio
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509

from ocppsec.audit.target import Door
from ocppsec.audit.wire import Ended, Wire, client_context
from ocppsec.station import tls

STRANGER: Final = "ocppsec-audit-door"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host; raises OSError."""

_OFFERS: Final = (
    ("TLS 1.3", None, ssl.TLSVersion.TLSv1_3),
    ("TLS 1.2 with ECDSA", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", ssl.TLSVersion.TLSv1_2),
    ("TLS 1.2 with RSA", "AES128-GCM-SHA256:AES256-GCM-SHA384", ssl.TLSVersion.TLSv1_2),
)  # fmt: skip
"""A00.FR.318, 319: stations speak one of the two pairs of suites, newer ones TLS 1.3."""
_MOST_HEAD: Final = 16_384
_ON_THE_WAY: Final = "look at what lies between: a firewall that closes it, a proxy that reads along, packets too big for a tunnel"


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    about: str
    verdict: Verdict
    said: str
    next: str = ""


async def addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def look_at(
    door: Door, roots: str, *, patience: float = 10.0, resolve: Resolve = addresses
) -> list[Seen]:
    """What was seen, in the order a station meets it.  *roots*: PEM; a ws:// door needs none."""
    try:
        found = await resolve(door.host, door.port)
    except OSError as error:
        wrong = f"{door.host} has no address here: {error.strerror or error}"
        return [_wrong(door.host, wrong, "enter the name in the DNS that the stations use")]
    seen = [] if _is_address(door.host) else [_right(door.host, f"is {', '.join(found)}")]
    for address in found:
        seen += await _View(door, roots, address, patience).look()
    return seen


class _View:
    """One address of the door."""

    def __init__(self, door: Door, roots: str, address: str, patience: float) -> None:
        self._door = door
        self._roots = roots
        self._address = address
        self._about = f"{address} port {door.port}"
        self._patience = patience

    async def look(self) -> list[Seen]:
        try:
            wire = await self._dial()
        except Ended as ended:
            return [_wrong(self._about, ended.how, f"nobody comes through there: {_ON_THE_WAY}")]
        if not self._door.secure:
            return [await self._who_answers(wire)]
        wire.abort()
        seen = [await self._offer(*offer) for offer in _OFFERS]
        if any(one.verdict is Verdict.RIGHT for one in seen):
            seen.append(await self._behind_tls())
        return seen

    async def _dial(self) -> Wire:
        return await Wire.dial(self._address, self._door.port, patience=self._patience)

    async def _offer(self, name: str, ciphers: str | None, version: ssl.TLSVersion) -> Seen:
        about = f"{self._about}, {name}"
        wire = None
        try:
            wire = await self._dial()
            facts = await wire.handshake(self._context(ciphers, version), self._door.host)
        except Ended as ended:
            if ended.alert and wire is not None and wire.greeted:
                return _right(
                    about, f"its certificate is believed; it wants one of the station ({ended.how})"
                )
            return await self._refused(about, ended)
        finally:
            if wire is not None:
                wire.abort()
        certificate = x509.load_der_x509_certificate(facts.certificate)
        against = tls.objection_to_server(certificate, self._door.host, wildcards=False)
        if against is not None:
            return _wrong(about, against, f"A00.FR.510: a certificate with commonName {self._door.host}")
        ends = certificate.not_valid_after_utc
        return _right(about, f"{facts.cipher}, its certificate is believed, until {ends:%Y-%m-%d}")

    def _context(self, ciphers: str | None, version: ssl.TLSVersion | None) -> ssl.SSLContext:
        return tls.client_context((self._roots,), ciphers=ciphers, version=version)

    async def _refused(self, about: str, ended: Ended) -> Seen:
        if "does not verify" not in ended.how:
            what = "the CSMS has no certificate for this kind of station, or somebody else ends it"
            return _wrong(about, ended.how, _ON_THE_WAY if ended.silent else f"{what}: {_ON_THE_WAY}")
        return _wrong(
            about,
            f"{ended.how}; {await self._presented()}",
            "is that yours?  Then the stations need the root above it, and this machine the right time."
            "  Else something between reads along: let this port through untouched",
        )

    async def _presented(self) -> str:
        """Whose certificate it was that a station would not believe: looked at, and not believed either."""
        try:
            wire = await self._dial()
            try:
                facts = await wire.handshake(client_context(), self._door.host)
            finally:
                wire.abort()
        except Ended as ended:
            return ended.how
        certificate = x509.load_der_x509_certificate(facts.certificate)
        issuer = certificate.issuer.rfc4514_string() or "(none)"
        return f"it is issued by {issuer}, SHA-256 {hashlib.sha256(facts.certificate).hexdigest()}"

    async def _behind_tls(self) -> Seen:
        about = f"{self._about}, behind TLS"
        wire = None
        try:
            wire = await self._dial()
            await wire.handshake(self._context(None, None), self._door.host)
            return await self._who_answers(wire)
        except Ended as ended:
            if ended.alert and wire is not None and wire.greeted:
                return _right(about, "it refuses who shows no certificate, as the door of profile 3 has to")
            return _wrong(about, ended.how, _ON_THE_WAY)
        finally:
            if wire is not None:
                wire.abort()

    async def _who_answers(self, wire: Wire) -> Seen:
        """Raises `Ended` where TLS says no; on a ws:// door that cannot be."""
        about = f"{self._about}, the answer"
        try:
            await wire.send(_request(self._door))
            head = await _head(wire)
        except Ended as ended:
            if ended.alert:
                raise
            return _wrong(about, ended.how, _ON_THE_WAY)
        finally:
            wire.abort()
        return _judge(about, head, secure=self._door.secure)


def _request(door: Door) -> bytes:
    lines = (
        f"GET {door.path(STRANGER)} HTTP/1.1",
        f"Host: {door.host_header}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: ocpp2.0.1",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _head(wire: Wire) -> str:
    """Raises `Ended`."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _MOST_HEAD:
        data += await wire.receive()
    return data.partition(b"\r\n\r\n")[0].decode("latin-1")


def _judge(about: str, head: str, *, secure: bool) -> Seen:
    status, *_ = head.split("\r\n")
    words = status.split(maxsplit=2)
    code = words[1] if len(words) > 1 and words[0].startswith("HTTP/1.") else ""
    if code in ("401", "403", "404"):
        plain = "" if secure else "; without TLS nothing proves who that is"
        return _right(about, f"HTTP {code}: a station that nobody knows is refused, as it has to be{plain}")
    if code == "101":
        return _wrong(about, "a station that nobody knows is let in", "ocppsec audit csms tells more")
    if code == "503":
        return _wrong(
            about, "HTTP 503: the server is not ready", "ocppsec doctor, on the machine of the CSMS"
        )
    said = f"HTTP {code}" if code else "no HTTP"
    return _wrong(about, f"{said}: that is no CSMS", f"does the URL lead to it?  Else {_ON_THE_WAY}")


def _right(about: str, said: str) -> Seen:
    return Seen(about=about, verdict=Verdict.RIGHT, said=said)


def _wrong(about: str, said: str, following: str) -> Seen:
    return Seen(about=about, verdict=Verdict.WRONG, said=said, next=following)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
