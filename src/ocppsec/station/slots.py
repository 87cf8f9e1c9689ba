"""NetworkConnectionProfiles in their slots: what may be stored, listed, and what a success removes (B09, B10, A05).

Every objection carries the reasonCode of the standard's list and words for a person.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ocppsec.ocppj.messages import NetworkConnectionProfile, OCPPTransport
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.config import Traits
from ocppsec.station.remembered import Remembered

_SCHEMES: Final = {0: ("ws", "wss"), 1: ("ws",), 2: ("wss",), 3: ("wss",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    reason_code: str
    """At most 20 characters."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the station has to reach the higher profiles with, at this moment."""

    root: bool
    """A currently valid CSMSRootCertificate."""
    certificate: bool
    """A currently valid ChargingStationCertificate under such a root."""
    password: bool


def objection_to_profile(
    slot: int, profile: NetworkConnectionProfile, *, traits: Traits, floor: int
) -> Objection | None:
    """B09.FR.02, 04, 05, 31: why *profile* may not be stored in *slot*."""
    if slot not in traits.slots:  # B09.FR.05
        return Objection(
            reason_code="InvalidConfSlot", text=f"slot {slot} is not one of {_listed(traits.slots)}"
        )
    if profile.security_profile < floor:  # B09.FR.04, 31
        return Objection(
            reason_code="NoSecurityDowngrade", text=f"nothing below security profile {floor} any more"
        )
    wrong = _content(profile, traits)
    return Objection(reason_code="InvalidNetworkConf", text=wrong) if wrong else None  # B09.FR.02


def _content(profile: NetworkConnectionProfile, traits: Traits) -> str | None:
    if profile.security_profile not in _SCHEMES:
        return f"there is no security profile {profile.security_profile}"
    if profile.ocpp_transport != OCPPTransport.JSON:
        return "ocppTransport: only JSON"
    if profile.ocpp_interface not in traits.interfaces:
        return f"ocppInterface: only {_listed(traits.interfaces)}"
    if profile.message_timeout < 1:
        return "messageTimeout: at least 1 s"
    if profile.vpn is not None:
        return "vpn: this station has none"
    return _url(profile.ocpp_csms_url, profile.security_profile)


def _url(url: str, profile: int) -> str | None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "ocppCsmsUrl: not a URL"
    if parts.scheme not in _SCHEMES[profile]:
        return f"ocppCsmsUrl: security profile {profile} needs {_SCHEMES[profile][0]}://"
    if not host or parts.username is not None or parts.query or parts.fragment:
        return "ocppCsmsUrl: scheme, host, port and path only"
    return None


def stored(kept: Remembered, slot: int, profile: NetworkConnectionProfile) -> Remembered:
    """B09.FR.01."""
    return kept.but(slots={**kept.slots, slot: profile})


def read_priority(value: str) -> tuple[int, ...] | None:
    """The slots in ``"2,1"``; None when it is no list of different numbers."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        return None
    slots = tuple(int(part) for part in parts)
    return slots if len(set(slots)) == len(slots) else None


def objection_to_priority(
    kept: Remembered, priority: tuple[int, ...], *, traits: Traits, means: Means, floor: int
) -> Objection | None:
    """B10.FR.02, A05.FR.02, 03, 08 to 10: why NetworkConfigurationPriority may not become *priority*."""
    for slot in priority:
        if slot not in traits.slots:
            return Objection(reason_code="InvalidConfSlot", text=f"slot {slot} is not in the valuesList")
        if slot not in kept.slots:  # B10.FR.02
            return Objection(reason_code="InvalidNetworkConf", text=f"slot {slot} is not configured")
        objection = _unreachable(slot, kept.slots[slot].security_profile, floor, means)
        if objection is not None:
            return objection
    return None


def _unreachable(slot: int, profile: int, floor: int, means: Means) -> Objection | None:
    if profile < floor:  # A05.FR.09, 10
        return Objection(
            reason_code="NoSecurityDowngrade",
            text=f"slot {slot} has profile {profile}, nothing below {floor} any more",
        )
    if profile >= SecurityProfile.TLS_BASIC and not means.root:  # A05.FR.02
        return Objection(
            reason_code="InvalidCertificate", text=f"slot {slot} needs a valid CSMSRootCertificate"
        )
    if profile == SecurityProfile.TLS_CLIENT and not means.certificate:  # A05.FR.03
        return Objection(
            reason_code="InvalidCertificate", text=f"slot {slot} needs a valid ChargingStationCertificate"
        )
    if profile in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC) and not means.password:
        return Objection(reason_code="InvalidNetworkConf", text=f"slot {slot} needs a BasicAuthPassword")
    return None


def after_success(kept: Remembered, slot: int, profile: int, *, floor: int) -> Remembered:
    """A05.FR.06: SecurityProfile follows, lower slots go, the list shrinks.

    It goes down to *floor* at most (A00.FR.005); then nothing is removed, the way up stays.
    """
    if floor <= profile < kept.security_profile:
        return kept.but(last_good_slot=slot, security_profile=profile)
    if profile <= kept.security_profile:
        return kept.but(last_good_slot=slot)
    slots = {number: stored for number, stored in kept.slots.items() if stored.security_profile >= profile}
    return kept.but(
        last_good_slot=slot,
        security_profile=profile,
        slots=slots,
        priority=tuple(number for number in kept.priority if number in slots),
    )


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(str(value) for value in values)
