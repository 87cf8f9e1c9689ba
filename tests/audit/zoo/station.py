"""A station on the foreign stack, sound, or with one defect chosen by name.

It stands on the foreign station of the acceptance tests, which imports nothing of this project.
"""

import asyncio
import base64
import contextlib
import importlib.util
import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import websockets
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ocpp.exceptions import NotSupportedError
from ocpp.routing import after, on
from ocpp.v201 import call, call_result

_WHERE = Path(__file__).parents[2] / "acceptance" / "foreign" / "station_on_mobilityhouse.py"
_spec = importlib.util.spec_from_file_location("foreign_station_for_audits", _WHERE)
foreign = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(foreign)

PASSWORD = "right-password-of-ST1"
SERIAL = "SN-ST1"


def foreign_pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


DEFECTS = {
    "other-user-name": ("password.header", "The user name is the serial number, not the identity."),
    "waits-for-a-challenge": ("password.header", "The first request has no credentials."),
    "chats-while-pending": ("boot.waits", "It reports its startup before it is accepted."),
    "asks-once": ("boot.waits", "After Pending it never boots again."),
    "serves-heartbeat": ("messages.not-for-stations", "It answers what only a CSMS answers."),
    "boots-on-demand": ("messages.trigger-boot", "An accepted station boots when triggered."),
    "tells-its-password": ("password.write-only", "GetVariables shows the password."),
    "short-password": ("password.too-short", "A password of ten characters is Accepted."),
    "forgets-passwords": ("password.change", "A new password is Accepted and not used."),
    "2-without-root": ("slots.no-2-without-root", "Profile 2 is preferred without a root."),
    "3-without-certificate": (
        "slots.no-3-without-certificate",
        "Profile 3 is preferred without a certificate.",
    ),
    "any-slot": ("slots.unknown-slot", "SetNetworkProfile is always Accepted."),
    "expired-root": ("roots.expired-refused", "Roots are installed whatever their dates."),
    "leaf-root": ("roots.leaf-refused", "Any certificate is installed as a root."),
    "garbage-root": ("roots.garbage-refused", "Garbage is Accepted as a root."),
    "wrong-hashes": ("roots.installed", "Hashes are over the whole SubjectPublicKeyInfo."),
    "keeps-roots": ("roots.deleted", "DeleteCertificate is Accepted and deletes nothing."),
    "stays-down": ("slots.upgrade-to-2", "The priority is Accepted and never looked at."),
    "keeps-lower-slots": ("slots.upgrade-to-2", "Lower slots stay in the priority after success."),
    "goes-down": ("slots.no-way-down", "On profile 2 a slot with profile 1 is Accepted."),
    "trusts-anybody": ("server.foreign", "The server's certificate is not verified."),
    "ignores-dates": ("server.expired", "The dates of the server's certificate do not count."),
    "ignores-names": ("server.wrong-name", "The name in the server's certificate does not count."),
    "old-tls": ("server.tls-1.1", "TLS 1.1 is still spoken."),
    "reports-nothing": ("server.event", "Security events are not sent."),
    "asks-under-another-name": ("certificate.request", "CN of the request is the identity."),
    "takes-any-certificate": ("certificate.bad-refused", "CertificateSigned is always Accepted."),
    "takes-no-certificate": ("certificate.good-accepted", "CertificateSigned is always Rejected."),
    "deletes-itself": ("certificate.not-deletable", "Its own certificate can be deleted."),
    "shows-no-certificate": ("slots.upgrade-to-3", "On profile 3 it presents nothing."),
    "tries-once": (
        "slots.fallback",
        "One attempt on each slot, whatever NetworkProfileConnectionAttempts says.",
    ),
    "gives-up": ("slots.recovery", "After a failure on each slot it dials no more."),
    "stays-put": ("slots.moves", "A slot of the same profile is Accepted and never used."),
    "trusts-one-root": ("slots.new-root-works", "Only the first of the installed roots counts."),
    "hammers": ("connection.back-off", "It dials again at once, also after a failure."),
    "asks-at-once": ("certificate.asks-again", "SignCertificate is repeated with waits that do not grow."),
    "asks-no-more": ("certificate.asks-again", "SignCertificate is never repeated."),
    "any-successor": ("roots.signed-by-old", "AdditionalRootCertificateCheck is on and checks nothing."),
    "drops-the-old-root": ("slots.new-root", "The old root goes when the new one comes."),
}
WAITING = {"hammers", "asks-at-once", "asks-no-more"}
"""Those that have the variables of waits in seconds; the others are in a hurry."""
ONE_ROOT = {"any-successor", "drops-the-old-root"}
"""Those with AdditionalRootCertificateCheck."""

