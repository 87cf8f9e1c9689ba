"""What can be wrong with a certificate signing request: stable codes, and words for people."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ReasonCode(StrEnum):
    """Stable names of what can be wrong with a request."""

    NOT_PEM = "not-pem"
    UNREADABLE = "unreadable"
    WRONG_VERSION = "wrong-version"
    UNSAFE_CONNECTION = "unsafe-connection"
    TOO_MANY_REQUESTS = "too-many-requests"
    UNSUITABLE_KEY = "unsuitable-key"
    UNSUITABLE_SIGNATURE_ALGORITHM = "unsuitable-signature-algorithm"
    WRONG_SIGNATURE = "wrong-signature"
    KEY_USED_BEFORE = "key-used-before"
    KEY_OF_ANOTHER_STATION = "key-of-another-station"
    KEY_REVOKED = "key-revoked"
    NO_COMMON_NAME = "no-common-name"
    SEVERAL_COMMON_NAMES = "several-common-names"
    COMMON_NAME_TOO_LONG = "common-name-too-long"
    COMMON_NAME_LIKE_ADDRESS = "common-name-like-address"
    WRONG_COMMON_NAME = "wrong-common-name"
    NO_ORGANIZATION = "no-organization"
    SEVERAL_ORGANIZATIONS = "several-organizations"
    WRONG_ORGANIZATION = "wrong-organization"
    ODD_CHARACTERS = "odd-characters"
    ODD_STRING_TYPE = "odd-string-type"
    WANTS_TO_BE_CA = "wants-to-be-ca"
    DENIED = "denied"
    REPLACED = "replaced"


ALARMING: Final = frozenset(
    {ReasonCode.WANTS_TO_BE_CA, ReasonCode.KEY_OF_ANOTHER_STATION, ReasonCode.KEY_REVOKED}
)
"""No honest firmware does these by mistake."""


@dataclass(frozen=True, slots=True)
class Reason:
    code: ReasonCode
    text: str
    """For people; quotes the station only with control and direction characters made visible."""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"
