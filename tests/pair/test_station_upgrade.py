"""The station against a CSMS on another stack: `websockets` and `ocpp` from PyPI, certificates from `trustme`.

Real sockets and real TLS on loopback.  The CSMS is a few scripted lines: it knows no upgrade, only what to send next.
"""

import asyncio
import base64
import contextlib
import random
import socket
import ssl
import threading
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.asyncio.server import serve

from ocppsec.station import happenings as told
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import FileMemory, PassingMemory
from ocppsec.station.station import Station

IDENTITY = "CS 1"
SERIAL = "SN-0001"
PASSWORD = "first-password-16chars"
FAST = Traits(
    back_off_minimum=1, back_off_range=0, connection_attempts=2, organization="Demo CSO", slots=(1, 2)
)


class Conversation(ChargePoint):
    """What the CSMS does of its own accord with one station."""

    def __init__(self, csms, connection, profile):
        super().__init__(IDENTITY, connection)
        self.csms, self.profile = csms, profile

    @on("BootNotification")
    def boot(self, reason, charging_station, **_):
        self.csms.boots.append((self.profile, reason, charging_station["serial_number"]))
        self.csms.changed.set()
        return call_result.BootNotification(
            current_time=datetime.now(UTC).isoformat(), interval=300, status=self.csms.boot_status
        )

    @on("StatusNotification")
    def status(self, **_):
        return call_result.StatusNotification()

    @on("Heartbeat")
    def heartbeat(self, **_):
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on("SecurityEventNotification")
    def event(self, type, **_):  # noqa: A002  the library passes it by the standard's name
        self.csms.events.append(type)
        self.csms.changed.set()
        return call_result.SecurityEventNotification()

    @on("NotifyReport")
    def report(self, report_data, **_):
        self.csms.reported += report_data
        return call_result.NotifyReport()

    @on("SignCertificate")
    def sign(self, csr, **_):
        self.csms.requests.append(csr)
        self.csms.changed.set()
        return call_result.SignCertificate(status="Accepted")


