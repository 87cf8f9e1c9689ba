"""Who a request says it is for, held against what the operator registered.

Exactly one common name, the registered serial number; exactly one organization, the configured one; nothing
in them that a person cannot see.  Other parts of the subject (C, DC) are the station's business: they are
neither judged nor copied.
"""

import ipaddress
import unicodedata
from collections.abc import Iterator

from ocppsec.certificates.der import PRINTABLE_STRING, UTF8_STRING
from ocppsec.certificates.reasons import Reason, ReasonCode
from ocppsec.certificates.request_der import Claims, NameValue

SERIAL_NUMBER_LIMIT = 25
"""`chargingStation.serialNumber` in BootNotification has no room for more (2.0.1 schema), so that a longer
common name could never pass B01.FR.11."""


def judge_names(claims: Claims, *, serial_number: str, organization: str) -> Iterator[Reason]:
    """Everything that is wrong with the subject of a request (A00.FR.509, 511)."""
    yield from _judge_common_names(claims.common_names, serial_number)
    yield from _judge_organizations(claims.organizations, organization)
    for value in (*claims.common_names, *claims.organizations):
        if value.tag not in (UTF8_STRING, PRINTABLE_STRING):
            yield Reason(
                ReasonCode.ODD_STRING_TYPE,
                f"a name is encoded with tag {value.tag:#04x}, not as UTF8String or PrintableString",
            )
        if any(_is_odd(character) for character in value.text):
            yield Reason(
                ReasonCode.ODD_CHARACTERS,
                f"a name contains control, direction or unreadable characters: {_shown(value.text)}",
            )


def _judge_common_names(names: tuple[NameValue, ...], serial_number: str) -> Iterator[Reason]:
    if not names:
        yield Reason(ReasonCode.NO_COMMON_NAME, "the subject has no common name (A00.FR.511)")
    if len(names) > 1:
        yield Reason(ReasonCode.SEVERAL_COMMON_NAMES, f"the subject has {len(names)} common names")
    for name in names:
        if name.text != serial_number:
            yield Reason(
                ReasonCode.WRONG_COMMON_NAME,
                f"common name {_shown(name.text)} is not the registered serial number {_shown(serial_number)}"
                " (A00.FR.511)",
            )
        if len(name.text) > SERIAL_NUMBER_LIMIT:
            yield Reason(
                ReasonCode.COMMON_NAME_TOO_LONG,
                f"a common name of {len(name.text)} characters can never equal the serialNumber of a"
                f" BootNotification, which has at most {SERIAL_NUMBER_LIMIT}",
            )
        if looks_like_address(name.text):
            yield Reason(
                ReasonCode.COMMON_NAME_LIKE_ADDRESS,
                f"common name {_shown(name.text)} looks like a URL or an IP address (A00.FR.511)",
            )


def _judge_organizations(names: tuple[NameValue, ...], organization: str) -> Iterator[Reason]:
    if not names:
        yield Reason(ReasonCode.NO_ORGANIZATION, "the subject has no organization (A00.FR.509)")
    if len(names) > 1:
        yield Reason(ReasonCode.SEVERAL_ORGANIZATIONS, f"the subject has {len(names)} organizations")
    for name in names:
        if name.text != organization:
            yield Reason(
                ReasonCode.WRONG_ORGANIZATION,
                f"organization {_shown(name.text)} is not {_shown(organization)}: set the station's"
                " SecurityCtrlr.OrganizationName",
            )


def looks_like_address(name: str) -> bool:
    """A00.FR.511: a station's common name is not shaped like a URL or an IP address."""
    if "://" in name:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_odd(character: str) -> bool:
    # Cc: NUL and other controls; Cf: right-to-left override and other invisible ones; the rest is no text.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character == "�"


def _shown(text: str) -> str:
    return ascii(text[:64])
