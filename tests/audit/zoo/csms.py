"""A small CSMS on the foreign stack (`websockets` and `ocpp`), sound, or with one defect chosen by name.

It is written to be read beside the list of defects: what a defect changes stands where the sound thing is done.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import ssl
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.asyncio.server import serve
from websockets.exceptions import NegotiationError
from zoo.papers import ORGANIZATION, load, pki, server_context

from ocppsec.audit.forge import forger, key_pem, pem, rsa_key, subject

logging.getLogger("ocpp").setLevel(logging.CRITICAL + 1)
QUIET = logging.getLogger("zoo")
QUIET.setLevel(logging.CRITICAL + 1)
QUIET.propagate = False

PASSWORD = "right-password-of-CS1"
STATIONS = {"CS1": ("SN-1", PASSWORD), "CS2": ("SN-2", "the-password-of-number-2")}

DEFECTS = {
    "no-authentication": ("first.authenticated-socket", "Whoever connects is let in."),
    "password-not-compared": ("auth.wrong-password", "Any password is right."),
    "no-header-is-fine": ("auth.no-credentials", "Without an Authorization header nothing is checked."),
    "user-not-compared": ("auth.user-is-identity", "The user name is not looked at."),
    "identity-from-user": ("auth.other-identity", "Credentials are checked against their own user name."),
    "password-cut-at-colon": ("auth.exact-password", "What follows a second colon is thrown away."),
    "breaks-on-malformed": ("auth.malformed", "An unreadable header raises an exception."),
    "scheme-in-one-case": ("auth.scheme-case", "Only `Basic` is a scheme, `basic` is not."),
    "bare-401": ("auth.challenge", "401 without WWW-Authenticate."),
    "takeover-before-check": ("first.no-takeover", "The old session ends before the newcomer is checked."),
    "unlimited-logins": ("first.logins-limited", "Logins are not counted."),
    "unlimited-questions": ("first.identities-not-probed", "404 for unknown stations, as often as asked."),
    "subprotocol-ignored": ("connection.subprotocol", "No subprotocol is negotiated at all."),
    "no-compression": ("connection.compression", "permessage-deflate is switched off."),
    "identity-in-query": (
        "connection.identity-in-url",
        "The identity is read from the query, if it is there.",
    ),
    "two-sessions": ("connection.one-session", "The old connection of an identity stays beside the new one."),
    "asks-twice": ("connection.one-call-at-a-time", "A second CALL leaves before the first is answered."),
    "loses-refusals": ("tls.refusals-complete", "Over TLS the connection is dropped with the refusal."),
    "one-family": ("tls.suite-aes128-gcm-sha256", "There is an ECDSA certificate only."),
    "rsa-only": ("tls.suite-ecdhe-ecdsa-aes128-gcm-sha256", "There is an RSA certificate only."),
    "tls-1.1": ("tls.old-versions", "TLS 1.0 and 1.1 are still spoken."),
    "null-suites": ("tls.weak-suites", "Suites without encryption are served."),
    "wildcard": ("tls.certificate-name", "The server certificate is for *.example.com."),
    "expired-server": ("tls.certificate-validity", "The server certificate has expired."),
    "weak-key": ("tls.certificate-strength", "The server key is RSA with 1024 bits."),
    "no-intermediate": ("tls.certificate-chain", "The intermediate certificate is not sent."),
    "revoked-resumes": ("tls.revoked-not-resumed", "Revocation is a CRL, and a resumed session skips it."),
    "revocation-ignored": ("tls.revoked-not-resumed", "Revocation is never looked at."),
    "certificate-optional": ("mtls.absent", "A missing client certificate is no reason to refuse."),
    "ignores-common-name": ("mtls.other-station", "Any certificate of the CA opens any station."),
    "expired-client": ("mtls.expired", "The validity of client certificates is not checked."),
    "serial-not-compared": ("mtls.serial-at-boot", "The serial number at boot is not compared with CN."),
    "forgets-the-floor": ("profiles.no-return-to-clear", "A station may fall back to ws:// after wss://."),
    "password-after-3": ("profiles.no-return-to-password", "After profile 3 the password still opens."),
    "serves-unbooted": ("boot.nothing-before", "Messages are served before a BootNotification."),
    "boot-without-interval": ("boot.accepted", "The answer to BootNotification lacks its interval."),
    "wrong-clock": ("boot.clock", "currentTime is a day behind."),
    "events-unanswered": ("boot.security-event", "SecurityEventNotification gets no answer."),
    "accepts-any-request": ("certificates.a-broken-signature", "SignCertificate is always Accepted."),
    "signs-any-name": (
        "certificates.the-serial-number-of-another-station",
        "The name in a request is copied.",
    ),
    "signs-cas": ("certificates.a-wish-to-be-a-ca", "Extensions of a request are copied."),
    "certificate-first": (
        "certificates.issued",
        "CertificateSigned leaves before the answer to SignCertificate.",
    ),
    "callerror-never": ("frames.unknown-action", "What cannot be done is not answered."),
    "no-validation": ("frames.schema-violation", "Payloads are not validated."),
    "dies-of-depth": ("frames.brackets-20000-deep", "A deeply nested message ends the session."),
    "deaf-after-garbage": ("frames.text-that-no-json", "After an unreadable message nothing is answered."),
    "hangs-up-on-garbage": ("frames.null", "An unreadable message ends the session."),
}
"""Name: the check made for it, and what is wrong."""


def has_expired_ok(context):
    context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME


class Bucket:
    """So many at once, and so many a second."""

    def __init__(self, size, rate):
        self.size, self.rate, self.left, self.at = size, rate, size, time.monotonic()

    def take(self):
        now = time.monotonic()
        self.left = min(self.size, self.left + (now - self.at) * self.rate)
        self.at = now
        self.left -= 1
        if self.left < 0:
            self.left = 0
            return False
        return True


class Talk(ChargePoint):
    """The conversation with one station."""

    def __init__(self, csms, identity, profile, common_name, connection):
        super().__init__(identity, connection, response_timeout=5)
        self.logger = QUIET
        self.csms, self.profile, self.common_name = csms, profile, common_name
        self.booted = False
        self.deaf = False

    async def route_message(self, raw_msg):
        csms = self.csms
        if self.deaf:
            return
        try:
            message = json.loads(raw_msg)
        except Exception:
            if csms.is_("deaf-after-garbage"):
                self.deaf = True
            if csms.is_("dies-of-depth") or csms.is_("hangs-up-on-garbage"):
                raise
            return
        if not isinstance(message, list) or not message or message[0] not in (2, 3, 4):
            if csms.is_("hangs-up-on-garbage"):
                raise ValueError("no frame")
            return
        is_call = message[0] == 2 and len(message) == 4 and isinstance(message[1], str)
        if (
            is_call
            and not self.booted
            and message[2] != "BootNotification"
            and not csms.is_("serves-unbooted")
        ):
            await self._send(json.dumps([4, message[1], "SecurityError", "boot first", {}]))
            return
        if is_call and message[2] == "SecurityEventNotification" and csms.is_("events-unanswered"):
            return
        if is_call and message[2] == "BootNotification" and csms.is_("no-validation"):
            now = datetime.now(UTC).isoformat()
            answer = {"currentTime": now, "interval": 300, "status": "Accepted"}
            self.booted = True
            await self._send(json.dumps([3, message[1], answer]))
            return
        if is_call and message[2] == "BootNotification" and csms.is_("boot-without-interval"):
            self.booted = True
            answer = {"currentTime": datetime.now(UTC).isoformat(), "status": "Accepted"}
            await self._send(json.dumps([3, message[1], answer]))
            return
        try:
            await super().route_message(raw_msg)
        except Exception:  # what this library does not catch
            with contextlib.suppress(Exception):
                await self._send(json.dumps([4, str(message[1])[:36], "FormatViolation", "", {}]))

    async def _send(self, message):
        if self.csms.is_("callerror-never") and json.loads(message)[0] == 4:
            return
        await super()._send(message)

    @on("BootNotification")
    async def boot(self, charging_station, reason, **_):
        csms = self.csms
        serial = charging_station.get("serial_number")
        if (
            self.common_name is not None
            and serial != self.common_name
            and not csms.is_("serial-not-compared")
        ):
            await self._connection.close(1008, "serial number")
            raise ConnectionError("closed")
        self.booted = True
        csms.floors[self.id] = max(csms.floors.get(self.id, 1), self.profile)
        now = datetime.now(UTC) - timedelta(days=1 if csms.is_("wrong-clock") else 0)
        return call_result.BootNotification(current_time=now.isoformat(), interval=300, status="Accepted")

    @after("BootNotification")
    async def ask(self, **_):
        asked = [{"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}]
        with contextlib.suppress(Exception):
            if self.csms.is_("asks-twice"):
                for number in range(2):
                    await self._send(
                        json.dumps([2, f"q{number}", "GetVariables", {"getVariableData": asked}])
                    )
            else:
                await self.call(call.GetVariables(get_variable_data=asked))

    @on("Heartbeat")
    def heartbeat(self, **_):
        now = datetime.now(UTC) - timedelta(days=1 if self.csms.is_("wrong-clock") else 0)
        return call_result.Heartbeat(current_time=now.isoformat())

    @on("StatusNotification")
    def status(self, **_):
        return call_result.StatusNotification()

    @on("SecurityEventNotification")
    def event(self, **_):
        return call_result.SecurityEventNotification()

    @on("SignCertificate")
    async def sign(self, csr, **_):
        request = self._good(csr)
        if request is None and not self.csms.is_("accepts-any-request"):
            return call_result.SignCertificate(status="Rejected", status_info={"reason_code": "InvalidCSR"})
        if self.csms.is_("certificate-first") and request is not None:
            chain = self._certify(request)
            await self._send(json.dumps([2, "early", "CertificateSigned", {"certificateChain": chain}]))
        return call_result.SignCertificate(status="Accepted")

    @after("SignCertificate")
    async def deliver(self, csr, **_):
        request = self._good(csr)
        if request is None or self.csms.is_("certificate-first"):
            return
        with contextlib.suppress(Exception):
            await self.call(call.CertificateSigned(certificate_chain=self._certify(request)))

    def _good(self, csr):
        csms = self.csms
        try:
            request = x509.load_pem_x509_csr(csr.encode())
            key = request.public_key()
            names = [one.value for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
            owners = [one.value for one in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
            strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048
            strong = strong or (isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 224)
            named = names == [STATIONS[self.id][0]] and owners == [ORGANIZATION]
            good = request.is_signature_valid and strong and (named or csms.is_("signs-any-name"))
        except Exception:
            return None
        return request if good else None

    def _certify(self, request):
        key = serialization.load_pem_private_key(pki().stations.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(pki().stations.cert_pem.bytes()).subject
        now = datetime.now(UTC)
        wants_ca = False
        with contextlib.suppress(x509.ExtensionNotFound):
            wants_ca = request.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        constraints = x509.BasicConstraints(ca=wants_ca and self.csms.is_("signs-cas"), path_length=None)
        builder = (
            x509.CertificateBuilder(request.subject and issuer, request.subject, request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(constraints, critical=True)
        )
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class ZooCsms:
    """Doors for profiles 1, 2 and 3.  Use as an async context; *defect* None is sound."""

    def __init__(self, defect=None):
        assert defect is None or defect in DEFECTS
        self.defect = defect
        self.floors = {}
        self.sessions = {}
        self.revoked = set()
        self.logins = {}
        self.questions = Bucket(45, 5)
        self.urls = {}
        self.contexts = {}
        self._doors = contextlib.AsyncExitStack()

    def is_(self, defect):
        return self.defect == defect

    async def __aenter__(self):
        for profile in (1, 2, 3):
            server = await self._doors.enter_async_context(
                serve(
                    self._serve(profile),
                    "localhost",
                    0,
                    ssl=self._context(profile),
                    process_request=self._check(profile),
                    subprotocols=None if self.is_("subprotocol-ignored") else ["ocpp2.0.1"],
                    select_subprotocol=self._select,
                    compression=None if self.is_("no-compression") else "deflate",
                    ping_interval=None,
                    close_timeout=0.3,
                    logger=QUIET,
                )
            )
            port = server.sockets[0].getsockname()[1]
            self.urls[profile] = f"{'ws' if profile == 1 else 'wss'}://localhost:{port}/ocpp"
        return self

    async def __aexit__(self, *error):
        await self._doors.__aexit__(*error)

    # -- TLS ----------------------------------------------------------------------------------------------
    def _context(self, profile):
        if profile == 1:
            return None
        papers = pki()
        context = server_context()
        if self.is_("tls-1.1"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        if self.is_("null-suites"):
            context.set_ciphers("ALL:eNULL:aNULL:@SECLEVEL=0")
        if self.is_("weak-key"):
            context.set_ciphers("ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0")
            load_weak(context)
        elif self.is_("wildcard"):
            load(context, papers.wildcard)
        elif self.is_("expired-server"):
            load(context, papers.stale)
        else:
            left_out = {"one-family": "rsa", "rsa-only": "ec"}.get(self.defect)
            for family, leaf in papers.servers.items():
                if family != left_out:
                    load(context, leaf, chain=not self.is_("no-intermediate"))
        if profile == 3:
            papers.stations.configure_trust(context)
            optional = self.is_("certificate-optional") or self.is_("no-authentication")
            context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
            if self.is_("expired-client"):
                has_expired_ok(context)
            if self.is_("revoked-resumes"):
                load_crl(context)
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        self.contexts[profile] = context
        return context

    async def operator(self, what):
        """Does what an audit asks for."""
        if "revoke" in what:
            certificate = x509.load_pem_x509_certificate(pki().mine.cert_chain_pems[0].bytes())
            self.revoked.add(certificate.serial_number)
            if self.is_("revoked-resumes"):
                await asyncio.sleep(1.1)  # of two lists made in the same second the first counts
                load_crl(self.contexts[3], certificate.serial_number)
            return True
        return False

    # -- who may enter ------------------------------------------------------------------------------------
    def _check(self, profile):
        def check(connection, request):
            identity = self._identity(request.path)
            refusal = self._refusal(profile, identity, connection, request)
            if refusal is None:
                connection.identity = identity
                return None
            if self.is_("takeover-before-check") and identity in self.sessions:
                self.sessions.pop(identity).transport.abort()
            if self.is_("loses-refusals") and profile > 1:
                connection.transport.abort()
            status, text = refusal
            response = connection.respond(HTTPStatus(status), f"{text}\n")
            if status == 401 and not self.is_("bare-401"):
                response.headers["WWW-Authenticate"] = 'Basic realm="zoo"'
            if status == 429:
                response.headers["Retry-After"] = "1"
            return response

        return check

    def _identity(self, path):
        parts = urlsplit(path)
        if self.is_("identity-in-query") and "identity" in parse_qs(parts.query):
            return parse_qs(parts.query)["identity"][0]
        prefix, _, last = parts.path.rpartition("/")
        return unquote(last) if prefix == "/ocpp" else ""

    def _refusal(self, profile, identity, connection, request):
        if self.is_("no-authentication"):
            return None
        if identity not in STATIONS:
            if not self.is_("unlimited-questions") and not self.questions.take():
                return 429, "wait"
            return 404, "unknown"
        if self._below_floor(profile, identity):
            return 403, "this profile is below the floor"
        if profile == 3:
            return self._certificate_refusal(identity, connection)
        return self._password_refusal(identity, request)

    def _below_floor(self, profile, identity):
        floor = self.floors.get(identity, 1)
        if self.is_("forgets-the-floor") and profile == 1:
            return False
        if self.is_("password-after-3") and profile == 2:
            return False
        return profile < floor

    def _password_refusal(self, identity, request):
        headers = request.headers.get_all("Authorization")
        if not headers and self.is_("no-header-is-fine"):
            return None
        scheme, _, value = (headers[0] if headers else "").partition(" ")
        if scheme != "Basic" and (scheme.lower() != "basic" or self.is_("scheme-in-one-case")):
            return 401, "credentials"
        if self.is_("breaks-on-malformed"):
            user, password = base64.b64decode(value, validate=True).split(b":", 1)
        try:
            user, colon, password = base64.b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return 401, "credentials"
        if self.is_("password-cut-at-colon"):
            password = password.partition(b":")[0]
        account = identity
        if self.is_("identity-from-user") and user.decode(errors="replace") in STATIONS:
            account = user.decode()
        right = password == STATIONS[account][1].encode() or (password and self.is_("password-not-compared"))
        named = user == account.encode() or self.is_("user-not-compared")
        if colon and right and named:
            return None
        bucket = self.logins.setdefault(identity, Bucket(24, 5))
        if not self.is_("unlimited-logins") and not bucket.take():
            return 429, "wait"
        return 401, "credentials"

    def _certificate_refusal(self, identity, connection):
        secure = connection.transport.get_extra_info("ssl_object")
        der = secure.getpeercert(True)
        if der is None:
            return None if self.is_("certificate-optional") else (403, "a certificate")
        certificate = x509.load_der_x509_certificate(der)
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [STATIONS[identity][0]] and not self.is_("ignores-common-name"):
            return 403, "another station's certificate"
        ignored = self.is_("revoked-resumes") or self.is_("revocation-ignored")
        if certificate.serial_number in self.revoked and not ignored:
            return 403, "revoked"
        return None

    def _select(self, connection, subprotocols):
        if self.is_("subprotocol-ignored"):
            return None
        if "ocpp2.0.1" not in subprotocols:
            raise NegotiationError("no common subprotocol")
        return "ocpp2.0.1"

    # -- conversations ------------------------------------------------------------------------------------
    def _serve(self, profile):
        async def converse(connection):
            identity = connection.identity
            old = self.sessions.get(identity)
            self.sessions[identity] = connection
            if old is not None and not self.is_("two-sessions"):
                await old.close(1000, "replaced")
            talk = Talk(self, identity, profile, self._common_name(connection, profile), connection)
            try:
                async for message in connection:
                    await talk.route_message(message)
            finally:
                if self.sessions.get(identity) is connection:
                    del self.sessions[identity]

        return converse

    def _common_name(self, connection, profile):
        if profile != 3:
            return None
        der = connection.transport.get_extra_info("ssl_object").getpeercert(True)
        if der is None:
            return None
        subject = x509.load_der_x509_certificate(der).subject
        return subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def load_crl(context, *serials):
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pki().crl(*serials).encode())
        file.flush()
        context.load_verify_locations(file.name)


def load_weak(context):
    """An RSA-1024 server certificate; no library makes one by accident."""
    ca = forger(subject("Root", ORGANIZATION))
    key = rsa_key(1024)
    certificate = ca.certify(key, subject("localhost", ORGANIZATION), host_names=("localhost",))
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem(certificate).encode() + key_pem(key))
        file.flush()
        context.load_cert_chain(file.name)
