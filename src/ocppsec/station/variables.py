"""Reading and writing the device model (B05, B06), with the variables that are more than a value.

Writing a BasicAuthPassword ends in a reconnect (A01), a NetworkConfigurationPriority is judged by `slots`.  A
WriteOnly value is never given back (B06.FR.09).
"""

from dataclasses import dataclass
from typing import Final

from ocppsec.ocppj.messages import (
    Attribute,
    GetVariableData,
    GetVariableResult,
    GetVariableStatus,
    Mutability,
    SetVariableData,
    SetVariableResult,
    SetVariableStatus,
)
from ocppsec.ocppj.times import to_wire
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.device_model import Catalogue, Definition
from ocppsec.station.own_certificates import Subject, has_valid_certificate
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Effect, Reconnect, Situation, info
from ocppsec.station.security_events import raised
from ocppsec.station.slots import Means, Objection, objection_to_priority, read_priority
from ocppsec.station.trust import has_valid_csms_root

_CHANGE: Final = "ReconfigurationOfSecurityParameters"


def value_of(definition: Definition, kept: Remembered, situation: Situation) -> str:
    """The Actual value as it is now; for `BasicAuthPassword` nothing."""
    config = situation.config
    match definition.name:
        case "SecurityCtrlr.BasicAuthPassword":
            return ""
        case "SecurityCtrlr.Identity":
            return config.identity
        case "SecurityCtrlr.SecurityProfile":
            return str(kept.security_profile)
        case "SecurityCtrlr.CertificateEntries":
            return str(len(kept.roots))
        case "OCPPCommCtrlr.ActiveNetworkProfile":
            return str(situation.slot)
        case "OCPPCommCtrlr.NetworkConfigurationPriority":
            return ",".join(str(slot) for slot in kept.priority)
        case "OCPPCommCtrlr.MessageTimeout.Default":
            slot = kept.slots.get(situation.slot)
            return str(slot.message_timeout if slot else int(config.call_timeout))
        case "ClockCtrlr.DateTime":
            return to_wire(situation.now)
        case "ChargingStation.Model":
            return config.model
        case "ChargingStation.VendorName":
            return config.vendor
        case "ChargingStation.SerialNumber":
            return config.serial_number
        case "ChargingStation.FirmwareVersion":
            return config.firmware_version
        case name:
            return kept.variables.get(name, definition.default)


def setting(kept: Remembered, catalogue: Catalogue, component: str, variable: str) -> str:
    """A plain variable our own code goes by."""
    definition = catalogue.named(component, variable)
    return kept.variables.get(definition.name, definition.default)


def is_on(kept: Remembered, catalogue: Catalogue, component: str, variable: str) -> bool:
    """A switch; one the station does not have is off."""
    definition = catalogue.lookup(component, variable)
    return definition is not None and kept.variables.get(definition.name, definition.default) == "true"


def floor(kept: Remembered, catalogue: Catalogue) -> int:
    """The lowest security profile that may still be stored, listed and dialled (A00.FR.005)."""
    downgrade = is_on(kept, catalogue, "SecurityCtrlr", "AllowSecurityProfileDowngrade")
    if downgrade and kept.security_profile == SecurityProfile.TLS_CLIENT:
        return SecurityProfile.TLS_BASIC  # E201: from 3 to 2 only, never to 1 (A05.FR.08, 09)
    return kept.security_profile


def number(kept: Remembered, catalogue: Catalogue, component: str, variable: str) -> int:
    return int(setting(kept, catalogue, component, variable))


def subject(kept: Remembered, situation: Situation) -> Subject:
    """A00.FR.509, 511: O is OrganizationName, CN the serial number."""
    return Subject(
        serial_number=situation.config.serial_number,
        organization=setting(kept, situation.catalogue, "SecurityCtrlr", "OrganizationName"),
    )


# -- B06 --------------------------------------------------------------------------------------------------


def get(asked: GetVariableData, kept: Remembered, situation: Situation) -> GetVariableResult:
    status, value, objection = _read(asked, kept, situation)
    return GetVariableResult(
        attribute_status=status,
        component=asked.component,
        variable=asked.variable,
        attribute_type=asked.attribute_type or Attribute.ACTUAL,
        attribute_value=value,
        attribute_status_info=info(objection),
    )


