"""Variables and reports (B05 to B08)."""

from enum import StrEnum
from typing import ClassVar

from ocppsec.ocppj.messages.base import EVSE, Integer, Request, Response, StatusInfo, Wire


class Attribute(StrEnum):
    """Which attribute of a variable; Actual when none is named."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class Component(Wire, frozen=True, kw_only=True):
    name: str
    instance: str | None = None
    evse: EVSE | None = None


class Variable(Wire, frozen=True, kw_only=True):
    name: str
    instance: str | None = None


class ComponentVariable(Wire, frozen=True, kw_only=True):
    component: Component
    variable: Variable | None = None


class GetVariableStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class GetVariableData(Wire, frozen=True, kw_only=True):
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None


class GetVariableResult(Wire, frozen=True, kw_only=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"attribute_value"})
    attribute_status: GetVariableStatus
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    attribute_value: str | None = None
    attribute_status_info: StatusInfo | None = None


class GetVariablesRequest(Request, frozen=True, kw_only=True):
    get_variable_data: tuple[GetVariableData, ...]


class GetVariablesResponse(Response, frozen=True, kw_only=True):
    get_variable_result: tuple[GetVariableResult, ...]


class SetVariableStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class SetVariableData(Wire, frozen=True, kw_only=True):
    """The value may be the BasicAuthPassword (A01)."""

    hidden: ClassVar[frozenset[str]] = frozenset({"attribute_value"})
    component: Component
    variable: Variable
    attribute_value: str
    attribute_type: Attribute | None = None


class SetVariableResult(Wire, frozen=True, kw_only=True):
    """Repeats component and variable (B05.FR.02), and the attribute, Actual when none was named (B05.FR.12)."""

    attribute_status: SetVariableStatus
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    attribute_status_info: StatusInfo | None = None


class SetVariablesRequest(Request, frozen=True, kw_only=True):
    set_variable_data: tuple[SetVariableData, ...]


class SetVariablesResponse(Response, frozen=True, kw_only=True):
    set_variable_result: tuple[SetVariableResult, ...]


class ComponentCriterion(StrEnum):
    ACTIVE = "Active"
    AVAILABLE = "Available"
    ENABLED = "Enabled"
    PROBLEM = "Problem"


class GenericDeviceModelStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    EMPTY_RESULT_SET = "EmptyResultSet"


class GetReportRequest(Request, frozen=True, kw_only=True):
    request_id: Integer
    component_variable: tuple[ComponentVariable, ...] | None = None
    component_criteria: tuple[ComponentCriterion, ...] | None = None


class GetReportResponse(Response, frozen=True, kw_only=True):
    status: GenericDeviceModelStatus
    status_info: StatusInfo | None = None


class ReportBase(StrEnum):
    CONFIGURATION_INVENTORY = "ConfigurationInventory"
    FULL_INVENTORY = "FullInventory"
    SUMMARY_INVENTORY = "SummaryInventory"


class GetBaseReportRequest(Request, frozen=True, kw_only=True):
    request_id: Integer
    report_base: ReportBase


class GetBaseReportResponse(Response, frozen=True, kw_only=True):
    status: GenericDeviceModelStatus
    status_info: StatusInfo | None = None


class Mutability(StrEnum):
    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class Data(StrEnum):
    """The data type of a variable."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


class VariableAttribute(Wire, frozen=True, kw_only=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"value"})
    type: Attribute | None = None
    value: str | None = None
    mutability: Mutability | None = None
    persistent: bool = False
    constant: bool = False


class VariableCharacteristics(Wire, frozen=True, kw_only=True):
    data_type: Data
    supports_monitoring: bool
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: str | None = None
    """Comma separated; for NetworkConfigurationPriority the slots this station has."""


class ReportData(Wire, frozen=True, kw_only=True):
    component: Component
    variable: Variable
    variable_attribute: tuple[VariableAttribute, ...]
    variable_characteristics: VariableCharacteristics | None = None


class NotifyReportRequest(Request, frozen=True, kw_only=True):
    request_id: Integer
    generated_at: str
    seq_no: Integer
    """Counts from 0 within one report."""
    tbc: bool = False
    """To be continued: more of this report follows."""
    report_data: tuple[ReportData, ...] | None = None


class NotifyReportResponse(Response, frozen=True, kw_only=True):
    pass
