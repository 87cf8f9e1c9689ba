"""A charging station on somebody else's stack: mobilityhouse `ocpp`, `websockets`, `cryptography`.

It is a judge: not one line of the project is imported, and what it checks it checks by the standard alone.  Slots,
variables and certificates live in one directory, as flash memory would; a reset forgets everything else.

    python station_on_mobilityhouse.py --dir D --identity ID --serial S --url ws://…/ocpp --password-file F

tells in JSON lines what happens to it: {"event": "connected", "profile": 2}.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import websockets
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result

QUIET = logging.getLogger("foreign-station")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
READ_ONLY = ("SecurityProfile", "ActiveNetworkProfile", "CertificateEntries", "MaxCertificateChainSize")
SLOTS = (1, 2, 3)


def utc():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def name_hash(name):
    return hashlib.sha256(name.public_bytes()).hexdigest()


def key_hash(public_key):
    """Over the subjectPublicKey bits alone, not the whole SubjectPublicKeyInfo (RFC 6960)."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        bits = public_key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    else:
        bits = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return hashlib.sha256(bits).hexdigest()


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Flash:
    """What survives a reset."""

    def __init__(self, directory, *, url, organization=""):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._file = self.directory / "memory.json"
        if not self._file.exists():
            first = {
                "ocppCsmsUrl": url,
                "securityProfile": 1,
                "ocppInterface": "Wired0",
                "messageTimeout": 30,
            }
            variables = {
                "OCPPCommCtrlr": {
                    "NetworkConfigurationPriority": "1",
                    "ActiveNetworkProfile": "1",
                    "NetworkProfileConnectionAttempts": "2",
                },
                "SecurityCtrlr": {
                    "SecurityProfile": "1",
                    "OrganizationName": organization,
                    "CertificateEntries": "0",
                    "MaxCertificateChainSize": "5600",
                },
            }
            self.save({"slots": {"1": first}, "variables": variables})
        self.memory = json.loads(self._file.read_text())

    def save(self, memory=None):
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self.memory if memory is None else memory))
        draft.replace(self._file)

    @property
    def slots(self):
        return {int(number): data for number, data in self.memory["slots"].items()}

    @property
    def profile(self):
        return int(self.get("SecurityCtrlr", "SecurityProfile"))

    @property
    def priority(self):
        return [int(slot) for slot in self.get("OCPPCommCtrlr", "NetworkConfigurationPriority").split(",")]

    def get(self, component, variable):
        return self.memory["variables"].get(component, {}).get(variable)

    def set(self, component, variable, value):
        self.memory["variables"][component][variable] = str(value)
        self.save()

    # -- certificates -----------------------------------------------------------------------------------
    @property
    def root_files(self):
        return sorted(self.directory.glob("root-*.pem"))

    @property
    def roots(self):
        return [x509.load_pem_x509_certificate(path.read_bytes()) for path in self.root_files]

    @property
    def chain_file(self):
        return self.directory / "station.pem"

    @property
    def key_file(self):
        return self.directory / "station.key"

    def valid_root(self):
        now = datetime.now(UTC)
        return any(root.not_valid_before_utc <= now <= root.not_valid_after_utc for root in self.roots)

    def missing_for(self, profile):
        """What a connection on *profile* needs and is not there (A05.FR.02, A05.FR.03)."""
        if profile >= 2 and not self.valid_root():
            return "no valid CSMSRootCertificate"
        if profile >= 3 and not self.chain_file.exists():
            return "no valid ChargingStationCertificate"
        return None


