"""How payloads are worded: numbers, dates, PEM and names in spellings that a CSMS has to read, or to notice."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import cycle
from typing import Any, Final

from ocppsec.ocppj.times import from_wire
from ocppsec.station.conduct import Conduct
from ocppsec.station.manners.bending import Payload, wording
from ocppsec.station.manners.manner import Kind, manner

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z")


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """*value* with each number and text in it changed."""
    if isinstance(value, dict):
        return {name: _each(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each(inner, change) for inner in value]
    return change(value)


def _values(right: Conduct, change: Callable[[Any], Any]) -> Conduct:
    return wording(
        right, lambda _action, payload: {name: _each(value, change) for name, value in payload.items()}
    )


@manner("float-integers", Kind.FIELD, "Writes integers with a fraction: 300.0.")
def float_integers(right: Conduct) -> Conduct:
    def change(value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return _values(right, change)


@manner(
    "odd-dates",
    Kind.FIELD,
    "Writes points in time in turn without fraction, with seven digits of it, and with an offset of +05:30.",
)
def odd_dates(right: Conduct) -> Conduct:
    ways = cycle((_without_fraction, _with_seven_digits, _with_offset))

    def change(value: Any) -> Any:
        is_date = isinstance(value, str) and _DATE.fullmatch(value) is not None
        return next(ways)(from_wire(value)) if is_date else value

    return _values(right, change)


def _without_fraction(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_seven_digits(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _with_offset(when: datetime) -> str:
    return when.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()


# -- PEM ----------------------------------------------------------------------------------------------------
def _csr(right: Conduct, change: Callable[[str], str]) -> Conduct:
    def reworded(action: str, payload: Payload) -> Payload:
        return payload | {"csr": change(payload["csr"])} if action == "SignCertificate" else payload

    return wording(right, reworded)


@manner("crlf-pem", Kind.FIELD, "Ends the lines of its CSR with CR LF.")
def crlf_pem(right: Conduct) -> Conduct:
    return _csr(right, lambda pem: pem.replace("\n", "\r\n"))


@manner("nul-pem", Kind.FIELD, "Sends its CSR with a NUL behind it.")
def nul_pem(right: Conduct) -> Conduct:
    return _csr(right, lambda pem: pem + "\0")


@manner("escaped-pem", Kind.FIELD, "Sends its CSR with the two characters backslash and n for each line end.")
def escaped_pem(right: Conduct) -> Conduct:
    return _csr(right, lambda pem: pem.replace("\n", "\\n"))


@manner("one-line-pem", Kind.FIELD, "Sends its CSR without any line end.")
def one_line_pem(right: Conduct) -> Conduct:
    return _csr(right, lambda pem: pem.replace("\n", ""))


# -- names --------------------------------------------------------------------------------------------------
def _boot(right: Conduct, change: Callable[[Payload], Payload]) -> Conduct:
    """With other words about the station in BootNotification."""

    def reworded(action: str, payload: Payload) -> Payload:
        if action != "BootNotification":
            return payload
        return payload | {"chargingStation": change(payload["chargingStation"])}

    return wording(right, reworded)


@manner("wrong-serial-at-boot", Kind.ATTACK, "Names another serial number in BootNotification than its own.")
def wrong_serial_at_boot(right: Conduct) -> Conduct:
    return _boot(right, lambda station: station | {"serialNumber": f"{station['serialNumber'][:23]}-X"})


@manner("no-serial-at-boot", Kind.FIELD, "Names no serial number in BootNotification.")
def no_serial_at_boot(right: Conduct) -> Conduct:
    return _boot(right, lambda station: {name: station[name] for name in station if name != "serialNumber"})


@manner(
    "control-characters",
    Kind.ATTACK,
    "Model and vendor in BootNotification hold escape sequences, markup and a line end.",
)
def control_characters(right: Conduct) -> Conduct:
    return _boot(
        right, lambda station: station | {"model": "\x1b[2J\x1b[31m\r\n", "vendorName": "<b>\x07&'\""}
    )