class ForeignCsms:
    """Doors for profiles 1, 2 and 3; remembers what stations did."""

    def __init__(self):
        self.ca = self.signer = trustme.CA(organization_name="Demo CSO")
        self.hang_up_on = set()
        self.contexts = {}
        self.password = PASSWORD
        self.boot_status = "Accepted"
        self.boots, self.events, self.requests, self.reported, self.refused = [], [], [], [], []
        self.changed = asyncio.Event()
        self.conversation = None
        self.urls = {}
        self._doors = contextlib.AsyncExitStack()

    async def __aenter__(self):
        for profile in (1, 2, 3):
            server = await self._doors.enter_async_context(
                serve(
                    self._serve(profile),
                    "localhost",
                    0,
                    subprotocols=["ocpp2.0.1"],
                    process_request=self._check(profile),
                    ssl=self.contexts.setdefault(profile, self.context(profile)),
                )
            )
            port = server.sockets[0].getsockname()[1]
            self.urls[profile] = f"{'ws' if profile == 1 else 'wss'}://localhost:{port}/ocpp"
        return self

    async def __aexit__(self, *error):
        await self._doors.__aexit__(*error)

    def context(self, profile, names=("localhost",), common_name="localhost"):
        if profile == 1:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, common_name=common_name).configure_cert(context)
        if profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context

    def _check(self, profile):
        def check(connection, request):
            assert request.path == "/ocpp/CS%201"
            expected = base64.b64encode(f"{IDENTITY}:{self.password}".encode()).decode()
            presented = request.headers.get("Authorization")
            if profile in (1, 2) and presented != f"Basic {expected}":
                self.refused.append(profile)
                return connection.respond(401, "wrong password\n")
            if profile == 3 and presented is not None:
                return connection.respond(400, "a password where a certificate was asked\n")
            return None

        return check

    def _serve(self, profile):
        async def converse(connection):
            if profile in self.hang_up_on:
                return
            self.conversation = Conversation(self, connection, profile)
            with contextlib.suppress(Exception):  # the end of the connection, in this library's many words
                await self.conversation.start()

        return converse

    async def wait(self, condition, timeout=20):
        async with asyncio.timeout(timeout):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def send(self, request):
        return await self.conversation.call(request)

    async def set(self, component, variable, value):
        answer = await self.send(
            call.SetVariables(
                set_variable_data=[
                    {
                        "component": {"name": component},
                        "variable": {"name": variable},
                        "attribute_value": value,
                    }
                ]
            )
        )
        return answer.set_variable_result[0]["attribute_status"]

    async def set_profile(self, slot, profile):
        answer = await self.send(
            call.SetNetworkProfile(
                configuration_slot=slot,
                connection_data={
                    "ocpp_version": "OCPP20",
                    "ocpp_transport": "JSON",
                    "ocpp_csms_url": self.urls[profile],
                    "message_timeout": 5,
                    "security_profile": profile,
                    "ocpp_interface": "Wired0",
                },
            )
        )
        return answer.status

    def sign(self, csr, *, common_name=SERIAL):
        """A leaf straight under the root, for whatever key is in the request."""
        request = x509.load_pem_x509_csr(csr.encode())
        root = x509.load_pem_x509_certificate(self.signer.cert_pem.bytes())
        key = serialization.load_pem_private_key(self.signer.private_key_pem.bytes(), None)
        name = [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Demo CSO"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
        now = datetime.now(UTC)
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(name))
            .issuer_name(root.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return leaf.public_bytes(serialization.Encoding.PEM).decode()

    def successor(self):
        """A new root, signed by the one stations have: its PEM and its key."""
        old = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        root = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "New Root")]))
            .issuer_name(old.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(serialization.load_pem_private_key(self.ca.private_key_pem.bytes(), None), hashes.SHA256())
        )
        return root.public_bytes(serialization.Encoding.PEM).decode(), key

    def follow(self, successor, directory):
        """Serve profile 2 under the new root from now on."""
        root_pem, root_key = successor
        root = x509.load_pem_x509_certificate(root_pem.encode())
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]))
            .issuer_name(root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .sign(root_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        file = directory / "followed.pem"
        file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + leaf.public_bytes(pem)
        )
        self.contexts[2].load_cert_chain(file)


@pytest.fixture
async def csms():
    async with ForeignCsms() as csms:
        yield csms


@contextlib.asynccontextmanager
async def running(csms, memory=None, **config):
    """A station in the background, stopped in the end."""
    options = {"password": PASSWORD, "traits": FAST} | config
    options.setdefault("url", csms and csms.urls[1])
    seen = []

    def note(happening):
        seen.append(happening)

    station = Station(
        StationConfig(identity=IDENTITY, serial_number=SERIAL, pace=0.02, **options),
        memory or PassingMemory(),
        clock=lambda: datetime.now(UTC),
        random=random.random,
        observe=note,
    )
    station.seen = seen
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(station.run())
        try:
            yield station
        finally:
            station.stop()
            await asyncio.wait_for(task, 10)


async def raise_to_two(csms, station):
    answer = await csms.send(
        call.InstallCertificate(
            certificate_type="CSMSRootCertificate", certificate=csms.ca.cert_pem.bytes().decode()
        )
    )
    assert answer.status == "Accepted"
    assert await csms.set_profile(2, 2) == "Accepted"
    assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1") == "Accepted"
    assert (await csms.send(call.Reset(type="OnIdle"))).status == "Accepted"
    await station.until(lambda s: s.accepted and s.profile == 2, timeout=20)


async def get_certificate(csms, **sign):
    before = len(csms.requests)
    answer = await csms.send(call.TriggerMessage(requested_message="SignChargingStationCertificate"))
    assert answer.status == "Accepted"
    await csms.wait(lambda: len(csms.requests) > before)
    return await csms.send(
        call.CertificateSigned(
            certificate_chain=csms.sign(csms.requests[-1], **sign),
            certificate_type="ChargingStationCertificate",
        )
    )


async def test_from_one_over_two_to_three(csms):
    """A station climbs from profile 1 to 3, boots on each, and keeps no slot below."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        await raise_to_two(csms, station)
        assert station.remembered.security_profile == 2
        assert set(station.remembered.slots) == {2}
        assert (await get_certificate(csms)).status == "Accepted"
        assert station.connected  # A02.FR.08: on profile 2 it is only kept
        assert await csms.set_profile(1, 3) == "Accepted"
        assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "1,2") == "Accepted"
        await csms.send(call.Reset(type="Immediate"))
        await station.until(lambda s: s.accepted and s.profile == 3, timeout=20)
        assert station.remembered.security_profile == 3
        assert set(station.remembered.slots) == {1}
        assert station.remembered.priority == (1,)
        assert await csms.set_profile(2, 2) == "Rejected"
        await csms.wait(lambda: csms.events.count("ResetOrReboot") == 2)
    assert csms.boots == [
        (1, "PowerUp", SERIAL),
        (2, "RemoteReset", SERIAL),
        (3, "RemoteReset", SERIAL),
    ]
    raised = [h for h in station.seen if isinstance(h, told.ProfileRaised)]
    assert [(h.old, h.new, h.removed) for h in raised] == [(1, 2, (1,)), (2, 3, (2,))]


async def test_a_new_certificate_on_profile_three_is_used_at_once(csms):
    """A station on profile 3 reconnects with its renewed certificate, without another boot, and drops the old."""
    async with running(csms) as station:
        await climbed(csms, station)
        before = station.remembered.certificates
        boots = len(csms.boots)
        assert (await get_certificate(csms)).status == "Accepted"
        await station.until(lambda s: s.connected and len(s.remembered.certificates) == 1, timeout=20)
        await station.until(lambda s: s.accepted and s.remembered.certificates != before, timeout=20)
        assert len(csms.boots) == boots


async def climbed(csms, station):
    await station.until(lambda s: s.accepted, timeout=20)
    await raise_to_two(csms, station)
    assert (await get_certificate(csms)).status == "Accepted"
    assert await csms.set_profile(1, 3) == "Accepted"
    assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "1,2") == "Accepted"
    await csms.send(call.Reset(type="OnIdle"))
    await station.until(lambda s: s.accepted and s.profile == 3, timeout=20)


async def test_a_certificate_for_somebody_else_is_thrown_away(csms):
    """A certificate with another common name is rejected, and the CSMS hears of it as a security event."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        await raise_to_two(csms, station)
        answer = await get_certificate(csms, common_name="SN-9999")
        assert answer.status == "Rejected"
        await csms.wait(lambda: "InvalidChargingStationCertificate" in csms.events)
        assert station.remembered.certificates == ()


async def test_a_new_password_is_used_at_once(csms):
    """After SetVariables of BasicAuthPassword the station comes back with it, without another boot."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        assert await csms.set("SecurityCtrlr", "BasicAuthPassword", "too-short") == "Rejected"
        first = csms.conversation
        new = "second:password-16chars"
        csms.password = new
        assert await csms.set("SecurityCtrlr", "BasicAuthPassword", new) == "Accepted"
        await station.until(lambda s: s.accepted and csms.conversation is not first, timeout=20)
        assert csms.refused == []
        assert len(csms.boots) == 1


async def test_an_unreachable_new_profile_ends_on_the_old_one(csms):
    """A slot that does not answer is tried NetworkProfileConnectionAttempts times, then the old one is back."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        await csms.send(
            call.InstallCertificate(
                certificate_type="CSMSRootCertificate", certificate=csms.ca.cert_pem.bytes().decode()
            )
        )
        csms.urls[2] = "wss://localhost:9/ocpp"
        assert await csms.set_profile(2, 2) == "Accepted"
        assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1") == "Accepted"
        await csms.send(call.Reset(type="OnIdle"))
        await csms.wait(lambda: len(csms.boots) == 2)
        await station.until(lambda s: s.accepted, timeout=20)
        assert (station.profile, station.remembered.security_profile) == (1, 1)
        assert station.remembered.priority == (2, 1)
        assert sum(isinstance(h, told.ConnectFailed) for h in station.seen) == 2


