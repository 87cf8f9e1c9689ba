"""What follows from a CALL: the answer, the memory after it, and what is to be done once the answer has left."""

from dataclasses import dataclass, field
from datetime import datetime

from ocppsec.ocppj.errors import ErrorCode
from ocppsec.ocppj.messages import (
    BootReason,
    MessageTrigger,
    RegistrationStatus,
    ReportData,
    Response,
    StatusInfo,
)
from ocppsec.station.config import StationConfig
from ocppsec.station.device_model import Catalogue
from ocppsec.station.remembered import Remembered
from ocppsec.station.slots import Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a rule may look at beside the memory."""

    config: StationConfig
    catalogue: Catalogue
    slot: int
    """The slot in use, as it was when the station connected."""
    profile: int
    """The security profile of this connection."""
    registration: RegistrationStatus | None
    """None while the first BootNotification has no answer."""
    now: datetime
    """The station's own idea of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    reason: BootReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Hang up and dial the same slot at once, with other credentials."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTriggered:
    """F06.FR.10: an Accepted obliges to send."""

    message: MessageTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    request_id: int
    data: tuple[ReportData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLog:
    """Upload *text* to *url* (N01)."""

    request_id: int
    url: str = field(repr=False)
    name: str
    text: str = field(repr=False)
    retries: int
    retry_interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsking:
    """A02.FR.20: after a bad certificate no request goes out by itself."""


Effect = Reboot | Reconnect | SendTriggered | SendReport | SendLog | StopAsking


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A CALLERROR."""

    code: ErrorCode
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The memory is saved first, then the answer leaves, then the effects happen in order."""

    answer: Response | Refusal
    kept: Remembered
    effects: tuple[Effect, ...] = ()


def info(objection: Objection | None) -> StatusInfo | None:
    if objection is None:
        return None
    return StatusInfo(reason_code=objection.reason_code, additional_info=objection.text[:512])