"""Name: the check made for it, and what is wrong."""


class Manners(foreign.Manners):
    def is_(self, defect):
        return self.station.defect == defect

    async def route_message(self, raw_msg):
        # Not as the base does, which takes the first answer to a boot for the end of the greeting.
        await foreign.ChargePoint.route_message(self, raw_msg)

    # -- messages -------------------------------------------------------------------------------------------
    @on("Heartbeat")
    def heartbeat(self, **_):
        if not self.is_("serves-heartbeat"):
            raise NotSupportedError(description="a station has no use for it")
        return call_result.Heartbeat(current_time=foreign.utc())

    @on("TriggerMessage")
    def trigger(self, requested_message, **more):
        if requested_message == "BootNotification" and not self.is_("boots-on-demand"):
            return call_result.TriggerMessage(status="Rejected")
        return super().trigger(requested_message, **more)

    async def boot(self, reason):
        while True:
            about = {"model": "Zoo", "vendor_name": "Zoo", "serial_number": self.station.serial}
            answer = await self._tell(call.BootNotification(charging_station=about, reason=reason))
            if answer is None or answer.status == "Accepted" or self.is_("asks-once"):
                return answer is not None and answer.status == "Accepted"
            if self.is_("chats-while-pending"):
                await self._tell(call.StatusNotification(foreign.utc(), "Available", 1, 1))
            await asyncio.sleep(0.1)

    async def startup_event(self):
        await super().startup_event()
        await self.report()

    # -- variables ------------------------------------------------------------------------------------------
    def _read(self, item):
        if item["variable"]["name"] != "BasicAuthPassword":
            return super()._read(item)
        result = {"component": item["component"], "variable": item["variable"]}
        if self.is_("tells-its-password"):
            return {**result, "attribute_status": "Accepted", "attribute_value": self.station.password}
        return {**result, "attribute_status": "Rejected"}

    def _write(self, item):
        if item["variable"]["name"] != "BasicAuthPassword":
            return super()._write(item)
        result = {"component": item["component"], "variable": item["variable"]}
        value = item["attribute_value"]
        if len(value) < 16 and not self.is_("short-password"):
            return {**result, "attribute_status": "Rejected"}
        if len(value) >= 16:
            if not self.is_("forgets-passwords"):
                self.station.password = value
            asyncio.get_running_loop().call_later(0.05, self._hang_up)
        return {**result, "attribute_status": "Accepted"}

    def _hang_up(self):
        self._closing = asyncio.ensure_future(self._connection.close())

    def _not_usable(self, value):
        lax = self.is_("2-without-root") or self.is_("3-without-certificate")
        why = super()._not_usable(value)
        if lax and why is not None and why.startswith("no valid"):
            return why if self.is_("2-without-root") and "Root" not in why else None
        return why

    # -- roots ----------------------------------------------------------------------------------------------
    @on("InstallCertificate")
    def install_certificate(self, certificate_type, certificate, **more):
        try:
            found = x509.load_pem_x509_certificate(certificate.encode())
        except ValueError:
            return call_result.InstallCertificate(
                status="Accepted" if self.is_("garbage-root") else "Rejected"
            )
        now = datetime.now(UTC)
        if self.is_("leaf-root") and found.issuer != found.subject:
            return call_result.InstallCertificate(status="Accepted")
        if self.station.one_root and self.flash.roots and certificate_type == "CSMSRootCertificate":
            return call_result.InstallCertificate(status=self._succeed(found, certificate))
        if (
            not self.is_("expired-root")
            and not found.not_valid_before_utc <= now <= found.not_valid_after_utc
        ):
            return call_result.InstallCertificate(status="Rejected")
        return super().install_certificate(certificate_type, certificate, **more)

    def _succeed(self, found, certificate):
        """M05.FR.10 to 12: the one CSMS root is replaced by one that it signed, and stays for a while."""
        (path,), (old,) = self.flash.root_files, self.flash.roots
        if not self.is_("any-successor"):
            try:
                found.verify_directly_issued_by(old)
            except (InvalidSignature, ValueError, TypeError):
                return "Rejected"
        path.replace(self.flash.directory / "old.pem")
        if not self.is_("drops-the-old-root"):
            (self.flash.directory / "fallback.pem").write_bytes(foreign_pem(old))
        digest = found.fingerprint(hashes.SHA256()).hex()
        (self.flash.directory / f"root-{digest[:16]}.pem").write_text(certificate)
        return "Accepted"

    @on("GetInstalledCertificateIds")
    def get_installed(self, certificate_type=None, **more):
        answer = super().get_installed(certificate_type, **more)
        old = self.flash.directory / "old.pem"
        for one, root in zip(answer.certificate_hash_data_chain or (), self.flash.roots, strict=False):
            if root.issuer != root.subject and old.exists():
                issuer = x509.load_pem_x509_certificate(old.read_bytes())
                one["certificate_hash_data"]["issuer_key_hash"] = foreign.key_hash(issuer.public_key())
        if self.is_("wrong-hashes") and answer.certificate_hash_data_chain:
            for one in answer.certificate_hash_data_chain:
                one["certificate_hash_data"]["issuer_key_hash"] = "00" * 32
        return answer

    @on("DeleteCertificate")
    def delete(self, certificate_hash_data, **_):
        serial = certificate_hash_data["serial_number"].lower()
        if self.flash.chain_file.exists():
            own = x509.load_pem_x509_certificate(self.flash.chain_file.read_bytes())
            if f"{own.serial_number:x}" == serial:
                return call_result.DeleteCertificate(
                    status="Accepted" if self.is_("deletes-itself") else "Failed"
                )
        for path, root in zip(self.flash.root_files, self.flash.roots, strict=True):
            if f"{root.serial_number:x}" == serial:
                if not self.is_("keeps-roots"):
                    path.unlink()
                return call_result.DeleteCertificate(status="Accepted")
        return call_result.DeleteCertificate(status="NotFound")

    # -- its own certificate --------------------------------------------------------------------------------
    def _new_request(self):
        if not self.is_("asks-under-another-name"):
            return super()._new_request()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.NameAttribute(NameOID.COMMON_NAME, self.station.identity),
            x509.NameAttribute(
                NameOID.ORGANIZATION_NAME, self.flash.get("SecurityCtrlr", "OrganizationName")
            ),
        ]
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    @after("TriggerMessage")
    async def triggered(self, requested_message, **more):
        if requested_message != "SignChargingStationCertificate" or not self.station.waits:
            await super().triggered(requested_message, **more)
            return
        csr = self._new_request()
        wait = int(self.flash.get("SecurityCtrlr", "CertSigningWaitMinimum"))
        repeats = (
            0
            if self.is_("asks-no-more")
            else int(self.flash.get("SecurityCtrlr", "CertSigningRepeatTimes")) + 1
        )
        self.signed = False
        await self._tell(call.SignCertificate(csr=csr))
        for round_ in range(repeats):
            await asyncio.sleep(wait * (1 if self.is_("asks-at-once") else 2**round_))
            if self.signed:
                return
            await self._tell(call.SignCertificate(csr=csr))

    @on("CertificateSigned")
    def certificate_signed(self, certificate_chain, **more):
        self.signed = True
        if self.is_("takes-any-certificate"):
            return call_result.CertificateSigned(status="Accepted")
        if self.is_("takes-no-certificate"):
            self.station.events.append("InvalidChargingStationCertificate")
            return call_result.CertificateSigned(status="Rejected")
        answer = super().certificate_signed(certificate_chain, **more)
        if answer.status == "Rejected":
            self.station.events.append("InvalidChargingStationCertificate")
        return answer

    @after("CertificateSigned")
    async def report(self, **_):
        """In order, each until it is answered (A04.FR.02)."""
        async with self.station.reporting:
            while self.station.events and not self.is_("reports-nothing"):
                event = call.SecurityEventNotification(type=self.station.events[0], timestamp=foreign.utc())
                if await self._tell(event) is None:
                    return
                self.station.events.pop(0)

    # -- slots ----------------------------------------------------------------------------------------------
    @on("SetNetworkProfile")
    def set_network_profile(self, configuration_slot, connection_data, **more):
        if self.is_("any-slot") and configuration_slot not in foreign.SLOTS:
            return call_result.SetNetworkProfile(status="Accepted")
        if self.is_("goes-down") and connection_data["security_profile"] < self.flash.profile:
            return call_result.SetNetworkProfile(status="Accepted")
        return super().set_network_profile(configuration_slot, connection_data, **more)


