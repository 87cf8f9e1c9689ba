"""What can be read out of a station's answers.

Reads tolerantly: a value that makes no sense is a value the station did not say.  Names are compared without
case, as the standard's identifiers are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    Component,
    GetInstalledCertificateIdsResponse,
    GetVariablesResponse,
    GetVariableStatus,
    NotifyReportRequest,
    OCPPInterface,
    SetVariableResult,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
    Variable,
)
from ocppsec.upgrades.plan import Plan, RootHash
from ocppsec.upgrades.requests import DOWNGRADE, ORGANIZATION, PRIORITY, component_of, variable_of
from ocppsec.upgrades.states import Facts

QUESTIONS: Final = (
    # A few at a time: ItemsPerMessageGetVariables may be small, and asking for it is one more question.
    (PRIORITY, "OCPPCommCtrlr.ActiveNetworkProfile", "OCPPCommCtrlr.NetworkProfileConnectionAttempts"),
    ("SecurityCtrlr.SecurityProfile", ORGANIZATION, "SecurityCtrlr.AdditionalRootCertificateCheck"),
    ("SecurityCtrlr.CertificateEntries", "SecurityCtrlr.MaxCertificateChainSize"),
)

_MOST_SLOTS = 16
"""More than any station has; a longer list is cut, so that nobody makes us try for ever."""


def interface_question(slot: int) -> str:
    """2.1 stations tell the interface of a slot; older ones do not know the component."""
    return f"NetworkConfiguration[{slot}].OcppInterface"


def with_variables(facts: Facts, response: GetVariablesResponse) -> Facts:
    """*facts* and what the accepted results add."""
    for result in response.get_variable_result:
        if result.attribute_status is GetVariableStatus.ACCEPTED and result.attribute_value is not None:
            facts = _with(facts, result.component, result.variable, result.attribute_value)
    return facts


def _with(facts: Facts, component: Component, variable: Variable, value: str) -> Facts:
    known = _READERS.get(f"{component.name}.{variable.name}".casefold())
    if known is None:
        return facts
    field, read = known
    found = read(value.strip())
    changes: dict[str, Any] = {} if found is None else {field: found}
    return replace(facts, **changes)


def with_report(facts: Facts, report: NotifyReportRequest) -> Facts:
    """The slots are the valuesList of NetworkConfigurationPriority (B09.FR.05)."""
    for data in report.report_data or ():
        name = f"{data.component.name}.{data.variable.name}".casefold()
        listed = data.variable_characteristics and data.variable_characteristics.values_list
        if name == PRIORITY.casefold() and listed:
            facts = replace(facts, slots=_slots(listed))
    return facts


def lists_root(response: GetInstalledCertificateIdsResponse, roots: Sequence[RootHash]) -> bool:
    """True when the station names our root, with whatever hash algorithm it prefers (M04.FR.07)."""
    ours = {_key(root) for root in roots}
    listed = response.certificate_hash_data_chain or ()
    return any(_key(chain.certificate_hash_data) in ours for chain in listed)


def with_roots(facts: Facts, response: GetInstalledCertificateIdsResponse, plan: Plan) -> Facts:
    further = enumerate(plan.further_roots)
    return replace(
        facts,
        root_listed=lists_root(response, plan.root_hashes),
        further_listed=tuple(number for number, root in further if lists_root(response, root.hashes)),
    )


def _key(data: Any) -> tuple[str, str, str, str]:
    # Hexadecimal is written in either case, serial numbers with and without leading zeros.
    return (
        str(data.hash_algorithm).upper(),
        data.issuer_name_hash.lower(),
        data.issuer_key_hash.lower(),
        data.serial_number.lower().lstrip("0"),
    )


def set_result(response: SetVariablesResponse, name: str) -> SetVariableResult:
    """The result for *name* (B05.FR.02 has it repeat component and variable); none is as good as a Rejected."""
    for result in response.set_variable_result:
        if f"{result.component.name}.{result.variable.name}".casefold() == name.casefold():
            return result
    return SetVariableResult(
        attribute_status=SetVariableStatus.REJECTED,
        component=component_of(name),
        variable=variable_of(name),
        attribute_status_info=StatusInfo(
            reason_code="NoResult", additional_info="the answer does not mention it"
        ),
    )


def summary(facts: Facts) -> str:
    """The facts in one line, for the upgrade's history."""
    said = {
        "slots": facts.slots,
        "priority": facts.priority,
        "active slot": facts.active_slot,
        "interface": facts.interface,
        "SecurityProfile": facts.security_profile,
        "OrganizationName": facts.organization,
    }
    told = (f"{name} {_plain(value)}" for name, value in said.items() if value is not None)
    root = "CSMS root installed" if facts.root_listed else "CSMS root not listed"
    return "; ".join((*told, root))


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _slots(text: str) -> tuple[int, ...] | None:
    numbers = [_number(part.strip()) for part in text.split(",")]
    known = tuple(dict.fromkeys(number for number in numbers if number is not None))
    return known[:_MOST_SLOTS] or None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _interface(text: str) -> OCPPInterface | None:
    return next((one for one in OCPPInterface if one.value.casefold() == text.casefold()), None)


def _text(text: str) -> str | None:
    return text


_Reader = Callable[[str], object | None]
_READERS: Final[dict[str, tuple[str, _Reader]]] = {
    name.casefold(): reader
    for name, reader in {
        PRIORITY: ("priority", _slots),
        "OCPPCommCtrlr.ActiveNetworkProfile": ("active_slot", _number),
        "OCPPCommCtrlr.NetworkProfileConnectionAttempts": ("connection_attempts", _number),
        "SecurityCtrlr.SecurityProfile": ("security_profile", _number),
        ORGANIZATION: ("organization", _text),
        DOWNGRADE: ("downgrade_allowed", _boolean),
        "SecurityCtrlr.AdditionalRootCertificateCheck": ("additional_root_check", _boolean),
        "SecurityCtrlr.CertificateEntries": ("certificate_entries", _number),
        "SecurityCtrlr.MaxCertificateChainSize": ("max_chain_size", _number),
        "NetworkConfiguration.OcppInterface": ("interface", _interface),
    }.items()
}
