"""Where an upgrade can stand, as values that survive a crash.

A state holds all that is needed to go on: nothing is remembered elsewhere.  `Calling` states wait for the answer
to one CALL, which follows from the state alone (`ocppsec.upgrades.requests`), so that it can be sent again.
"""

import msgspec

from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.upgrades.plan import Plan


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the station said of itself.  None: it did not say, or not so that it could be read."""

    priority: tuple[int, ...] | None = None
    active_slot: int | None = None
    slots: tuple[int, ...] | None = None
    """valuesList of NetworkConfigurationPriority."""
    interface: OCPPInterface | None = None
    """Of the active slot."""
    connection_attempts: int | None = None
    security_profile: int | None = None
    organization: str | None = None
    additional_root_check: bool | None = None
    certificate_entries: int | None = None
    max_chain_size: int | None = None
    downgrade_allowed: bool | None = None
    """AllowSecurityProfileDowngrade."""
    root_listed: bool = False
    further_listed: tuple[int, ...] = ()
    """Which of the plan's further roots."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What every open state carries along."""

    plan: Plan
    profile: int
    """The leg starts here …"""
    goal: int
    """… and ends here.  1→3 is two legs."""
    facts: Facts = Facts()
    slot: int | None = None
    """Holds the new NetworkConnectionProfile once the station took it."""
    proven_slot: int | None = None
    """The slot of the leg before, on which the station has booted."""
    asked_again: bool = False
    warnings: tuple[str, ...] = ()
    """What did not go as it should, of this leg: told again when the leg fails."""
    seen: tuple[str, ...] = ()
    """What the doors saw since the Reset, newest last."""
    rounds: int = 0
    """How often the switch has been repeated."""
    armable: bool = True
    """False once the station said that it does not know NetworkConfigurationPriority."""
    csr_rounds: int = 0
    reset_refusals: int = 0
    arrivals: int = 0
    """Connections on the new profile since the last Reset."""
    boot_resets: int = 0
    """Resets that were only to bring a BootNotification on the new profile."""
    on_goal: bool = False
    """The last Reset was such a one: there is nothing to arm, and the old slot may be gone from the station."""
    returns: int = 0
    """Connections on the old profile in this leg, while something was to be sent or waited for."""
    outage: bool = False
    """Since the last Reset there was a time when we let nobody in: what the station did then proves nothing."""
    outages: int = 0
    """How often that was, in this leg."""
    step_number: int = 0
    """Counts the steps entered: while it stays the same, a deadline keeps running."""


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    progress: Progress


class Calling(Open, frozen=True, kw_only=True):
    """Waits for the answer to a CALL."""

    tries: int = 0
    """Answers that did not come."""


class AskingVariables(Calling, frozen=True, kw_only=True):
    left: tuple[tuple[str, ...], ...]
    """Questions, the first one asked; each a few ``Component.Variable``."""
    refused: tuple[int, ...] = ()
    """The priority list the station refused: is what it said before still true? …"""
    refusal: str = ""
    """… and if it is, why the upgrade fails."""


class AskingForReport(Calling, frozen=True, kw_only=True):
    pass


class AwaitingReport(Open, frozen=True, kw_only=True):
    pass


class AskingForRoots(Calling, frozen=True, kw_only=True):
    pass


class InstallingRoot(Calling, frozen=True, kw_only=True):
    which: int = 0
    """0 is the CSMS root, the plan's further roots follow."""


class CheckingRoot(Calling, frozen=True, kw_only=True):
    refusal: str = ""
    """Why InstallCertificate was refused; the root may be there all the same."""
    which: int = 0


class SettingOrganization(Calling, frozen=True, kw_only=True):
    pass


class Triggering(Calling, frozen=True, kw_only=True):
    csr: str = ""
    """Came before the answer did, against F06.FR.04."""


class AwaitingCsr(Open, frozen=True, kw_only=True):
    pass


class Signing(Open, frozen=True, kw_only=True):
    csr: str
    newer: str = ""
    """A02.FR.17: the station asked again meanwhile, with another key."""
    waits_for: str = ""
    """The request that a person has to approve first; empty when nobody has to."""
    decided_by: str = ""
    """The other CA that decides on it, in words; empty where a person here does."""


class DeliveringCertificate(Calling, frozen=True, kw_only=True):
    csr: str
    chain: str
    fingerprint: str
    newer: str = ""
    repeated: bool = False
    """An earlier CertificateSigned may have arrived: a Rejected proves nothing then."""
    away: bool = False
    """The connection ended since it was sent last."""


class FreeingSlot(Calling, frozen=True, kw_only=True):
    slot: int
    interfaces: tuple[OCPPInterface, ...]
    active: int


class WritingProfile(Calling, frozen=True, kw_only=True):
    slots: tuple[int, ...]
    """Candidates left, the first one tried."""
    interfaces: tuple[OCPPInterface, ...]
    freed: bool = False


class Arming(Calling, frozen=True, kw_only=True):
    slot: int
    lists: tuple[tuple[int, ...], ...]
    """Values for NetworkConfigurationPriority, new slot first; several where the old slot is a guess."""


class Resetting(Calling, frozen=True, kw_only=True):
    pass


class AwaitingReset(Open, frozen=True, kw_only=True):
    """The station is there on the old profile and did not take the Reset: another follows."""


class AwaitingBoot(Open, frozen=True, kw_only=True):
    connected: bool
    """On the old profile."""
    answered: bool
    """The Reset was answered Accepted or Scheduled."""
    scheduled: bool = False
    left: bool = False
    """The connection ended since the Reset."""


class Arrived(Open, frozen=True, kw_only=True):
    """Connected on the new profile; only the BootNotification is missing."""

    asked: bool = False


class AskingForBoot(Calling, frozen=True, kw_only=True):
    pass


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    profile: int
    slot: int | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing was taken away: the old and the new profile are both admitted, and a new upgrade may begin."""

    reason: str
    step: str
    """Where it happened, in words."""
    slot: int | None = None
    lost_contact: bool = False
    """The station was away when its time was over, and has not come back since."""
    silent: bool = False
    """An answer did not come, or not in time.  Otherwise somebody has said no, or has done what speaks against it."""


CallingState = (
    AskingVariables
    | AskingForReport
    | AskingForRoots
    | InstallingRoot
    | CheckingRoot
    | SettingOrganization
    | Triggering
    | DeliveringCertificate
    | FreeingSlot
    | WritingProfile
    | Arming
    | Resetting
    | AskingForBoot
)
WaitingState = AwaitingReport | AwaitingCsr | Signing | AwaitingReset | AwaitingBoot | Arrived
OpenState = CallingState | WaitingState
State = OpenState | Done | Failed


class UnreadableState(Exception):  # noqa: N818  a condition, named as operators name it
    """The stored text is no state of this or an older version."""


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    state: State


_VERSION = 1
_decoder = msgspec.json.Decoder(_Stored)


def encode_state(state: State) -> str:
    """JSON; `decode_state` gives an equal state back."""
    return msgspec.json.encode(_Stored(version=_VERSION, state=state)).decode()


def decode_state(text: str) -> State:
    """Raises `UnreadableState`."""
    try:
        stored = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored upgrade state: {error}") from error
    if stored.version != _VERSION:
        raise UnreadableState(f"stored upgrade state has version {stored.version}, this program reads 1")
    return stored.state
