"""The device model: which variables a station has, and what may be written into each (Part 2, block B; spec §7).

Only the shape is here; `variables` reads and writes.  Names of components, variables and instances are compared
without case, as identifierStrings are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ocppsec.ocppj.messages import Component, Data, Mutability, Variable
from ocppsec.station.config import Edition, Traits

PASSWORD_MIN: Final = 16
PASSWORD_MAX: Final = 40
"""BasicAuthPassword, 2.0.1: 16 to 40 characters of passwordString."""
_PASSWORD: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]*")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}")

RO, WO, RW = Mutability.READ_ONLY, Mutability.WRITE_ONLY, Mutability.READ_WRITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One variable with its Actual attribute."""

    component: str
    variable: str
    instance: str | None = None
    mutability: Mutability = RO
    data: Data = Data.STRING
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    """Of the value, or of its length when it is a text."""
    values: tuple[str, ...] = ()
    default: str = ""
    constant: bool = False

    @property
    def name(self) -> str:
        """Under which `remembered.variables` keeps a written value."""
        return ".".join(part for part in (self.component, self.variable, self.instance) if part)

    def objection(self, value: str) -> str | None:
        """Why *value* may not be written, in words; None when it may."""
        match self.data:
            case Data.INTEGER:
                return self._objection_to_number(value)
            case Data.BOOLEAN:
                return None if value in ("true", "false") else "neither true nor false"
            case Data.OPTION_LIST:
                return None if value in self.values else "not in the valuesList"
            case Data.MEMBER_LIST | Data.SEQUENCE_LIST:
                strangers = [part for part in value.split(",") if part.strip() not in self.values]
                return "a member is not in the valuesList" if strangers else None
            case _:
                return self._objection_to_text(value)

    def _objection_to_number(self, value: str) -> str | None:
        if _INTEGER.fullmatch(value) is None:
            return "not an integer"
        if self.minimum is not None and int(value) < self.minimum:
            return f"less than {self.minimum}"
        if self.maximum is not None and int(value) > self.maximum:
            return f"more than {self.maximum}"
        return None

    def _objection_to_text(self, value: str) -> str | None:
        if self.minimum is not None and len(value) < self.minimum:
            return f"shorter than {self.minimum} characters"
        if self.maximum is not None and len(value) > self.maximum:
            return f"longer than {self.maximum} characters"
        if self.variable == "BasicAuthPassword" and _PASSWORD.fullmatch(value) is None:
            return "a character that passwordString does not have"
        return None


Key = tuple[str, str, str]
"""Component, variable and instance of the variable, without case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All variables of a kind of station."""

    definitions: Mapping[Key, Definition]
    components: frozenset[str]

    def has(self, component: Component) -> bool:
        return (
            component.instance is None
            and component.evse is None
            and component.name.casefold() in self.components
        )

    def find(self, component: Component, variable: Variable) -> Definition | None:
        if not self.has(component):
            return None
        return self.definitions.get(_key(component.name, variable.name, variable.instance))

    def lookup(self, component: str, variable: str) -> Definition | None:
        """By names, for a variable that not every kind of station has."""
        return self.definitions.get(_key(component, variable, None))

    def named(self, component: str, variable: str, instance: str | None = None) -> Definition:
        """The definition our own code knows to be there."""
        return self.definitions[_key(component, variable, instance)]


def _key(component: str, variable: str, instance: str | None) -> Key:
    return component.casefold(), variable.casefold(), (instance or "").casefold()


@lru_cache(maxsize=32)
def catalogue(traits: Traits) -> Catalogue:
    """The variables of a kind of station; made once for all stations of that kind."""
    rows = (*_security(traits), *_communication(traits), *_DEVICE_DATA, *_CLOCK, *_STATION)
    definitions = {
        _key(row.component, row.variable, row.instance): row for row in rows if row.name not in traits.lacks
    }
    return Catalogue(
        definitions=MappingProxyType(definitions),
        components=frozenset(component for component, _, _ in definitions),
    )


def _security(traits: Traits) -> tuple[Definition, ...]:
    """§7.1."""

    def row(variable: str, **rest: object) -> Definition:
        return Definition(component="SecurityCtrlr", variable=variable, **rest)  # type: ignore[arg-type]

    return (
        row("BasicAuthPassword", mutability=WO, minimum=PASSWORD_MIN, maximum=PASSWORD_MAX),
        row("Identity", maximum=48),
        row("OrganizationName", mutability=RW, maximum=64, default=traits.organization),
        row("CertificateEntries", data=Data.INTEGER, maximum=traits.max_roots),
        row("SecurityProfile", data=Data.INTEGER, minimum=0, maximum=3),
        row(
            "AdditionalRootCertificateCheck",
            data=Data.BOOLEAN,
            default="true" if traits.additional_root_check else "false",
        ),
        row("MaxCertificateChainSize", data=Data.INTEGER, maximum=10_000, default=str(traits.max_chain_size)),
        row(
            "CertSigningWaitMinimum",
            mutability=RW,
            data=Data.INTEGER,
            unit="s",
            minimum=1,
            default=str(traits.certificate_wait),
        ),
        row(
            "CertSigningRepeatTimes",
            mutability=RW,
            data=Data.INTEGER,
            minimum=0,
            maximum=16,
            default=str(traits.certificate_repeats),
        ),
        *(
            row(variable, mutability=RW, data=Data.BOOLEAN, default="false")
            for variable in _since_errata(traits)
        ),
    )


