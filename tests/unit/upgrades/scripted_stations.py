"""Charging stations as scripts: each answers CALLs the way one kind of station in the field does.

`CorrectStation` keeps to the standard; the others are named after what they do differently.  A script answers
`on_call` with the events the shell would feed: the answer first, then what follows by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec
from upgrade_examples import ROOT, at_start, plan

from ocppsec.ocppj.messages import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    GetReportRequest,
    GetReportResponse,
    GetVariableResult,
    GetVariablesRequest,
    GetVariablesResponse,
    HashAlgorithm,
    InstallCertificateRequest,
    InstallCertificateResponse,
    NotifyReportRequest,
    ReportData,
    Request,
    ResetRequest,
    ResetResponse,
    Response,
    SetNetworkProfileRequest,
    SetNetworkProfileResponse,
    SetVariableResult,
    SetVariablesRequest,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
    TriggerMessageRequest,
    TriggerMessageResponse,
    VariableAttribute,
    VariableCharacteristics,
)
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    DeadlinePassed,
    Effect,
    Event,
    HandshakeSeen,
    LinkLost,
    Note,
    RaiseFloor,
    ReportReceived,
    Send,
    Sign,
    Signed,
    SigningRefused,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.states import Done, Failed, State, decode_state, encode_state
from ocppsec.upgrades.workflow import begin, deadline_of, decide, outcome, resume

Script = Iterator[Event]


def info(code: str, more: str | None = None) -> StatusInfo:
    return StatusInfo(reason_code=code, additional_info=more)


def said(kind: type[Response], status: str, code: str = "") -> Answered:
    """An answer that only has a status."""
    given = {"status": status, "statusInfo": {"reasonCode": code}} if code else {"status": status}
    return Answered(msgspec.convert(given, kind))


@dataclass
class CorrectStation:
    """Slots 1 and 2, on slot 1, Wired0; checks A05.FR.02 and A05.FR.03; prunes after success (A05.FR.06)."""

    slots: ClassVar[tuple[int, ...]] = (1, 2)
    first_slot: ClassVar[int] = 1
    interface: ClassVar[str] = "Wired0"

    profile: int = 1
    organization: str = "Factory"
    stored: dict[int, int] = field(default_factory=dict)
    """Slot → security profile."""
    priority: list[int] = field(default_factory=list)
    active: int = -1
    root: bool = False
    csr_waiting: bool = False
    certificate: bool = False
    csrs: int = 0
    resets: int = 0
    calls: list[str] = field(default_factory=list)
    unanswered: int = 0

    def __post_init__(self) -> None:
        self.active = self.first_slot
        self.stored = {self.first_slot: self.profile}
        self.priority = [self.first_slot]

    def on_call(self, request: Request) -> Script:
        self.calls.append(request.action)
        match request:
            case GetVariablesRequest():
                yield from self.get_variables(request)
            case GetReportRequest():
                yield from self.get_report(request)
            case GetInstalledCertificateIdsRequest():
                yield from self.installed()
            case InstallCertificateRequest():
                yield from self.install()
            case SetVariablesRequest():
                yield from self.set_variables(request)
            case TriggerMessageRequest():
                yield from self.trigger(request)
            case CertificateSignedRequest():
                yield from self.certificate_signed()
            case SetNetworkProfileRequest():
                yield from self.set_network_profile(request)
            case ResetRequest():
                yield from self.reset()
            case _:
                raise AssertionError(f"a CALL nobody expects: {request}")

    # -- device model ---------------------------------------------------------------------------------------

    def variables(self) -> dict[str, str]:
        return {
            "OCPPCommCtrlr.NetworkConfigurationPriority": ",".join(map(str, self.priority)),
            "OCPPCommCtrlr.ActiveNetworkProfile": str(self.active),
            "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "3",
            "SecurityCtrlr.SecurityProfile": str(self.profile),
            "SecurityCtrlr.OrganizationName": self.organization,
            "SecurityCtrlr.CertificateEntries": str(int(self.root)),
            "SecurityCtrlr.MaxCertificateChainSize": "10000",
        }

    def get_variables(self, request: GetVariablesRequest) -> Script:
        results = []
        for asked in request.get_variable_data:
            value = self.variables().get(f"{asked.component.name}.{asked.variable.name}")
            results.append(
                GetVariableResult(
                    attribute_status="Accepted" if value is not None else "UnknownVariable",
                    component=asked.component,
                    variable=asked.variable,
                    attribute_value=value,
                )
            )
            raw = msgspec.json.encode(GetVariablesResponse(get_variable_result=tuple(results)))
        yield Answered(msgspec.json.decode(raw, type=GetVariablesResponse))

    def get_report(self, request: GetReportRequest) -> Script:
        yield said(GetReportResponse, "Accepted")
        asked = request.component_variable[0]
        listed = VariableCharacteristics(
            data_type="SequenceList", supports_monitoring=False, values_list=",".join(map(str, self.slots))
        )
        data = ReportData(
            component=asked.component,
            variable=asked.variable,
            variable_attribute=(VariableAttribute(),),
            variable_characteristics=listed,
        )
        yield ReportReceived(
            NotifyReportRequest(
                request_id=request.request_id,
                generated_at="2026-11-22T12:00:00Z",
                seq_no=0,
                report_data=(data,),
            )
        )

    def set_variables(self, request: SetVariablesRequest) -> Script:
        data = request.set_variable_data[0]
        if data.variable.name == "OrganizationName":
            self.organization = data.attribute_value
            yield self.set_said(request, "Accepted")
            return
        wanted = [int(slot) for slot in data.attribute_value.split(",")]
        refusal = self.refuses_priority(wanted)
        if refusal:
            yield self.set_said(request, "Rejected", refusal)
            return
        self.priority = wanted
        yield self.set_said(request, "RebootRequired")

    def refuses_priority(self, wanted: list[int]) -> str:
        if any(slot not in self.stored for slot in wanted):
            return "InvalidNetworkConf"
        highest = max(self.stored[slot] for slot in wanted)
        if highest >= 2 and not self.root:
            return "InvalidCertificate"
        return "InvalidCertificate" if highest >= 3 and not self.certificate else ""

    def set_said(self, request: SetVariablesRequest, status: str, code: str = "") -> Answered:
        data = request.set_variable_data[0]
        result = SetVariableResult(
            attribute_status=SetVariableStatus(status),
            component=data.component,
            variable=data.variable,
            attribute_status_info=info(code) if code else None,
        )
        return Answered(SetVariablesResponse(set_variable_result=(result,)))

    # -- certificates ---------------------------------------------------------------------------------------

    def installed(self) -> Script:
        if not self.root:
            yield said(GetInstalledCertificateIdsResponse, "NotFound")
            return
        chain = CertificateHashDataChain(
            certificate_type=GetCertificateIdUse.CSMS_ROOT_CERTIFICATE,
            certificate_hash_data=CertificateHashData(
                hash_algorithm=HashAlgorithm.SHA256,
                issuer_name_hash=ROOT.issuer_name_hash.lower(),
                issuer_key_hash=ROOT.issuer_key_hash.upper(),
                serial_number="a1b",
            ),
        )
        yield Answered(
            GetInstalledCertificateIdsResponse(
                status=GetInstalledCertificateStatus.ACCEPTED, certificate_hash_data_chain=(chain,)
            )
        )

    def install(self) -> Script:
        self.root = True
        yield said(InstallCertificateResponse, "Accepted")

    def trigger(self, request: TriggerMessageRequest) -> Script:
        if request.requested_message == "BootNotification":
            yield said(TriggerMessageResponse, "Rejected")  # F06.FR.17
            return
        yield said(TriggerMessageResponse, "Accepted")
        yield from self.send_csr()

    def send_csr(self) -> Script:
        self.csrs += 1
        self.csr_waiting = True
        yield CsrReceived(f"csr-{self.csrs}")

    def certificate_signed(self) -> Script:
        if not self.csr_waiting:
            yield said(CertificateSignedResponse, "Rejected", "InvalidCertificate")
            return
        self.csr_waiting, self.certificate = False, True
        yield said(CertificateSignedResponse, "Accepted")

    # -- the switch -----------------------------------------------------------------------------------------

    def set_network_profile(self, request: SetNetworkProfileRequest) -> Script:
        code = self.refuses_profile(request)
        if code:
            yield said(SetNetworkProfileResponse, "Rejected", code)
            return
        assert request.configuration_slot != self.active, "the active slot was overwritten"
        self.stored[request.configuration_slot] = request.connection_data.security_profile
        yield said(SetNetworkProfileResponse, "Accepted")

    def refuses_profile(self, request: SetNetworkProfileRequest) -> str:
        if request.configuration_slot not in self.slots:
            return "InvalidConfSlot"
        data = request.connection_data
        if data.security_profile < self.profile:
            return "NoSecurityDowngrade"
        return "" if data.ocpp_interface == self.interface else "InvalidNetworkConf"

    def reset(self) -> Script:
        yield said(ResetResponse, "Accepted")
        yield from self.reboot()

    def reboot(self) -> Script:
        self.resets += 1
        yield LinkLost()
        for slot in self.priority:
            if self.reaches(slot):
                yield from self.boot(slot)
                return
            yield HandshakeSeen(f"slot {slot}: the station ended the handshake")
        yield from self.boot(self.active)

    def reaches(self, slot: int) -> bool:
        profile = self.stored[slot]
        return (profile < 2 or self.root) and (profile < 3 or self.certificate)

    def boot(self, slot: int) -> Script:
        self.active = slot
        self.profile = self.stored[slot]
        yield StationConnected(self.profile)
        self.stored = {number: kept for number, kept in self.stored.items() if kept >= self.profile}
        self.priority = [number for number in self.priority if number in self.stored]
        yield StationBooted(self.profile)

    def back(self) -> int:
        """After the CSMS was away: the profile of its connection now.  Nothing was rebooted."""
        return self.profile


class EverestLike(CorrectStation):
    """Slots 1 and 2; refuses a profile at SetNetworkProfile when root or certificate are missing."""

    def refuses_profile(self, request: SetNetworkProfileRequest) -> str:
        profile = request.connection_data.security_profile
        if (profile >= 2 and not self.root) or (profile >= 3 and not self.certificate):
            return "InvalidNetworkConf"
        return super().refuses_profile(request)

    def certificate_signed(self) -> Script:
        if not self.root:
            yield said(CertificateSignedResponse, "Rejected", "InvalidCertificate")
            return
        yield from super().certificate_signed()


class OpenOcppLike(CorrectStation):
    """Counts slots from 0, takes only Wireless0, does not tell its interface."""

    slots = (0, 1, 2)
    first_slot = 0
    interface = "Wireless0"


class ListsNoSlots(OpenOcppLike):
    """GetReport has nothing for it."""

    def get_report(self, request: GetReportRequest) -> Script:
        yield said(GetReportResponse, "EmptyResultSet")


class ReportNeverComes(CorrectStation):
    def get_report(self, request: GetReportRequest) -> Script:
        yield said(GetReportResponse, "Accepted")


class TellsNothing(CorrectStation):
    """Knows no variable to read, no report, no list of certificates; does all else."""

    def get_variables(self, request: GetVariablesRequest) -> Script:
        yield CallRefused("NotImplemented")

    def get_report(self, request: GetReportRequest) -> Script:
        yield CallRefused("NotSupported")

    def installed(self) -> Script:
        yield CallRefused("NotImplemented")


class OneVariableAtATime(CorrectStation):
    def get_variables(self, request: GetVariablesRequest) -> Script:
        if len(request.get_variable_data) > 1:
            yield CallRefused("OccurrenceConstraintViolation")
            return
        yield from super().get_variables(request)


class AnswersAcceptedToEverything(CorrectStation):
    """And changes nothing."""

    def install(self) -> Script:
        yield said(InstallCertificateResponse, "Accepted")

    def set_variables(self, request: SetVariablesRequest) -> Script:
        yield self.set_said(request, "Accepted")

    def set_network_profile(self, request: SetNetworkProfileRequest) -> Script:
        yield said(SetNetworkProfileResponse, "Accepted")

    def reset(self) -> Script:
        self.resets += 1
        yield said(ResetResponse, "Accepted")


class NeverSendsTheCsr(CorrectStation):
    def send_csr(self) -> Script:
        yield from ()


class SendsTheCsrBeforeItsAnswer(CorrectStation):
    def trigger(self, request: TriggerMessageRequest) -> Script:
        yield from self.send_csr()
        yield said(TriggerMessageResponse, "Accepted")


class ComesBackOnTheOldProfile(CorrectStation):
    """Its network lets it not reach the new door."""

    def reaches(self, slot: int) -> bool:
        return self.stored[slot] <= self.profile


class ReachesTheDoorAtTheThirdRestart(CorrectStation):
    def reaches(self, slot: int) -> bool:
        return self.resets >= 3 and super().reaches(slot)


class LosesAnswerToSetVariables(CorrectStation):
    def set_variables(self, request: SetVariablesRequest) -> Script:
        self.unanswered += 1
        events = list(super().set_variables(request))
        yield from [CallTimedOut()] if self.unanswered == 1 else events


class RefusesRootOnUnsecuredConnection(CorrectStation):
    def install(self) -> Script:
        yield said(InstallCertificateResponse, "Rejected", "NotAllowed")


class HasTheRootAlready(RefusesRootOnUnsecuredConnection):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.root = True


class DoesNotKnowThePriorityVariable(CorrectStation):
    def variables(self) -> dict[str, str]:
        known = super().variables()
        del known["OCPPCommCtrlr.NetworkConfigurationPriority"]
        return known

    def set_variables(self, request: SetVariablesRequest) -> Script:
        if request.set_variable_data[0].variable.name == "OrganizationName":
            yield from super().set_variables(request)
            return
        yield self.set_said(request, "UnknownVariable")


class UsesTheNewestProfile(DoesNotKnowThePriorityVariable):
    """No priority list: a restart takes the profile that was written last."""

    def set_network_profile(self, request: SetNetworkProfileRequest) -> Script:
        yield from super().set_network_profile(request)
        self.priority = [request.configuration_slot, self.active]


class ClosesAtCertificateSigned(CorrectStation):
    """Takes the certificate and closes the socket before its answer is out, each time."""

    def certificate_signed(self) -> Script:
        list(super().certificate_signed())
        yield LinkLost()


class HasOneSlot(CorrectStation):
    slots = (1,)


class SchedulesTheReset(CorrectStation):
    def reset(self) -> Script:
        yield said(ResetResponse, "Scheduled")
        yield from self.reboot()


class IsNeverIdle(CorrectStation):
    def reset(self) -> Script:
        self.resets += 1
        yield said(ResetResponse, "Rejected", "TxInProgress")


class IsIdleAtTheThirdReset(IsNeverIdle):
    def reset(self) -> Script:
        if self.resets >= 2:
            yield from CorrectStation.reset(self)
        else:
            yield from super().reset()


class RestartsWithoutAnswer(CorrectStation):
    def reset(self) -> Script:
        yield from self.reboot()


class NeverComesBack(CorrectStation):
    def reboot(self) -> Script:
        yield LinkLost()
        yield HandshakeSeen("the station does not trust our certificate (unknown ca)")
        yield HandshakeSeen("the station does not trust our certificate (unknown ca)")
        self.profile = 0

    def back(self) -> int:
        return self.profile


class ReconnectsWithoutBoot(CorrectStation):
    """Takes up the new profile without a BootNotification, and sends one only after a second Reset."""

    def boot(self, slot: int) -> Script:
        new = slot != self.active
        events = list(super().boot(slot))
        yield from events[:1] if new else events


class DropsTheFirstConnection(CorrectStation):
    def boot(self, slot: int) -> Script:
        connected, booted = super().boot(slot)
        yield from (connected, LinkLost(), connected, booted)


class RefusesSlotsInThePriorityList(CorrectStation):
    """2.1 manners, and an earlier upgrade was given up half-way: slot 2 is armed and in the list."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.root = True
        self.stored[2] = 2
        self.priority = [2, 1]

    def refuses_profile(self, request: SetNetworkProfileRequest) -> str:
        if request.configuration_slot in self.priority:
            return "PriorityNetworkConf"
        return super().refuses_profile(request)