class ZooStation(foreign.ForeignStation):
    """Run it in a task; cancel that to switch it off."""

    def __init__(self, directory, url, *, defect=None, hears_nothing=False, waits=False, one_root=False):
        assert defect is None or defect in DEFECTS
        self.waits = waits or defect in WAITING
        self.one_root = one_root or defect in ONE_ROOT
        self.failures = 0
        self.failed_slots = set()
        super().__init__(directory, identity="ST1", serial=SERIAL, url=url, password=PASSWORD, retry=0.05)
        self.defect = defect
        self.events = []
        self.reporting = asyncio.Lock()
        self._hears_nothing = hears_nothing
        variables = self.flash.memory["variables"]
        if self.waits:
            variables["OCPPCommCtrlr"] |= {
                "RetryBackOffWaitMinimum": "0",
                "RetryBackOffRandomRange": "0",
                "RetryBackOffRepeatTimes": "0",
            }
            variables["SecurityCtrlr"] |= {"CertSigningWaitMinimum": "60", "CertSigningRepeatTimes": "2"}
        if self.one_root:
            variables["SecurityCtrlr"]["AdditionalRootCertificateCheck"] = "true"
        self.flash.save()

    @property
    def _retry(self):
        """Part 4, 5.3: the wait is doubled after each failure, RetryBackOffRepeatTimes times."""
        least = int(self.flash.get("OCPPCommCtrlr", "RetryBackOffWaitMinimum") or 0)
        if least == 0 or self.is_("hammers"):
            return self._at_once
        repeats = int(self.flash.get("OCPPCommCtrlr", "RetryBackOffRepeatTimes"))
        return least * 2 ** min(self.failures, repeats)

    @_retry.setter
    def _retry(self, seconds):
        self._at_once = seconds

    def is_(self, defect):
        return self.defect == defect

    async def _use(self, slot):
        if self.is_("stays-down"):
            slot = 1
        slots, active = self.flash.slots, int(self.flash.get("OCPPCommCtrlr", "ActiveNetworkProfile"))
        if self.is_("stays-put") and slots[slot]["securityProfile"] == self.flash.profile:
            slot = active
        if self.is_("gives-up") and len(self.failed_slots) > 1:
            await asyncio.Event().wait()
        self.failed_slots.add(slot)
        attempts = self.flash.get("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")
        if not self.is_("tries-once"):
            return await super()._use(slot)
        self.flash.memory["variables"]["OCPPCommCtrlr"]["NetworkProfileConnectionAttempts"] = "1"
        try:
            return await super()._use(slot)
        finally:
            self.flash.memory["variables"]["OCPPCommCtrlr"]["NetworkProfileConnectionAttempts"] = attempts

    async def _talk(self, connection, slot):
        if self._hears_nothing:
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await connection.recv()
        usual, foreign.Manners = foreign.Manners, Manners
        try:
            await super()._talk(connection, slot)
        finally:
            foreign.Manners = usual

    def tidy(self):
        before = self.flash.priority
        super().tidy()
        if self.is_("keeps-lower-slots"):
            slots = ",".join(map(str, before))
            self.flash.set("OCPPCommCtrlr", "NetworkConfigurationPriority", slots)

    async def dial(self, data):
        try:
            connection = await self._dial_with_fallback(data)
        except ssl.SSLCertVerificationError:
            self.failures += 1
            if "InvalidCsmsCertificate" not in self.events:
                self.events.append("InvalidCsmsCertificate")
            raise
        except (OSError, websockets.WebSocketException, TimeoutError):
            self.failures += 1
            raise
        self.failures = 0
        self.failed_slots.clear()
        return connection

    async def _dial_with_fallback(self, data):
        """M05.FR.13 to 16: by a new slot the new root alone; by the old one its predecessor helps."""
        fallback = self.flash.directory / "fallback.pem"
        if not fallback.exists() or data["securityProfile"] < 2:
            return await self._dial(data)
        try:
            connection = await self._dial(data)
        except ssl.SSLCertVerificationError:
            active = self.flash.slots[int(self.flash.get("OCPPCommCtrlr", "ActiveNetworkProfile"))]
            if data != active:
                raise
            return await self._dial(data, root=fallback)
        fallback.unlink()
        return connection

    async def _dial(self, data, *, root=None):
        profile = data["securityProfile"]
        user = self.serial if self.is_("other-user-name") else self.identity
        secret = base64.b64encode(f"{user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}"} if profile < 3 else {}
        if self.is_("waits-for-a-challenge"):
            headers = {}
        return await websockets.connect(
            f"{data['ocppCsmsUrl']}/{self.identity}",
            subprotocols=["ocpp2.0.1"],
            additional_headers=headers,
            ssl=self._tls(profile, root=root),
            open_timeout=5,
            close_timeout=0.5,
            ping_interval=None,
            logger=foreign.QUIET,
        )

    def _tls(self, profile, *, root=None):
        context = super()._tls(2 if profile == 3 and self.is_("shows-no-certificate") else profile)
        if context is None:
            return None
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a successor is signed by its predecessor
        if root is not None:
            context.load_verify_locations(root)
        if self.is_("trusts-one-root"):
            oldest = min(self.flash.root_files, key=lambda path: path.stat().st_mtime_ns)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(oldest)
        if self.is_("trusts-anybody"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.is_("ignores-dates"):
            context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME
        if self.is_("ignores-names"):
            context.check_hostname = False
        if self.is_("old-tls"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context
