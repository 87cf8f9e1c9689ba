"""What all typed messages have in common.

Names are the standard's without their last word: ``SetVariableDataType`` is `SetVariableData`,
``ResetStatusEnumType`` is `ResetStatus`.  Fields are its fields in snake_case.  ``customData`` is not read and
not written.  Points in time stay text (see `ocppsec.ocppj.times`): a station's clock may be wrong, and what it
said must be kept as it said it.
"""

from typing import Annotated, Any, ClassVar

import msgspec

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""The schemas set no bounds; what is stored and computed with has them."""


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A value of the standard.  Absent optionals are None and are left out on the wire (Part 4, 4.1.5)."""

    hidden: ClassVar[frozenset[str]] = frozenset()
    """Fields that may hold a password; no repr shows them."""

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        shown = (
            f"{name}=…" if name in self.hidden else f"{name}={value!r}"
            for name, value in values
            if value is not None
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Request(Wire, frozen=True):
    """A request; `action` is its name on the wire."""

    action: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.action = cls.__name__.removesuffix("Request")


class Response(Wire, frozen=True):
    """The response to the request named by `action`."""

    action: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.action = cls.__name__.removesuffix("Response")


class StatusInfo(Wire, frozen=True, kw_only=True):
    """More about a status: a short code for machines, a sentence for people."""

    reason_code: str
    additional_info: str | None = None


class EVSE(Wire, frozen=True, kw_only=True):
    id: Integer
    connector_id: Integer | None = None
