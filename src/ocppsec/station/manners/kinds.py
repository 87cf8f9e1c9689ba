"""Kinds of stations: other slots, other interfaces, fewer variables, wrong clocks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.station.conduct import Conduct
from ocppsec.station.manners.bending import with_traits
from ocppsec.station.manners.manner import Kind, manner


@manner("everest-slots", Kind.FIELD, "Has exactly the slots 1 and 2.")
def everest_slots(right: Conduct) -> Conduct:
    return with_traits(right, slots=(1, 2))


@manner("openocpp-slots", Kind.FIELD, "Counts its slots from 0: 0, 1 and 2; it leaves the factory on slot 0.")
def openocpp_slots(right: Conduct) -> Conduct:
    return with_traits(right, slots=(0, 1, 2))


@manner("only-wireless0", Kind.FIELD, "Takes no other ocppInterface than Wireless0.")
def only_wireless0(right: Conduct) -> Conduct:
    return with_traits(right, interfaces=(OCPPInterface.WIRELESS0,))


@manner(
    "only-listed-slots", Kind.FIELD, "Has two slots, both filled and in the priority list from the start."
)
def only_listed_slots(right: Conduct) -> Conduct:
    return with_traits(right, slots=(1, 2), listed_slots=(2,))


@manner(
    "unknown-priority-variable",
    Kind.FIELD,
    "Does not know the variable NetworkConfigurationPriority; a Reset changes nothing.",
)
def unknown_priority_variable(right: Conduct) -> Conduct:
    return with_traits(right, lacks=frozenset({"OCPPCommCtrlr.NetworkConfigurationPriority"}))


@manner(
    "additional-root-check",
    Kind.FIELD,
    "Has AdditionalRootCertificateCheck: one CSMS root, and takes another only when that one has signed it.",
)
def additional_root_check(right: Conduct) -> Conduct:
    return with_traits(right, additional_root_check=True)


@manner("no-back-off", Kind.FIRMWARE, "Dials again at once after each failure, without the waits of Part 4.")
def no_back_off(right: Conduct) -> Conduct:
    return with_traits(right, back_off_minimum=0, back_off_range=0)


def _shifted(right: Conduct, shift: timedelta) -> Conduct:
    return replace(right, clock=lambda: right.clock() + shift)


def _since(right: Conduct, start: datetime) -> Conduct:
    return _shifted(right, start - right.clock())


@manner("clock-1970", Kind.FIELD, "Its clock begins at 1970-01-01 and is right from the first boot on.")
def clock_1970(right: Conduct) -> Conduct:
    return _since(right, datetime(1970, 1, 1, tzinfo=UTC))


@manner("clock-2019", Kind.FIELD, "Its clock runs in 2019 and is never set.")
def clock_2019(right: Conduct) -> Conduct:
    return with_traits(_since(right, datetime(2019, 1, 1, tzinfo=UTC)), follows_clock=False)


@manner("clock-ahead", Kind.FIELD, "Its clock is 14 minutes ahead and is never set.")
def clock_ahead(right: Conduct) -> Conduct:
    return with_traits(_shifted(right, timedelta(minutes=14)), follows_clock=False)


@manner("clock-behind", Kind.FIELD, "Its clock is 14 minutes behind and is never set.")
def clock_behind(right: Conduct) -> Conduct:
    return with_traits(_shifted(right, -timedelta(minutes=14)), follows_clock=False)
