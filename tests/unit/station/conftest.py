"""A station's memory at chosen points of its life, and a small CSO that issues certificates to it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.signing_request import make_request
from ocppsec.ocppj.messages import NetworkConnectionProfile, RegistrationStatus
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.device_model import catalogue
from ocppsec.station.remembered import InstalledRoot, OwnCertificate, factory_fresh
from ocppsec.station.reply import Situation

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SERIAL, ORGANIZATION = "SN-1", "Example CSO"
PASSWORD = "sixteen-letters-"
CSMS_ROOT = "CSMSRootCertificate"
DAY = timedelta(days=1)


def profile(number, url=None, **changes):
    scheme = "ws" if number < 2 else "wss"
    values = {
        "ocpp_version": "OCPP20",
        "ocpp_transport": "JSON",
        "ocpp_csms_url": url or f"{scheme}://csms.example.com/ocpp",
        "message_timeout": 30,
        "security_profile": number,
        "ocpp_interface": "Wired0",
    }
    return NetworkConnectionProfile(**values | changes)


def config(**changes):
    values = {
        "identity": "CS001",
        "serial_number": SERIAL,
        "url": "ws://csms.example.com/ocpp",
        "password": PASSWORD,
        "traits": Traits(organization=ORGANIZATION),
    }
    return StationConfig(**values | changes)


def situation(conf=None, *, slot=1, profile=1, registration=RegistrationStatus.ACCEPTED, now=NOW):
    conf = conf or config()
    return Situation(
        config=conf,
        catalogue=catalogue(conf.traits),
        slot=slot,
        profile=profile,
        registration=registration,
        now=now,
    )


@dataclass(frozen=True)
class Ca:
    """A CA with its key; `certify` signs whatever it is told to."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self):
        return pem(self.certificate)

    def certify(
        self, key, *, common_name=SERIAL, organization=ORGANIZATION, begin=NOW - DAY, end=NOW + DAY, ca=False
    ):
        return (
            x509.CertificateBuilder()
            .subject_name(name(common_name, organization))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM).decode()


def name(common_name, organization=ORGANIZATION):
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
    )


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def new_root(common_name="Root", *, begin=NOW - DAY, end=NOW + DAY):
    key = new_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Ca(certificate, key)


@dataclass(frozen=True)
class World:
    """What the rules are asked about: a memory and a situation, changed a little by each test."""

    root: Ca
    kept: object
    situation: Situation

    now = NOW
    profile = staticmethod(profile)
    config = staticmethod(config)
    new_root = staticmethod(new_root)
    new_key = staticmethod(new_key)
    pem = staticmethod(pem)

    @property
    def traits(self):
        return self.situation.config.traits

    def but(self, **changes):
        return replace(self, kept=self.kept.but(**changes))

    def having(self, **traits):
        conf = replace(self.situation.config, traits=replace(self.traits, **traits))
        return replace(self, situation=replace(self.situation, config=conf, catalogue=catalogue(conf.traits)))

    def on(self, number, slot=1):
        """Connected with that profile."""
        return replace(
            self.but(slots=self.kept.slots | {slot: profile(number)}, security_profile=number),
            situation=replace(self.situation, profile=number, slot=slot),
        )

    def with_root(self):
        return self.but(roots=(InstalledRoot(CSMS_ROOT, self.root.pem),))

    def with_certificate(self, **certify):
        """And the root it hangs under."""
        leaf = self.root.certify(new_key(), **certify)
        return self.with_root().but(
            certificates=(*self.kept.certificates, OwnCertificate(pem(leaf), "key-1"))
        )


@pytest.fixture(scope="session")
def root():
    return new_root()


@pytest.fixture
def world(root):
    """A station fresh from the factory, accepted on profile 1."""
    return World(root=root, kept=factory_fresh(config()), situation=situation())


@pytest.fixture
def request_of():
    """A signing request and its key."""

    def make(common_name=SERIAL):
        key = new_key()
        return make_request(key, common_name=common_name, organization=ORGANIZATION), key

    return make