def _since_errata(traits: Traits) -> tuple[str, ...]:
    """An absent switch is off (A00.FR.005, E201 2.62)."""
    return (
        ("AllowSecurityProfileDowngrade", "AllowCSMSTLSWildcards") if traits.edition == Edition.ERRATA else ()
    )


def _communication(traits: Traits) -> tuple[Definition, ...]:
    """§7.2."""

    def row(variable: str, **rest: object) -> Definition:
        return Definition(component="OCPPCommCtrlr", variable=variable, **rest)  # type: ignore[arg-type]

    def number(variable: str, default: int, minimum: int = 0, unit: str | None = "s") -> Definition:
        return row(
            variable, mutability=RW, data=Data.INTEGER, minimum=minimum, unit=unit, default=str(default)
        )

    slots = tuple(str(slot) for slot in traits.slots)
    return (
        row("ActiveNetworkProfile", data=Data.INTEGER),
        row("NetworkConfigurationPriority", mutability=RW, data=Data.SEQUENCE_LIST, values=slots),
        number("NetworkProfileConnectionAttempts", traits.connection_attempts, minimum=1, unit=None),
        row("MessageTimeout", instance="Default", data=Data.INTEGER, unit="s"),
        number("RetryBackOffWaitMinimum", traits.back_off_minimum),
        number("RetryBackOffRandomRange", traits.back_off_range),
        number("RetryBackOffRepeatTimes", traits.back_off_repeats, unit=None),
        number("WebSocketPingInterval", traits.ping_interval),
        number("OfflineThreshold", 60),
        number("ResetRetries", 0, unit=None),
        number("HeartbeatInterval", 300, minimum=1),
        row("QueueAllMessages", mutability=RW, data=Data.BOOLEAN, default="false"),
        row(
            "FileTransferProtocols",
            data=Data.MEMBER_LIST,
            values=("FTP", "FTPS", "HTTP", "HTTPS", "SFTP"),
            default="HTTPS",
            constant=True,
        ),
        row(
            "MessageAttempts",
            instance="TransactionEvent",
            mutability=RW,
            data=Data.INTEGER,
            minimum=0,
            default="3",
        ),
        row(
            "MessageAttemptInterval",
            instance="TransactionEvent",
            mutability=RW,
            data=Data.INTEGER,
            unit="s",
            minimum=0,
            default="60",
        ),
    )


ITEMS_PER_GET: Final = 50
ITEMS_PER_SET: Final = 50

_DEVICE_DATA: Final = tuple(
    Definition(
        component="DeviceDataCtrlr",
        variable=variable,
        instance=instance,
        data=Data.INTEGER,
        default=str(limit),
        constant=True,
    )
    for variable, instance, limit in (
        ("ItemsPerMessage", "GetVariables", ITEMS_PER_GET),
        ("ItemsPerMessage", "SetVariables", ITEMS_PER_SET),
        ("ItemsPerMessage", "GetReport", ITEMS_PER_GET),
        ("BytesPerMessage", "GetVariables", 65_536),
        ("BytesPerMessage", "SetVariables", 65_536),
        ("BytesPerMessage", "GetReport", 65_536),
        ("ConfigurationValueSize", None, 1000),
        ("ReportingValueSize", None, 2500),
    )
)

_CLOCK: Final = (
    Definition(component="ClockCtrlr", variable="DateTime", data=Data.DATE_TIME),
    Definition(
        component="ClockCtrlr",
        variable="TimeSource",
        mutability=RW,
        data=Data.SEQUENCE_LIST,
        values=("Heartbeat", "RealTimeClock"),
        default="Heartbeat",
    ),
    Definition(
        component="ClockCtrlr",
        variable="TimeAdjustmentReportingThreshold",
        mutability=RW,
        data=Data.INTEGER,
        unit="s",
        minimum=0,
        default="20",
    ),
)

_STATION: Final = tuple(
    Definition(component="ChargingStation", variable=variable, data=data, default=default)
    for variable, data, default in (
        ("Available", Data.BOOLEAN, "true"),
        ("AvailabilityState", Data.STRING, "Available"),
        ("Problem", Data.BOOLEAN, "false"),
        ("Model", Data.STRING, ""),
        ("VendorName", Data.STRING, ""),
        ("SerialNumber", Data.STRING, ""),
        ("FirmwareVersion", Data.STRING, ""),
    )
)
