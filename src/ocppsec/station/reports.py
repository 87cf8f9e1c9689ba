"""Reports of the device model: what GetBaseReport and GetReport select, cut into NotifyReports (B07, B08)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from ocppsec.ocppj.messages import (
    Attribute,
    Component,
    ComponentCriterion,
    ComponentVariable,
    Data,
    Mutability,
    NotifyReportRequest,
    ReportBase,
    ReportData,
    Variable,
    VariableAttribute,
    VariableCharacteristics,
)
from ocppsec.ocppj.times import to_wire
from ocppsec.station.device_model import Definition
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Situation
from ocppsec.station.variables import value_of

ENTRIES_PER_MESSAGE: Final = 15


def base(which: ReportBase, kept: Remembered, situation: Situation) -> tuple[ReportData, ...] | None:
    """B07; None when this station has no such report (B07.FR.02)."""
    definitions = situation.catalogue.definitions.values()
    match which:
        case ReportBase.FULL_INVENTORY:
            return _entries(definitions, kept, situation)
        case ReportBase.CONFIGURATION_INVENTORY:
            return _entries((row for row in definitions if _may_be_set(row)), kept, situation)
        case ReportBase.SUMMARY_INVENTORY:
            return None


def _may_be_set(definition: Definition) -> bool:
    return definition.mutability != Mutability.READ_ONLY


def selected(
    wanted: tuple[ComponentVariable, ...] | None,
    criteria: tuple[ComponentCriterion, ...] | None,
    kept: Remembered,
    situation: Situation,
) -> tuple[ReportData, ...]:
    """B08: what fits any of *wanted* and any of *criteria*.

    No component here has a problem or is switched off, so Problem selects none and the other criteria all.
    """
    if criteria is not None and set(criteria) == {ComponentCriterion.PROBLEM}:
        return ()
    definitions = situation.catalogue.definitions.values()
    if wanted is not None:
        definitions_wanted = (row for row in definitions if any(_fits(row, one) for one in wanted))
        return _entries(definitions_wanted, kept, situation)
    return _entries(definitions, kept, situation)


def _fits(definition: Definition, wanted: ComponentVariable) -> bool:
    component, variable = wanted.component, wanted.variable
    if component.instance is not None or component.evse is not None:
        return False
    if component.name.casefold() != definition.component.casefold():
        return False
    if variable is None:
        return True
    if variable.name.casefold() != definition.variable.casefold():
        return False
    return variable.instance is None or variable.instance.casefold() == (definition.instance or "").casefold()


def _entries(
    definitions: Iterable[Definition], kept: Remembered, situation: Situation
) -> tuple[ReportData, ...]:
    return tuple(_entry(definition, kept, situation) for definition in definitions)


def _entry(definition: Definition, kept: Remembered, situation: Situation) -> ReportData:
    secret = definition.mutability == Mutability.WRITE_ONLY  # B07.FR.03: reported, without its value
    return ReportData(
        component=Component(name=definition.component),
        variable=Variable(name=definition.variable, instance=definition.instance),
        variable_attribute=(
            VariableAttribute(
                type=Attribute.ACTUAL,
                value=None if secret else value_of(definition, kept, situation),
                mutability=definition.mutability,
                persistent=True,
                constant=definition.constant,
            ),
        ),
        variable_characteristics=VariableCharacteristics(
            data_type=definition.data,
            supports_monitoring=False,
            unit=definition.unit,
            min_limit=definition.minimum if definition.data == Data.INTEGER else None,
            max_limit=definition.maximum,
            values_list=",".join(definition.values) or None,
        ),
    )


def pages(request_id: int, data: tuple[ReportData, ...], now: datetime) -> Iterator[NotifyReportRequest]:
    """The report as messages: numbered from 0, all but the last to be continued (B07.FR.08 to 10)."""
    for start in range(0, len(data), ENTRIES_PER_MESSAGE):
        end = start + ENTRIES_PER_MESSAGE
        yield NotifyReportRequest(
            request_id=request_id,
            generated_at=to_wire(now),
            seq_no=start // ENTRIES_PER_MESSAGE,
            tbc=end < len(data),
            report_data=data[start:end],
        )
