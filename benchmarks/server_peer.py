"""The peer: what a careful user of ``ocpp`` and ``websockets`` writes for the same job.

Basic authentication against salted keyed hashes, common name against the registered serial number, both before
101; every message validated by ``ocpp`` both ways, which is its default.  The same TLS context as ours, the same
limits, pings as seldom, uvloop.  It keeps nothing on a disk and writes no log; ours does both.
"""

import asyncio
import base64
import binascii
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import ocpp.messages
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from ocpp.v201.enums import Action, RegistrationStatusEnumType
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from benchmarks import fleet, server_process
from ocppsec.certificates.files import load_or_create
from ocppsec.csms.tls import Chain, server_context
from ocppsec.profiles.password import PEPPER_BYTES, SALT_BYTES, Hasher

Decide = Callable[[ServerConnection, Request], Response | None]


class Station(ChargePoint):
    @on(Action.boot_notification)
    def on_boot_notification(self, **_request: Any) -> call_result.BootNotification:
        return call_result.BootNotification(
            current_time=_now(), interval=300, status=RegistrationStatusEnumType.accepted
        )

    @on(Action.heartbeat)
    def on_heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(current_time=_now())

    @on(Action.transaction_event)
    def on_transaction_event(self, **_request: Any) -> call_result.TransactionEvent:
        return call_result.TransactionEvent()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Peer:
    """Who is registered, and who is connected."""

    def __init__(self, stations: fleet.Fleet) -> None:
        self._hasher = Hasher(os.urandom(PEPPER_BYTES))
        self._passwords = {
            member.identity: self._hasher.hash(
                member.identity, member.password.encode(), os.urandom(SALT_BYTES)
            )
            for member in stations.of_profile(1)
        }
        self._serial_numbers = {member.identity: member.identity for member in stations.of_profile(3)}
        self._connected: dict[str, tuple[Station, ServerConnection]] = {}

    def basic(self, connection: ServerConnection, request: Request) -> Response | None:
        identity = _identity(request)
        expected = self._passwords.get(identity)
        if expected is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "unknown station\n")
        user, password = _credentials(request)
        if user == identity.encode() and self._hasher.verify(expected, identity, password):
            return None
        response = connection.respond(HTTPStatus.UNAUTHORIZED, "wrong password\n")
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        return response

    def mutual(self, connection: ServerConnection, request: Request) -> Response | None:
        expected = self._serial_numbers.get(_identity(request))
        if expected is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "unknown station\n")
        certificate = connection.transport.get_extra_info("peercert") or {}
        names = [
            value for rdn in certificate.get("subject", ()) for name, value in rdn if name == "commonName"
        ]
        organizations = [
            value
            for rdn in certificate.get("subject", ())
            for name, value in rdn
            if name == "organizationName"
        ]
        if names == [expected] and organizations == [fleet.ORGANIZATION]:
            return None
        return connection.respond(HTTPStatus.FORBIDDEN, "not the certificate of this station\n")

    async def session(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        identity = _identity(connection.request)
        station = Station(identity, connection)
        entry = (station, connection)
        old, self._connected[identity] = self._connected.get(identity), entry
        if old is not None:
            await old[1].close(1000, "replaced by a newer connection")
        try:
            await station.start()
        except ConnectionClosed:
            pass  # how every session ends
        finally:
            if self._connected.get(identity) is entry:
                del self._connected[identity]


def _identity(request: Request) -> str:
    return unquote(request.path.rpartition("/")[2])


def _credentials(request: Request) -> tuple[bytes, bytes]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return b"", b""
    return user, password


async def main(directory: Path) -> None:
    stations = fleet.load(directory)
    peer = Peer(stations)
    authority = load_or_create(
        directory, organization=fleet.ORGANIZATION, hostname=fleet.HOSTNAME, now=datetime.now(UTC)
    )
    chains = [
        Chain(certificate=files.chain, key=files.key, password=files.passphrase)
        for files in (authority.server_ec, authority.server_rsa)
    ]
    context = server_context(chains, client_anchors=authority.station_issuers_pem, required=True)
    settings = fleet.configuration(directory)

    async def opened(decide: Decide, scheme: str, **options: Any) -> tuple[Any, str]:
        server = await serve(
            peer.session,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol("ocpp2.0.1")],
            process_request=decide,
            max_size=settings.limits.message_bytes,
            ping_interval=settings.ping_seconds,
            ping_timeout=settings.pong_seconds,
            backlog=4096,
            **options,
        )
        port = next(iter(server.sockets)).getsockname()[1]
        return server, f"{scheme}://{fleet.HOSTNAME}:{port}/ocpp"

    plain, plain_url = await opened(peer.basic, "ws")
    secure, secure_url = await opened(peer.mutual, "wss", ssl=context)
    try:
        await server_process.serve_until_told({1: plain_url, 3: secure_url})
    finally:
        for server in (plain, secure):
            server.close()
        await asyncio.gather(plain.wait_closed(), secure.wait_closed())


if __name__ == "__main__":
    # `ocpp` validates in a thread pool unless told otherwise; on the loop itself it costs less CPU.
    ocpp.messages.ASYNC_VALIDATION = "--inline" not in sys.argv[2:]
    server_process.run(partial(main, Path(sys.argv[1])))