@dataclass
class TidiesUpLate(CorrectStation):
    """Behind a boot it tells what was true before it; its lower slots are gone by the time it is armed again."""

    slots: ClassVar[tuple[int, ...]] = (1, 2, 3)
    told: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        return super().variables() | self.told

    def boot(self, slot: int) -> Script:
        before = {"OCPPCommCtrlr.ActiveNetworkProfile": str(self.active)}
        before["OCPPCommCtrlr.NetworkConfigurationPriority"] = ",".join(map(str, self.priority))
        yield from super().boot(slot)
        self.told = before

    def set_network_profile(self, request: SetNetworkProfileRequest) -> Script:
        self.told = {}
        yield from super().set_network_profile(request)


@dataclass
class ForgotSlotOne(TidiesUpLate):
    """On profile 2 for long, by other means; still tells of slot 1, which it does not have any more."""

    profile: int = 2

    def __post_init__(self) -> None:
        self.root = True
        self.active, self.stored, self.priority = 2, {2: 2}, [2]
        self.told = {
            "OCPPCommCtrlr.ActiveNetworkProfile": "1",
            "OCPPCommCtrlr.NetworkConfigurationPriority": "1,2",
        }


class HalfWay(CorrectStation):
    """Root installed, certificate issued, slot written and armed; the earlier upgrade was given up then."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.root = self.certificate = True
        self.stored[2] = 2
        self.priority = [2, 1]


class DoesNotListTheRoot(CorrectStation):
    def installed(self) -> Script:
        yield said(GetInstalledCertificateIdsResponse, "NotFound")


class RefusesTheCertificate(CorrectStation):
    def certificate_signed(self) -> Script:
        yield said(CertificateSignedResponse, "Rejected", "InvalidCertificate")


class RepeatsItsCsrWithANewKey(CorrectStation):
    """A02.FR.17, and it forgets the older key."""

    def send_csr(self) -> Script:
        yield from super().send_csr()
        yield from super().send_csr()

    def certificate_signed(self) -> Script:
        if self.calls.count("CertificateSigned") == 1:
            yield said(CertificateSignedResponse, "Rejected", "InvalidCertificate")
            return
        yield from super().certificate_signed()


class SendsABadCsr(CorrectStation):
    """The CA's part is played by `Conversation`."""

    def send_csr(self) -> Script:
        yield CsrReceived("bad csr")