def _read(
    asked: GetVariableData, kept: Remembered, situation: Situation
) -> tuple[GetVariableStatus, str | None, Objection | None]:
    if not situation.catalogue.has(asked.component):
        return GetVariableStatus.UNKNOWN_COMPONENT, None, None
    definition = situation.catalogue.find(asked.component, asked.variable)
    if definition is None:
        return GetVariableStatus.UNKNOWN_VARIABLE, None, None
    if (asked.attribute_type or Attribute.ACTUAL) != Attribute.ACTUAL:
        return GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, None, None
    if definition.mutability == Mutability.WRITE_ONLY:  # B06.FR.09
        return GetVariableStatus.REJECTED, None, Objection(reason_code="WriteOnly", text="never read back")
    return GetVariableStatus.ACCEPTED, value_of(definition, kept, situation), None


# -- B05 --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    result: SetVariableResult
    kept: Remembered
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    status: SetVariableStatus
    kept: Remembered
    objection: Objection | None = None
    effects: tuple[Effect, ...] = ()


def write(data: SetVariableData, kept: Remembered, situation: Situation) -> Written:
    """B05: *kept* with the value, or the status that says why not."""
    outcome = _write(data, kept, situation)
    return Written(
        result=SetVariableResult(
            attribute_status=outcome.status,
            component=data.component,  # B05.FR.02
            variable=data.variable,
            attribute_type=data.attribute_type or Attribute.ACTUAL,  # B05.FR.12
            attribute_status_info=info(outcome.objection),
        ),
        kept=outcome.kept,
        effects=outcome.effects,
    )


def _write(data: SetVariableData, kept: Remembered, situation: Situation) -> _Outcome:
    if not situation.catalogue.has(data.component):
        return _Outcome(status=SetVariableStatus.UNKNOWN_COMPONENT, kept=kept)
    definition = situation.catalogue.find(data.component, data.variable)
    if definition is None:
        return _Outcome(status=SetVariableStatus.UNKNOWN_VARIABLE, kept=kept)
    if (data.attribute_type or Attribute.ACTUAL) != Attribute.ACTUAL:
        return _Outcome(status=SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, kept=kept)
    if definition.mutability == Mutability.READ_ONLY:
        return _rejected(kept, "ReadOnly", f"{definition.name} cannot be written")
    if definition.name == "OCPPCommCtrlr.NetworkConfigurationPriority":
        return _write_priority(data.attribute_value, kept, situation)
    wrong = definition.objection(data.attribute_value)
    if wrong is not None:
        return _rejected(kept, "InvalidValue", f"{definition.name}: {wrong}")
    if definition.name == "SecurityCtrlr.BasicAuthPassword":
        return _write_password(data.attribute_value, kept, situation)
    kept = kept.but(variables={**kept.variables, definition.name: data.attribute_value})
    if definition.component == "SecurityCtrlr":
        kept = raised(kept, _CHANGE, situation.now, definition.name)
    return _Outcome(status=SetVariableStatus.ACCEPTED, kept=kept)


def _rejected(kept: Remembered, reason_code: str, text: str) -> _Outcome:
    return _Outcome(
        status=SetVariableStatus.REJECTED, kept=kept, objection=Objection(reason_code=reason_code, text=text)
    )


def _write_password(password: str, kept: Remembered, situation: Situation) -> _Outcome:
    """A01.FR.01, 11, 12: stored, logged without its value; the connection is made anew with it."""
    in_use = situation.profile in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)
    return _Outcome(
        status=SetVariableStatus.ACCEPTED,
        kept=raised(kept.but(password=password), _CHANGE, situation.now, "SecurityCtrlr.BasicAuthPassword"),
        effects=(Reconnect(why="the password changed"),) if in_use else (),
    )


def _write_priority(value: str, kept: Remembered, situation: Situation) -> _Outcome:
    """A05.FR.02 to 04, B10.FR.01, 02.  It takes effect with the next reboot."""
    priority = read_priority(value)
    if priority is None:
        return _rejected(kept, "InvalidValue", "not a list of different slots")
    objection = objection_to_priority(
        kept,
        priority,
        traits=situation.config.traits,
        means=means(kept, situation),
        floor=floor(kept, situation.catalogue),
    )
    if objection is not None:
        return _Outcome(status=SetVariableStatus.REJECTED, kept=kept, objection=objection)
    return _Outcome(
        status=SetVariableStatus.ACCEPTED,
        kept=raised(
            kept.but(priority=priority), _CHANGE, situation.now, "OCPPCommCtrlr.NetworkConfigurationPriority"
        ),
    )


def means(kept: Remembered, situation: Situation) -> Means:
    return Means(
        root=has_valid_csms_root(kept, situation.now),
        certificate=has_valid_certificate(kept, subject=subject(kept, situation), now=situation.now),
        password=kept.password is not None,
    )
