"""Security events: logged always, queued until answered when critical (A04).

The queue is part of what the station remembers, so that a restart loses nothing (A04.FR.02).
"""

from datetime import datetime
from typing import Final

from ocppsec.ocppj.times import to_wire
from ocppsec.station.remembered import Remembered, SecurityEvent

CRITICAL: Final = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidChargingStationCertificate",
        "DiscardedRenewedClientCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)
"""Pushed to the CSMS as well; the other events of the standard's list are only logged (appendix 1, v1.3)."""

LOG_LENGTH: Final = 50
QUEUE_LENGTH: Final = 100
"""More waits only for a CSMS that answers nothing for months; then the oldest goes."""
_TECH_INFO_LENGTH: Final = 255


def raised(kept: Remembered, type_: str, now: datetime, tech_info: str = "") -> Remembered:
    """*kept* with the event in the log and, when critical, in the queue."""
    event = SecurityEvent(type_, to_wire(now), tech_info[:_TECH_INFO_LENGTH])
    kept = kept.but(log=(*kept.log, event)[-LOG_LENGTH:])
    if type_ not in CRITICAL:
        return kept
    return kept.but(undelivered=(*kept.undelivered, event)[-QUEUE_LENGTH:])


def raised_once(kept: Remembered, type_: str, now: datetime, tech_info: str = "") -> Remembered:
    """Like `raised`, but one event for a series of equal failures (A00.FR.316, 419).

    A series ends with a delivery: as long as no connection comes about, the first event still waits.
    """
    if any(event.type == type_ for event in kept.undelivered):
        return kept
    if type_ not in CRITICAL and kept.log and kept.log[-1].type == type_:
        return kept
    return raised(kept, type_, now, tech_info)


def delivered(kept: Remembered, event: SecurityEvent) -> Remembered:
    """*kept* after the CSMS answered *event* with a CALLRESULT."""
    return kept.but(undelivered=tuple(other for other in kept.undelivered if other is not event))
