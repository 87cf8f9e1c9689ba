"""Walks through the machine with events that fit the state, and events that do not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from upgrade_examples import ROOT, at_start, plan

from ocppsec.ocppj.messages import (
    CertificateSignedResponse,
    GetInstalledCertificateIdsResponse,
    GetReportResponse,
    GetVariablesResponse,
    InstallCertificateResponse,
    NotifyReportRequest,
    ResetResponse,
    Response,
    SetNetworkProfileResponse,
    SetVariablesResponse,
    TriggerMessageResponse,
)
from ocppsec.upgrades.exchange import (
    Answered,
    ApprovalGiven,
    ApprovalNeeded,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    DeadlinePassed,
    Effect,
    Event,
    GivenUp,
    HandshakeSeen,
    LinkLost,
    OurOutage,
    RaiseFloor,
    ReportReceived,
    Signed,
    SigningRefused,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.plan import FurtherRoot
from ocppsec.upgrades.requests import request_of
from ocppsec.upgrades.states import Calling, State, decode_state, encode_state
from ocppsec.upgrades.workflow import begin, decide, outcome, resume


def answer(kind: type[Response], **payload: Any) -> Answered:
    return Answered(msgspec.convert(payload, kind))


def statuses(kind: type[Response], *found: str) -> list[Event]:
    codes = (
        None,
        "InvalidConfSlot",
        "InvalidNetworkConf",
        "PriorityNetworkConf",
        "NoSecurityDowngrade",
        "Odd",
    )
    return [
        answer(kind, status=status, **({"statusInfo": {"reasonCode": code}} if code else {}))
        for status in found
        for code in codes
    ]


def variable(name: str, value: str, status: str = "Accepted") -> Answered:
    component, _, variable = name.partition(".")
    result = {
        "attributeStatus": status,
        "component": {"name": component},
        "variable": {"name": variable},
        "attributeValue": value,
    }
    return answer(GetVariablesResponse, getVariableResult=[result])


def set_to(name: str, status: str) -> Answered:
    component, _, variable = name.partition(".")
    result = {"attributeStatus": status, "component": {"name": component}, "variable": {"name": variable}}
    return answer(SetVariablesResponse, setVariableResult=[result])


def report(listed: str, *, request_id: int = 1, tbc: bool = False) -> ReportReceived:
    data = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
        "variableAttribute": [{}],
        "variableCharacteristics": {
            "dataType": "SequenceList",
            "supportsMonitoring": False,
            "valuesList": listed,
        },
    }
    payload = {"requestId": request_id, "generatedAt": "now", "seqNo": 0, "tbc": tbc}
    return ReportReceived(
        msgspec.convert({**payload, "reportData": [data]} if listed else payload, NotifyReportRequest)
    )


def root_listed(**changes: str) -> Answered:
    hashed = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": ROOT.issuer_name_hash,
        "issuerKeyHash": ROOT.issuer_key_hash,
        "serialNumber": ROOT.serial_number,
        **changes,
    }
    chain = {"certificateType": "CSMSRootCertificate", "certificateHashData": hashed}
    return answer(GetInstalledCertificateIdsResponse, status="Accepted", certificateHashDataChain=[chain])


FURTHER = FurtherRoot(pem="further root", hashes=(msgspec.structs.replace(ROOT, serial_number="FF"),))
PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ORGANIZATION = "SecurityCtrlr.OrganizationName"
SET = (
    "Accepted",
    "Rejected",
    "UnknownComponent",
    "UnknownVariable",
    "NotSupportedAttributeType",
    "RebootRequired",
)

ANSWERS: dict[str, list[Event]] = {
    "GetVariables": [
        *(variable(PRIORITY, value) for value in ("1", "1,2", "2,1", "0", "", "a,,b", "9" * 50)),
        *(variable("OCPPCommCtrlr.ActiveNetworkProfile", value) for value in ("0", "1", "2", "x")),
        *(variable("SecurityCtrlr.SecurityProfile", value) for value in ("0", "1", "2", "3")),
        *(variable(ORGANIZATION, value) for value in ("Example Charging", "Factory")),
        *(variable("SecurityCtrlr.MaxCertificateChainSize", value) for value in ("3", "10000")),
        variable("OCPPCommCtrlr.NetworkProfileConnectionAttempts", "99"),
        variable(PRIORITY, "", "UnknownVariable"),
        answer(GetVariablesResponse, getVariableResult=[]),
    ],
    "GetReport": statuses(GetReportResponse, "Accepted", "Rejected", "NotSupported", "EmptyResultSet"),
    "GetInstalledCertificateIds": [
        root_listed(),
        root_listed(serialNumber="FF"),
        answer(GetInstalledCertificateIdsResponse, status="NotFound"),
        answer(GetInstalledCertificateIdsResponse, status="Accepted"),
    ],
    "InstallCertificate": statuses(InstallCertificateResponse, "Accepted", "Rejected", "Failed"),
    "SetVariables": [set_to(name, status) for name in (PRIORITY, ORGANIZATION) for status in SET],
    "TriggerMessage": statuses(TriggerMessageResponse, "Accepted", "Rejected", "NotImplemented"),
    "CertificateSigned": statuses(CertificateSignedResponse, "Accepted", "Rejected"),
    "SetNetworkProfile": statuses(SetNetworkProfileResponse, "Accepted", "Rejected", "Failed"),
    "Reset": statuses(ResetResponse, "Accepted", "Rejected", "Scheduled"),
}
AT_ANY_TIME: list[Event] = [
    *(CallRefused(code) for code in ("NotSupported", "InternalError", "OccurrenceConstraintViolation", "")),
    CallTimedOut(),
    LinkLost(),
    *(StationConnected(profile) for profile in (0, 1, 2, 3)),
    *(StationBooted(profile) for profile in (0, 1, 2, 3)),
    *(CsrReceived(csr) for csr in ("csr 1", "csr 2", "")),
    Signed("chain", "fingerprint"),
    SigningRefused(()),
    *(ApprovalNeeded(request) for request in ("r1", "r2")),
    ApprovalGiven(),
    report("1,2"),
    report("", tbc=True),
    report(""),
    report("1,2", request_id=2),
    DeadlinePassed(),
    OurOutage(),
    GivenUp("no longer wanted"),
    HandshakeSeen("unknown ca"),
    HandshakeSeen("wrong password"),
]
EVERYTHING = [event for events in ANSWERS.values() for event in events] + AT_ANY_TIME
GENTLE = [event for event in AT_ANY_TIME if not isinstance(event, CallRefused | SigningRefused)]

Choose = Callable[[Sequence[Any]], Any]


@dataclass
class Walk:
    """One upgrade; `steps` has (before, event, after, effects) of every decision; event None is a crash."""

    choose: Choose
    length: int = 40
    gentle: bool = False
    steps: list[tuple[State, Event | None, State, tuple[Effect, ...]]] = field(default_factory=list)

    def run(self) -> "Walk":
        start = at_start(
            self.choose((1, 1, 2, 3, 0)),
            connected=self.choose((True, False)),
            booted=self.choose((True, False)),
        )
        self.start = start
        further = self.choose(((), (FURTHER,)))
        self.begun, self.begun_effects = begin(plan(self.choose((2, 3, 3)), further_roots=further), start)
        state = self.begun
        for _ in range(self.length):
            if outcome(state) is not None:
                break
            event = self.event(state)
            after, effects = self.decide(state, event)
            self.steps.append((state, event, after, effects))
            state = after
        self.state = state
        return self

    def event(self, state: State) -> Event | None:
        kind = self.choose(("answer", "answer", "answer", "any", "any", "crash", "wrong"))
        if kind == "crash":
            return None
        if kind == "answer" and isinstance(state, Calling):
            return self.choose(ANSWERS[request_of(state).action])
        if kind == "wrong" and not self.gentle:
            return self.choose(EVERYTHING)
        return self.choose(GENTLE if self.gentle else AT_ANY_TIME)

    def decide(self, state: State, event: Event | None) -> tuple[State, tuple[Effect, ...]]:
        if event is None:
            return resume(decode_state(encode_state(state)), self.choose((None, 1, 2, 3)))
        return decide(state, event)

    def floors(self) -> list[tuple[Event | None, int]]:
        return [
            (event, effect.profile)
            for _, event, _, effects in self.steps
            for effect in effects
            if isinstance(effect, RaiseFloor)
        ]
