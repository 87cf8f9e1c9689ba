"""Everything a station keeps over a restart, as one frozen value.

Rules take it and give back a changed one; `memory` knows where it lies.  Private keys are not in here, only the
names they are kept under (A02.FR.05: they never leave the station).
"""

from typing import Any

import msgspec

from ocppsec.ocppj.messages import NetworkConnectionProfile, OCPPTransport, OCPPVersion
from ocppsec.station.config import StationConfig


class InstalledRoot(msgspec.Struct, frozen=True):
    use: str
    """InstallCertificateUse, such as ``CSMSRootCertificate``."""
    pem: str
    issuer_pem: str = ""
    """The root that signed it, where it is not self-signed (M05.FR.10); its hash data needs that key."""


class OwnCertificate(msgspec.Struct, frozen=True):
    """A ChargingStationCertificate with the name its private key is kept under."""

    chain_pem: str
    key: str


class OpenRequest(msgspec.Struct, frozen=True):
    """A signing request whose certificate may still come."""

    csr: str
    key: str


class SecurityEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    timestamp: str
    tech_info: str = ""


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The station's persistent memory.  Its repr shows nothing: passwords are among it."""

    password: str | None = None
    """SecurityCtrlr.BasicAuthPassword."""
    variables: dict[str, str] = {}
    """What was written over a default; the names are made by `device_model`."""
    slots: dict[int, NetworkConnectionProfile]
    priority: tuple[int, ...]
    """NetworkConfigurationPriority."""
    security_profile: int
    """SecurityCtrlr.SecurityProfile; never goes down (A00.FR.005)."""
    last_good_slot: int | None = None
    """Where the last successful connection was; B10.FR.07 falls back to it."""
    roots: tuple[InstalledRoot, ...] = ()
    fallback_root: str | None = None
    """The CSMS root a new one replaced, until that one has worked (M05.FR.12 and 13)."""
    certificates: tuple[OwnCertificate, ...] = ()
    """The one that last worked first, a newer one that has not connected yet behind it."""
    requests: tuple[OpenRequest, ...] = ()
    undelivered: tuple[SecurityEvent, ...] = ()
    """A04.FR.02: critical security events until the CSMS has answered them."""
    log: tuple[SecurityEvent, ...] = ()
    """A04.FR.04: the security log, rolling."""
    boot_reason: str = "PowerUp"
    """What the next BootNotification says."""

    def __repr__(self) -> str:
        return f"Remembered(security_profile={self.security_profile}, priority={self.priority})"

    def but(self, **changes: Any) -> "Remembered":
        """A copy with *changes*."""
        return msgspec.structs.replace(self, **changes)


FACTORY_KEY = "factory"
"""The name the key of a factory certificate is kept under."""


def factory_fresh(config: StationConfig) -> Remembered:
    """What a station remembers that was commissioned but never switched on."""
    first, *others = (config.traits.slots[0], *config.traits.listed_slots)
    profile = int(config.first_profile())
    slot = NetworkConnectionProfile(
        ocpp_version=OCPPVersion.OCPP20,
        ocpp_transport=OCPPTransport.JSON,
        ocpp_csms_url=config.url,
        message_timeout=int(config.call_timeout),
        security_profile=profile,
        ocpp_interface=config.traits.interfaces[0],
    )
    own = config.certificate
    return Remembered(
        password=config.password,
        slots={first: slot} | dict.fromkeys(others, slot),
        priority=(first, *others),
        security_profile=profile,
        roots=tuple(InstalledRoot("CSMSRootCertificate", pem) for pem in config.roots),
        certificates=(OwnCertificate(own.chain_pem, FACTORY_KEY),) if own else (),
    )