async def test_a_csms_under_another_root_is_left_at_once(csms):
    """A station that cannot verify the CSMS ends the handshake, and reports it once when it is back (A04)."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        await csms.send(
            call.InstallCertificate(
                certificate_type="CSMSRootCertificate", certificate=trustme.CA().cert_pem.bytes().decode()
            )
        )
        assert await csms.set_profile(2, 2) == "Accepted"
        assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1") == "Accepted"
        await csms.send(call.Reset(type="OnIdle"))
        await csms.wait(lambda: len(csms.boots) == 2)
        await csms.wait(lambda: "ResetOrReboot" in csms.events and "InvalidCsmsCertificate" in csms.events)
        assert csms.events.count("InvalidCsmsCertificate") == 1


@pytest.mark.parametrize(
    ("names", "common_name", "stage"),
    [
        pytest.param(["localhost"], "csms.example.com", "tls", id="the SAN fits, the common name does not"),
        pytest.param(["localhost"], "*.example.com", "tls", id="a wildcard for somebody else"),
        pytest.param(["csms.example.com"], "csms.example.com", "tls", id="neither fits"),
    ],
)
async def test_the_common_name_has_to_be_the_host(csms, names, common_name, stage):
    """A CSMS whose certificate has another commonName is left before a word is said (A00.FR.309, 311)."""
    async with serve(
        csms._serve(2), "localhost", 0, ssl=csms.context(2, names, common_name), subprotocols=["ocpp2.0.1"]
    ) as server:
        url = f"wss://localhost:{server.sockets[0].getsockname()[1]}/ocpp"
        async with running(csms, url=url, roots=(csms.ca.cert_pem.bytes().decode(),)) as station:
            await station.until(
                lambda s: any(isinstance(h, told.ConnectFailed) and h.stage == stage for h in s.seen),
                timeout=20,
            )
            assert not any(isinstance(h, told.Connected) for h in station.seen)
            assert [event.type for event in station.remembered.undelivered].count(
                "InvalidCsmsCertificate"
            ) == 1
    assert csms.boots == []


async def test_it_all_survives_a_power_cut(csms, tmp_path):
    """A station that is switched off on profile 3 comes back on profile 3, from its directory alone."""
    async with running(csms, memory=FileMemory(tmp_path / "state")) as station:
        await climbed(csms, station)
    async with running(csms, memory=FileMemory(tmp_path / "state")) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        assert station.profile == 3
    assert csms.boots[-1] == (3, "PowerUp", SERIAL)


async def test_pending_keeps_the_connection_and_boots_again(csms):
    """While Pending the station stays, sends nothing unasked, and answers."""
    csms.boot_status = "Pending"
    async with running(csms) as station:
        await csms.wait(lambda: len(csms.boots) == 1)
        await station.until(lambda s: s.registration == "Pending", timeout=20)
        answer = await csms.send(call.GetBaseReport(request_id=7, report_base="FullInventory"))
        assert answer.status == "Accepted"
        csms.boot_status = "Accepted"
        assert (
            await csms.send(call.TriggerMessage(requested_message="BootNotification"))
        ).status == "Accepted"
        await station.until(lambda s: s.accepted, timeout=20)
        await csms.wait(lambda: "StartupOfTheDevice" in csms.events)
    assert [reason for _, reason, _ in csms.boots] == ["PowerUp", "Triggered"]
    names = {(row["component"]["name"], row["variable"]["name"]) for row in csms.reported}
    assert ("SecurityCtrlr", "BasicAuthPassword") in names
    assert PASSWORD not in str(csms.reported)


async def test_a_new_certificate_that_does_not_connect_gives_way_to_the_old(csms):
    """A02.FR.28, 29: back to what worked, and the CSMS hears that the new one was thrown away."""
    async with running(csms) as station:
        await climbed(csms, station)
        old = station.remembered.certificates
        other = trustme.CA(organization_name="Demo CSO")
        # The station trusts the other root too, the CSMS does not: the chain is fine and never connects.
        await csms.send(
            call.InstallCertificate(
                certificate_type="CSMSRootCertificate", certificate=other.cert_pem.bytes().decode()
            )
        )
        csms.signer = other
        assert (await get_certificate(csms)).status == "Accepted"
        await station.until(lambda s: s.accepted and s.remembered.certificates == old, timeout=20)
        await csms.wait(lambda: "DiscardedRenewedClientCertificate" in csms.events)
        assert "FailedToAuthenticateAtCsms" in [event.type for event in station.remembered.log]


async def test_a_wrong_password_is_tried_again_with_growing_waits(csms):
    """A refused station goes on, and notes it once in its own log."""
    csms.password = "another-password-16"
    async with running(csms) as station:
        await station.until(lambda s: sum(isinstance(h, told.Refused) for h in s.seen) == 3, timeout=20)
        refused = [h for h in station.seen if isinstance(h, told.Refused)]
        assert {(h.status, h.profile) for h in refused} == {(401, 1)}
        assert [e.type for e in station.remembered.log].count("FailedToAuthenticateAtCsms") == 1
        csms.password = PASSWORD
        await station.until(lambda s: s.accepted, timeout=20)


@contextlib.contextmanager
def handshakes_only(context):
    """A server in a thread that shakes hands and hangs up; unlike asyncio's it sends its alerts.  Gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve_until_closed():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve_until_closed)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def old_tls(context):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