class IsMute(CorrectStation):
    def on_call(self, request: Request) -> Script:
        self.calls.append(request.action)
        yield CallTimedOut()


class DoesNotSupportReset(CorrectStation):
    def reset(self) -> Script:
        yield CallRefused("NotSupported", "no Reset here")


class GoesAway(CorrectStation):
    """At InstallCertificate, for good."""

    def install(self) -> Script:
        yield LinkLost()

    def back(self) -> int:
        return 0


# -- the shell's part -----------------------------------------------------------------------------------------


@dataclass
class Conversation:
    """Plays the shell: saves first, then carries effects out, and passes deadlines when nothing else happens."""

    station: CorrectStation
    plan: Plan = field(default_factory=plan)
    start: StationAtStart = field(default_factory=at_start)
    crash_at: int | None = None
    """Kill the CSMS at this save: before its effects are carried out …"""
    carried_out: bool = False
    """… or after, so that the answers find nobody."""
    state: State | None = None
    floors: list[int] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    edges: set[tuple[str, str]] = field(default_factory=set)
    saves: int = 0
    deadlines: int = 0
    away: bool = False

    def run(self) -> Done | Failed:
        happened: list[Event] = []
        self.save(begin(self.plan, self.start), happened)
        for _ in range(1000):
            ended = outcome(self.state)
            if ended is not None:
                return ended
            if happened:
                event = happened.pop(0)
                self.save(decide(self.state, event), happened)
                if isinstance(event, StationConnected):
                    self.save(resume(self.state, event.profile), happened)
            elif self.away and self.station.back():
                self.away = False
                self.save(resume(self.state, self.station.back()), happened)
            else:
                assert deadline_of(self.state) is not None
                self.deadlines += 1
                self.save(decide(self.state, DeadlinePassed()), happened)
        raise AssertionError(f"never ends: {self.history[-20:]}")

    def save(self, move: tuple[State, tuple[Effect, ...]], happened: list[Event]) -> None:
        before, (self.state, effects) = self.state, move
        if self.state is before and not effects:
            return
        self.note_edge(before, self.state)
        self.saves += 1
        if self.crash_at == self.saves:
            self.crash(effects, happened)
            return
        for effect in effects:
            happened.extend(self.carry_out(effect))

    def crash(self, effects: tuple[Effect, ...], happened: list[Event]) -> None:
        self.note(effects)
        lost = list(happened)
        for effect in effects:
            if isinstance(effect, Send) and self.carried_out:
                lost.extend(self.station.on_call(effect.request))
        happened.clear()
        self.state = decode_state(encode_state(self.state))
        self.save(resume(self.state, None), happened)
        # A station boots into a CSMS that is up again; its answers from before are gone.
        last_boot = max(
            (index for index, event in enumerate(lost) if isinstance(event, StationBooted)), default=0
        )
        connected = [event for event in lost if isinstance(event, StationConnected | StationBooted)]
        if connected and last_boot:
            happened.extend(connected[-2:])
        else:
            self.away = True

    def note(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Note(step=step, detail=detail):
                    self.history.append(f"{step} | {detail}")
                case RaiseFloor(profile=profile):
                    # Saved in one transaction with the state: no crash can come between.
                    self.floors.append(profile)

    def carry_out(self, effect: Effect) -> Iterator[Event]:
        self.note((effect,))
        match effect:
            case Send(request=request):
                for event in self.station.on_call(request):
                    if isinstance(event, LinkLost):
                        self.away = True
                    elif isinstance(event, StationConnected | StationBooted):
                        self.away = False
                    yield event
            case Sign(csr="bad csr"):
                yield SigningRefused(("the key is too short",))
            case Sign(csr=csr):
                yield Signed(f"chain for {csr}", f"fingerprint of {csr}")

    def note_edge(self, before: State | None, after: State) -> None:
        if before is not None:
            self.edges.add((type(before).__name__, type(after).__name__))
