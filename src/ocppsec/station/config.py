"""What one simulated station is: who it says it is, how it was commissioned, and what its kind can do.

Everything in here is decided before the station is switched on for the first time; what the CSMS changes later
is in `remembered`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ssl import TLSVersion
from urllib.parse import urlsplit

from ocppsec.certificates.keys import KeyFamily
from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.profiles.profile import SecurityProfile


class Edition(StrEnum):
    """Of OCPP 2.0.1, where they differ in security."""

    THIRD = "3"
    """Edition 3 of 2024 as printed: no way back to a lower profile, no wildcards, no boot without a reboot."""
    ERRATA = "errata"
    """With the errata of September 2025."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a kind of station can do.  Stations of one kind share the object."""

    slots: tuple[int, ...] = (1, 2, 3)
    """B09.FR.06: at least two.  The valuesList of NetworkConfigurationPriority."""
    interfaces: tuple[OCPPInterface, ...] = (OCPPInterface.WIRED0, OCPPInterface.WIRELESS0)
    max_roots: int = 16
    """CertificateEntries, maxLimit."""
    max_chain_size: int = 10_000
    """MaxCertificateChainSize."""
    additional_root_check: bool = False
    """AdditionalRootCertificateCheck: one CSMS root, and a new one is signed by the old (M05.FR.09 to 16)."""
    connection_attempts: int = 3
    """NetworkProfileConnectionAttempts, until the CSMS sets another."""
    back_off_minimum: int = 10
    back_off_range: int = 10
    back_off_repeats: int = 5
    certificate_wait: int = 60
    """CertSigningWaitMinimum, seconds."""
    certificate_repeats: int = 3
    """CertSigningRepeatTimes: how often that wait doubles."""
    renewal_days: int = 30
    """How long before its certificate ends a station asks for the next one (A03: a month)."""
    ping_interval: int = 60
    """WebSocketPingInterval, seconds; 0 for none."""
    organization: str = ""
    """OrganizationName as the factory set it."""
    key_family: KeyFamily = KeyFamily.EC_P256
    edition: Edition = Edition.ERRATA
    listed_slots: tuple[int, ...] = ()
    """Filled like the first slot and in the priority list behind it when the station leaves the factory."""
    lacks: frozenset[str] = frozenset()
    """Variables its device model does not have, such as ``OCPPCommCtrlr.NetworkConfigurationPriority``."""
    follows_clock: bool = True
    """Sets its clock by the CSMS."""
    meter_seconds: float = 0.0
    """A vehicle is always charging, and a TransactionEvent says so this often; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryCertificate:
    """A ChargingStationCertificate the station leaves the factory with."""

    chain_pem: str
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    identity: str
    serial_number: str
    url: str
    """Of the CSMS, without the identity: ``ws://host:port/path`` or ``wss://…``."""
    password: str | None = field(default=None, repr=False)
    profile: SecurityProfile | None = None
    """None: as the URL, password and factory certificate suggest."""
    model: str = "ocppsec-1"
    vendor: str = "ocppsec"
    firmware_version: str = "1.0.0"
    roots: tuple[str, ...] = ()
    """CSMS root certificates (PEM) installed at the factory."""
    certificate: FactoryCertificate | None = None
    traits: Traits = Traits()
    pace: float = 1.0
    """How long a second of the device model's waits lasts; tests and demonstrations hurry."""
    reboot_seconds: float = 5.0
    """How long a reboot takes, at pace 1."""
    source: str | None = None
    """The address of this machine to connect from; None leaves it to the system."""
    call_timeout: float = 30.0
    ciphers: str | None = None
    """OpenSSL's names for TLS 1.2 suites; None for those of A00.FR.318 and ECDHE with RSA."""
    tls_version: TLSVersion | None = None
    """This one and no other; None for 1.2 and newer."""

    def first_profile(self) -> SecurityProfile:
        """The profile of the slot the station is commissioned with."""
        if self.profile is not None:
            return self.profile
        if urlsplit(self.url).scheme == "wss":
            return SecurityProfile.TLS_CLIENT if self.certificate else SecurityProfile.TLS_BASIC
        return SecurityProfile.NONE if self.password is None else SecurityProfile.BASIC