async def test_a_csms_that_only_speaks_old_tls_is_reported(csms):
    """A00.FR.316, 419: InvalidTLSVersion, one event for the whole series."""
    context = csms.context(2)
    old_tls(context)
    with handshakes_only(context) as port:
        roots = (csms.ca.cert_pem.bytes().decode(),)
        async with running(csms, url=f"wss://localhost:{port}/ocpp", roots=roots) as station:
            await station.until(
                lambda s: sum(isinstance(h, told.ConnectFailed) for h in s.seen) == 3, timeout=20
            )
            assert [event.type for event in station.remembered.undelivered] == [
                "StartupOfTheDevice",
                "InvalidTLSVersion",
            ]


async def test_a_station_can_be_stopped_while_it_dials():
    """A CSMS that accepts and says nothing does not hold it."""

    async def keep_silent(reader, writer):
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "localhost", 0) as silent:
        url = f"wss://localhost:{silent.sockets[0].getsockname()[1]}/ocpp"
        async with asyncio.timeout(5), running(None, url=url) as station:
            await station.until(lambda s: any(isinstance(h, told.Dialling) for h in s.seen), timeout=5)
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)


async def test_a_csms_that_hangs_up_before_the_boot_is_no_success(csms):
    """Spec 14.5: only an answered BootNotification removes the lower slot; the station falls back."""
    async with running(csms) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        csms.hang_up_on = {2}
        await csms.send(
            call.InstallCertificate(
                certificate_type="CSMSRootCertificate", certificate=csms.ca.cert_pem.bytes().decode()
            )
        )
        assert await csms.set_profile(2, 2) == "Accepted"
        assert await csms.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1") == "Accepted"
        await csms.send(call.Reset(type="OnIdle"))
        await csms.wait(lambda: len(csms.boots) == 2)
        assert [profile for profile, _, _ in csms.boots] == [1, 1]
        assert set(station.remembered.slots) == {1, 2}


async def test_a_root_rollover_with_the_additional_check(csms, tmp_path):
    """M05.FR.10 to 14: a new root signed by the old; the old one serves until the CSMS has followed."""
    traits = replace(FAST, additional_root_check=True)
    async with running(csms, traits=traits) as station:
        await station.until(lambda s: s.accepted, timeout=20)
        await raise_to_two(csms, station)
        new = csms.successor()
        answer = await csms.send(
            call.InstallCertificate(certificate_type="CSMSRootCertificate", certificate=new[0])
        )
        assert answer.status == "Accepted"
        first = csms.conversation
        await first._connection.close()
        await station.until(lambda s: s.accepted and csms.conversation is not first, timeout=20)
        assert station.remembered.fallback_root is not None  # still served under the old one
        csms.follow(new, tmp_path)
        second = csms.conversation
        await second._connection.close()
        await station.until(lambda s: s.accepted and csms.conversation is not second, timeout=20)
        assert station.remembered.fallback_root is None
