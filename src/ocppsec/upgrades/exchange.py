"""What the workflow and the shell around it say to each other: events in, effects out.

The shell saves the new state first, then carries the effects out in their order, and feeds back what came of
them.  It feeds an answer only while the CALL it belongs to is the outstanding one; anything else may come at
any time, late or twice, and changes nothing where it has no meaning.
"""

from dataclasses import dataclass, field

from ocppsec.ocppj.messages import NotifyReportRequest, Request, Response
from ocppsec.upgrades.plan import Lowering


@dataclass(frozen=True, slots=True)
class Answered:
    """CALLRESULT to the last `Send`."""

    response: Response


@dataclass(frozen=True, slots=True)
class CallRefused:
    """CALLERROR to the last `Send`, or a CALLRESULT the schema does not allow."""

    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class CallTimedOut:
    """No answer to the last `Send` in time; the link is still there."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The station's connection ended, or a `Send` found none."""


@dataclass(frozen=True, slots=True)
class StationConnected:
    """Admitted on *profile*.  The shell feeds this and then calls `resume` with the same profile."""

    profile: int


@dataclass(frozen=True, slots=True)
class StationBooted:
    """A BootNotification was answered Accepted on a connection of *profile*: the only proof there is."""

    profile: int


@dataclass(frozen=True, slots=True)
class CsrReceived:
    """A SignCertificate for the ChargingStationCertificate was answered Accepted."""

    csr: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The CA's certificate for the request of the last `Sign`, recorded as acceptable already."""

    chain: str
    """PEM, leaf first, without the root."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SigningRefused:
    """The station's request was refused, when it came or when it was to be signed."""

    reasons: tuple[str, ...]
    by_person: bool = False
    """By somebody who was asked, not by rule."""
    later: bool = False
    """For now only: it came too soon after others, of this station or of the fleet."""


@dataclass(frozen=True, slots=True)
class ApprovalNeeded:
    """A person, or the other CA that signs, has to decide on the request of the last `Sign` first."""

    request: str
    """What it is called when it is approved."""
    ca: str = ""
    """That CA, in words; empty where a person here decides."""


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """The request that waited was approved, or it is time to ask the other CA again."""


@dataclass(frozen=True, slots=True)
class ReportReceived:
    report: NotifyReportRequest


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """`deadline_of` the state has gone by since the step was entered."""

    step_number: int | None = None
    """Of the step the timer was set for: a late timer of an earlier step has no meaning.  None: the present one."""


@dataclass(frozen=True, slots=True)
class HandshakeSeen:
    """What a door saw of this station, or from its address, without letting it in."""

    reason: str


@dataclass(frozen=True, slots=True)
class OurOutage:
    """The station was turned away by a fault of ours: the store was away."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A person does not want to wait any longer."""

    why: str


Event = (
    Answered
    | CallRefused
    | CallTimedOut
    | LinkLost
    | StationConnected
    | StationBooted
    | CsrReceived
    | Signed
    | SigningRefused
    | ApprovalNeeded
    | ApprovalGiven
    | ReportReceived
    | DeadlinePassed
    | HandshakeSeen
    | OurOutage
    | GivenUp
)


@dataclass(frozen=True, slots=True)
class Send:
    """Call the station; wait `Plan.message_timeout` for the answer.  A later `Send` replaces this one: what comes
    of the earlier CALL is fed no more.
    """

    request: Request
    after: float = 0.0
    """Seconds to wait first; nothing is sent when something else was decided meanwhile."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Have the CA check and sign *csr*.  May repeat after a crash: a key it has certified for this station in
    this upgrade gets the same certificate again, not a refusal.
    """

    csr: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RaiseFloor:
    """A05.FR.07; to be saved in one transaction with the state."""

    profile: int


@dataclass(frozen=True, slots=True)
class LowerFloor:
    """A00.FR.005: 3 to 2, before the Reset that sends the station there; who asked and why is kept with it."""

    lowering: Lowering


@dataclass(frozen=True, slots=True)
class LowerTarget:
    """A step down is done: the station is where it should be.  To be saved in one transaction with the state."""

    profile: int


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the upgrade's history, in words."""

    step: str
    detail: str = ""
    messages: str | None = None
    """What was said, as the shell keeps it."""


Effect = Send | Sign | RaiseFloor | LowerFloor | LowerTarget | Note
