"""Boot, heartbeat, status, reset, trigger and the network profile (blocks B, F, G)."""

from enum import StrEnum
from typing import ClassVar

from ocppsec.ocppj.messages.base import EVSE, Integer, Request, Response, StatusInfo, Wire


class BootReason(StrEnum):
    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


class RegistrationStatus(StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Modem(Wire, frozen=True, kw_only=True):
    iccid: str | None = None
    imsi: str | None = None


class ChargingStation(Wire, frozen=True, kw_only=True):
    model: str
    vendor_name: str
    serial_number: str | None = None
    firmware_version: str | None = None
    modem: Modem | None = None


class BootNotificationRequest(Request, frozen=True, kw_only=True):
    reason: BootReason
    charging_station: ChargingStation


class BootNotificationResponse(Response, frozen=True, kw_only=True):
    current_time: str
    interval: Integer
    """Seconds: of the heartbeat when Accepted, else until the next BootNotification."""
    status: RegistrationStatus
    status_info: StatusInfo | None = None


class HeartbeatRequest(Request, frozen=True, kw_only=True):
    pass


class HeartbeatResponse(Response, frozen=True, kw_only=True):
    current_time: str


class ConnectorStatus(StrEnum):
    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StatusNotificationRequest(Request, frozen=True, kw_only=True):
    timestamp: str
    connector_status: ConnectorStatus
    evse_id: Integer
    connector_id: Integer


class StatusNotificationResponse(Response, frozen=True, kw_only=True):
    pass


class Reset(StrEnum):
    """How a reset is done; the message is `ResetRequest`."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"


class ResetStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ResetRequest(Request, frozen=True, kw_only=True):
    type: Reset
    evse_id: Integer | None = None


class ResetResponse(Response, frozen=True, kw_only=True):
    status: ResetStatus
    status_info: StatusInfo | None = None


class MessageTrigger(StrEnum):
    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_V2G_CERTIFICATE = "SignV2GCertificate"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    PUBLISH_FIRMWARE_STATUS_NOTIFICATION = "PublishFirmwareStatusNotification"


class TriggerMessageStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class TriggerMessageRequest(Request, frozen=True, kw_only=True):
    requested_message: MessageTrigger
    evse: EVSE | None = None


class TriggerMessageResponse(Response, frozen=True, kw_only=True):
    status: TriggerMessageStatus
    status_info: StatusInfo | None = None


class OCPPVersion(StrEnum):
    """Without meaning: the subprotocol decides.  2.0.1 writes OCPP20 (spec §4.1)."""

    OCPP12 = "OCPP12"
    OCPP15 = "OCPP15"
    OCPP16 = "OCPP16"
    OCPP20 = "OCPP20"


class OCPPTransport(StrEnum):
    JSON = "JSON"
    SOAP = "SOAP"


class OCPPInterface(StrEnum):
    WIRED0 = "Wired0"
    WIRED1 = "Wired1"
    WIRED2 = "Wired2"
    WIRED3 = "Wired3"
    WIRELESS0 = "Wireless0"
    WIRELESS1 = "Wireless1"
    WIRELESS2 = "Wireless2"
    WIRELESS3 = "Wireless3"


class APNAuthentication(StrEnum):
    CHAP = "CHAP"
    NONE = "NONE"
    PAP = "PAP"
    AUTO = "AUTO"


class APN(Wire, frozen=True, kw_only=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"apn_password", "sim_pin"})
    apn: str
    apn_authentication: APNAuthentication
    apn_user_name: str | None = None
    apn_password: str | None = None
    sim_pin: Integer | None = None
    preferred_network: str | None = None
    use_only_preferred_network: bool = False


class VPNKind(StrEnum):
    """The standard's VPNEnumType; `VPN` is the record."""

    IKEV2 = "IKEv2"
    IPSEC = "IPSec"
    L2TP = "L2TP"
    PPTP = "PPTP"


class VPN(Wire, frozen=True, kw_only=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"password", "key"})
    server: str
    user: str
    password: str
    key: str
    type: VPNKind
    group: str | None = None


class NetworkConnectionProfile(Wire, frozen=True, kw_only=True):
    ocpp_csms_url: str
    """Without the identity: the station appends "/" and its own."""
    message_timeout: Integer
    """Seconds."""
    security_profile: Integer
    ocpp_interface: OCPPInterface
    ocpp_version: OCPPVersion
    ocpp_transport: OCPPTransport
    apn: APN | None = None
    vpn: VPN | None = None


class SetNetworkProfileStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class SetNetworkProfileRequest(Request, frozen=True, kw_only=True):
    configuration_slot: Integer
    connection_data: NetworkConnectionProfile


class SetNetworkProfileResponse(Response, frozen=True, kw_only=True):
    status: SetNetworkProfileStatus
    status_info: StatusInfo | None = None