class Manners(ChargePoint):
    """What the station answers; one object a connection."""

    def __init__(self, station, connection):
        super().__init__(station.identity, connection, response_timeout=15, logger=QUIET)
        self.station = station
        self.flash = station.flash
        self.greeting = False
        self.greeted = asyncio.Event()

    async def route_message(self, raw_msg):
        await super().route_message(raw_msg)
        if raw_msg.startswith("[3") and self.greeting:
            await self.greeted.wait()  # one thing after another: first what follows from the boot

    async def _send(self, message):
        await self.station.pace()
        await super()._send(message)

    # -- device model -----------------------------------------------------------------------------------
    @on("GetVariables")
    def get_variables(self, get_variable_data, **_):
        return call_result.GetVariables(get_variable_result=[self._read(item) for item in get_variable_data])

    def _read(self, item):
        component, variable = item["component"], item["variable"]
        known = self.flash.memory["variables"].get(component["name"])
        value = None if known is None or "instance" in component else known.get(variable["name"])
        result = {"component": component, "variable": variable}
        if value is None:
            status = "UnknownComponent" if known is None else "UnknownVariable"
            return {**result, "attribute_status": status}
        return {**result, "attribute_status": "Accepted", "attribute_value": value}

    @on("SetVariables")
    def set_variables(self, set_variable_data, **_):
        return call_result.SetVariables(set_variable_result=[self._write(item) for item in set_variable_data])

    def _write(self, item):
        component, variable = item["component"]["name"], item["variable"]["name"]
        value = item["attribute_value"]
        result = {"component": item["component"], "variable": item["variable"]}
        if (component, variable) == ("SecurityCtrlr", "BasicAuthPassword"):  # A01; write-only
            self.flash.save(self.flash.memory | {"password": value})
            self.flash.memory["password"] = value
            return {**result, "attribute_status": "Accepted"}
        if self.flash.get(component, variable) is None:
            return {**result, "attribute_status": "UnknownVariable"}
        if variable in READ_ONLY:
            return {**result, "attribute_status": "Rejected"}
        if variable == "NetworkConfigurationPriority" and (why := self._not_usable(value)):
            info = {"reason_code": "InvalidNetworkConf", "additional_info": why}
            return {**result, "attribute_status": "Rejected", "attribute_status_info": info}
        self.flash.set(component, variable, value)
        rebooting = variable == "NetworkConfigurationPriority"
        return {**result, "attribute_status": "RebootRequired" if rebooting else "Accepted"}

    def _not_usable(self, value):
        """B10.FR.02, A05.FR.02, .03, .10."""
        for slot in (int(number) for number in value.split(",")):
            data = self.flash.slots.get(slot)
            if data is None:
                return f"slot {slot} is empty"
            if data["securityProfile"] < self.flash.profile:
                return f"slot {slot} would be a downgrade"
            if missing := self.flash.missing_for(data["securityProfile"]):
                return missing
        return None

    @on("GetReport")
    def get_report(self, request_id, **_):
        return call_result.GetReport(status="Accepted")

    @after("GetReport")
    async def send_report(self, request_id, **_):
        data = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
            "variable_attribute": [{"value": ",".join(map(str, self.flash.priority))}],
            "variable_characteristics": {
                "data_type": "SequenceList",
                "supports_monitoring": False,
                "values_list": ",".join(map(str, SLOTS)),
            },
        }
        report = call.NotifyReport(
            request_id=request_id, generated_at=utc(), seq_no=0, report_data=[data], tbc=False
        )
        await self._tell(report)

    # -- certificates -----------------------------------------------------------------------------------
    @on("InstallCertificate")
    def install_certificate(self, certificate_type, certificate, **_):
        found = x509.load_pem_x509_certificate(certificate.encode())
        if certificate_type != "CSMSRootCertificate":
            return call_result.InstallCertificate(status="Rejected")
        try:
            found.verify_directly_issued_by(found)
        except (InvalidSignature, ValueError, TypeError):
            info = {"reason_code": "InvalidCertificate", "additional_info": "not self-signed"}
            return call_result.InstallCertificate(status="Rejected", status_info=info)
        digest = found.fingerprint(hashes.SHA256()).hex()
        (self.flash.directory / f"root-{digest[:16]}.pem").write_text(certificate)
        self.flash.set("SecurityCtrlr", "CertificateEntries", len(self.flash.root_files))
        return call_result.InstallCertificate(status="Accepted")

    @on("GetInstalledCertificateIds")
    def get_installed(self, certificate_type=None, **_):
        roots = (
            self.flash.roots if "CSMSRootCertificate" in (certificate_type or ["CSMSRootCertificate"]) else []
        )
        chain = [
            {
                "certificate_type": "CSMSRootCertificate",
                "certificate_hash_data": {
                    "hash_algorithm": "SHA256",
                    "issuer_name_hash": name_hash(root.issuer),
                    "issuer_key_hash": key_hash(root.public_key()),
                    "serial_number": f"{root.serial_number:x}",
                },
            }
            for root in roots
        ]
        if not chain:
            return call_result.GetInstalledCertificateIds(status="NotFound")
        return call_result.GetInstalledCertificateIds(status="Accepted", certificate_hash_data_chain=chain)

    @on("DeleteCertificate")
    def delete_certificate(self, certificate_hash_data, **_):
        """M04.FR.01 to 04; the last root stays, for without it nothing could ever be trusted again."""
        for path, root in zip(self.flash.root_files, self.flash.roots, strict=True):
            named = (name_hash(root.issuer), key_hash(root.public_key()), f"{root.serial_number:x}")
            asked = tuple(
                certificate_hash_data[part].lower().lstrip("0")
                if part == "serial_number"
                else certificate_hash_data[part]
                for part in ("issuer_name_hash", "issuer_key_hash", "serial_number")
            )
            if named == asked and certificate_hash_data["hash_algorithm"] == "SHA256":
                if len(self.flash.root_files) == 1:
                    return call_result.DeleteCertificate(status="Failed")
                path.unlink()
                self.flash.set("SecurityCtrlr", "CertificateEntries", len(self.flash.root_files))
                return call_result.DeleteCertificate(status="Accepted")
        return call_result.DeleteCertificate(status="NotFound")

    @on("TriggerMessage")
    def trigger(self, requested_message, **_):
        known = requested_message in {"SignChargingStationCertificate", "BootNotification"}
        return call_result.TriggerMessage(status="Accepted" if known else "NotImplemented")

    @after("TriggerMessage")
    async def triggered(self, requested_message, **_):
        if requested_message == "SignChargingStationCertificate":
            await self._tell(call.SignCertificate(csr=self._new_request()))
        elif requested_message == "BootNotification":
            await self.boot("Triggered")

    def _new_request(self):
        """A new key for each request; it never leaves the flash."""
        if self.station.key_family == "rsa":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.flash.directory / "new.key").write_bytes(pem)
        organization = self.flash.get("SecurityCtrlr", "OrganizationName")
        names = [
            x509.NameAttribute(NameOID.COMMON_NAME, self.station.serial),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
        )
        return request.public_bytes(serialization.Encoding.PEM).decode()

    @on("CertificateSigned")
    def certificate_signed(self, certificate_chain, **_):
        if why := self._untrustworthy(certificate_chain):
            info = {"reason_code": "InvalidCertificate", "additional_info": why[:512]}
            return call_result.CertificateSigned(status="Rejected", status_info=info)
        (self.flash.directory / "new.key").replace(self.flash.key_file)
        self.flash.chain_file.write_text(certificate_chain)
        return call_result.CertificateSigned(status="Accepted")

    def _untrustworthy(self, pem):
        """A02.FR.06 and the properties of A00.FR.5xx that a station can check."""
        new_key = self.flash.directory / "new.key"
        if not new_key.exists():
            return "no request is open"
        chain = x509.load_pem_x509_certificates(pem.encode())
        leaf = chain[0]
        key = serialization.load_pem_private_key(new_key.read_bytes(), None)
        if public_bytes(leaf.public_key()) != public_bytes(key.public_key()):
            return "not for the key of the request"
        if [str(name.value) for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [
            self.station.serial
        ]:
            return "CN is not my serial number"
        now = datetime.now(UTC)
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            return "not valid now: is my clock right?"
        for issued, issuer in itertools.pairwise(chain):
            issued.verify_directly_issued_by(issuer)
        for root in self.flash.roots:
            with contextlib.suppress(InvalidSignature, ValueError, TypeError):
                chain[-1].verify_directly_issued_by(root)
                return None
        return "does not lead to an installed root"

    # -- network ----------------------------------------------------------------------------------------
    @on("SetNetworkProfile")
    def set_network_profile(self, configuration_slot, connection_data, **_):
        self.station.tidy()
        if configuration_slot not in SLOTS:
            return self._no_profile("InvalidConfSlot")
        if connection_data["security_profile"] < self.flash.profile:
            return self._no_profile("NoSecurityDowngrade")
        if configuration_slot == int(self.flash.get("OCPPCommCtrlr", "ActiveNetworkProfile")):
            return self._no_profile("ActiveNetworkConf")
        if connection_data["ocpp_interface"] != "Wired0":
            return self._no_profile("InvalidNetworkConf")
        self.flash.memory["slots"][str(configuration_slot)] = {
            "ocppCsmsUrl": connection_data["ocpp_csms_url"],
            "securityProfile": connection_data["security_profile"],
            "ocppInterface": connection_data["ocpp_interface"],
            "messageTimeout": connection_data["message_timeout"],
        }
        self.flash.save()
        return call_result.SetNetworkProfile(status="Accepted")

    def _no_profile(self, reason):
        return call_result.SetNetworkProfile(status="Rejected", status_info={"reason_code": reason})

    @on("Reset")
    def reset(self, **_):
        return call_result.Reset(status="Accepted")

    @after("Reset")
    async def restart(self, **_):
        self.station.boot_reason = "RemoteReset"
        await self._connection.close()

    # -- what the station says by itself ----------------------------------------------------------------
    async def boot(self, reason):
        about = {"model": "Other", "vendor_name": "Others Ltd", "serial_number": self.station.serial}
        answer = await self._tell(call.BootNotification(charging_station=about, reason=reason))
        return answer is not None and answer.status == "Accepted"

    async def startup_event(self):
        await self._tell(call.SecurityEventNotification(type="StartupOfTheDevice", timestamp=utc()))

    async def _tell(self, message):
        """None when the connection went before the answer came."""
        with contextlib.suppress(websockets.ConnectionClosed, TimeoutError):
            return await self.call(message)
        return None


class ForeignStation:
    """Power on, connect by priority, obey, fall back: until it is cancelled."""

    def __init__(
        self,
        directory,
        *,
        identity,
        serial,
        url,
        password,
        key_family="ec",
        organization="",
        tell=lambda **_: None,
        pace=None,
        retry=0.2,
        tidies_late=False,
    ):
        self.identity = identity
        self.serial = serial
        self.password = password
        self.key_family = key_family
        self.flash = Flash(directory, url=url, organization=organization)
        self.boot_reason = "PowerUp"
        self._tell = tell
        self._pace = pace
        self._retry = retry
        self._tidies_late = tidies_late
        self._untidy = None

    async def pace(self):
        """Before each message; a test may make the station dawdle here."""
        if self._pace is not None:
            await self._pace()

    async def run(self):
        while True:
            for slot in self.flash.priority:
                if await self._use(slot):
                    break
            await asyncio.sleep(self._retry)

    async def _use(self, slot):
        """Connect with *slot* and stay; False when its attempts are used up (B10.FR.03)."""
        for _ in range(int(self.flash.get("OCPPCommCtrlr", "NetworkProfileConnectionAttempts"))):
            await self.pace()
            try:
                connection = await self.dial(self.flash.slots[slot])
            except (OSError, websockets.WebSocketException, TimeoutError) as error:
                self._tell(
                    event="refused", profile=self.flash.slots[slot]["securityProfile"], why=describe(error)
                )
                await asyncio.sleep(self._retry)
                continue
            async with connection:
                await self._talk(connection, slot)
            return True
        return False

    async def _talk(self, connection, slot):
        profile = self.flash.slots[slot]["securityProfile"]
        self._tell(event="connected", profile=profile)
        manners = Manners(self, connection)
        reading = asyncio.create_task(self._read(manners))
        greeting = asyncio.create_task(self._greet(manners, slot, profile))
        try:
            await asyncio.wait([reading])
        finally:
            reading.cancel()
            greeting.cancel()
            manners.greeted.set()
            await asyncio.wait([reading, greeting])
        self._tell(event="disconnected", profile=profile)

    async def _greet(self, manners, slot, profile):
        manners.greeting = True
        booted = await manners.boot(self.boot_reason)
        if booted:
            self.boot_reason = "PowerUp"
            self._untidy = (slot, profile)
            if not self._tidies_late:
                self.tidy()
            self._tell(event="booted", profile=profile)
        manners.greeted.set()
        if booted:
            await manners.startup_event()

    async def _read(self, manners):
        with contextlib.suppress(websockets.ConnectionClosed):
            await manners.start()

    def tidy(self):
        """A05.FR.06: the new profile works, so lower ones go."""
        slot, profile = self._untidy
        self.flash.set("OCPPCommCtrlr", "ActiveNetworkProfile", slot)
        if profile > self.flash.profile:
            self.flash.set("SecurityCtrlr", "SecurityProfile", profile)
            keep = {
                number: data
                for number, data in self.flash.slots.items()
                if data["securityProfile"] >= profile
            }
            self.flash.memory["slots"] = {str(number): data for number, data in keep.items()}
            left = [str(number) for number in self.flash.priority if number in keep]
            self.flash.set("OCPPCommCtrlr", "NetworkConfigurationPriority", ",".join(left))

    async def dial(self, data):
        """One attempt on the network profile *data*."""
        profile = data["securityProfile"]
        headers = {}
        if profile < 3:
            password = self.flash.memory.get("password", self.password)
            secret = base64.b64encode(f"{self.identity}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {secret}"
        return await websockets.connect(
            f"{data['ocppCsmsUrl']}/{quote(self.identity, safe='')}",
            subprotocols=["ocpp2.0.1"],
            additional_headers=headers,
            ssl=self._tls(profile),
            open_timeout=10,
            close_timeout=2,
            ping_interval=None,
            logger=QUIET,
        )

    def _tls(self, profile):
        if profile < 2:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for path in self.flash.root_files:
            context.load_verify_locations(path)
        if profile == 3:
            context.load_cert_chain(self.flash.chain_file, self.flash.key_file)
        return context


def describe(error):
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP {status}" if status else f"{type(error).__name__}: {error}"


def main():
    parser = argparse.ArgumentParser()
    for name in ("--dir", "--identity", "--serial", "--url", "--password-file"):
        parser.add_argument(name, required=True)
    parser.add_argument("--key", choices=("ec", "rsa"), default="ec")
    given = parser.parse_args()
    station = ForeignStation(
        given.dir,
        identity=given.identity,
        serial=given.serial,
        url=given.url,
        password=Path(given.password_file).read_text().strip(),
        key_family=given.key,
        tell=lambda **what: print(json.dumps(what), flush=True),
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(station.run())


if __name__ == "__main__":
    main()
