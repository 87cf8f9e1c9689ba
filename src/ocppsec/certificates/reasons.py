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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One rule for requests: what the reason given stands for."""

    code: ReasonCode
    requirement: str
    rule: str


POLICY: Final = tuple(
    Policy(code=ReasonCode(code), requirement=requirement, rule=rule)
    for code, requirement, rule in (
        ("not-pem", "A02.FR.03", "one PEM block labelled CERTIFICATE REQUEST, at most 5,500 characters, nothing around it"),
        ("unreadable", "A02.FR.03", "a PKCS #10 request in DER, complete, with nothing behind it"),
        ("wrong-version", "RFC 2986 4.1", "version 0"),
        ("unsafe-connection", "PKI policy", "it comes over TLS: else anybody on the way could put in a key"),
        ("too-many-requests", "PKI policy", "five at once from one station, then one a minute"),
        ("unsuitable-key", "A00.FR.501, 502, 503", "EC on P-256 or P-384, named; or RSA of 2048, 3072 or 4096 bits with e = 65537, well made"),
        ("unsuitable-signature-algorithm", "A00.FR.504, 506", "signed with ECDSA or RSA over SHA-256, SHA-384 or SHA-512"),
        ("wrong-signature", "RFC 2986 3", "the signature proves that the station has the private key"),
        ("key-used-before", "A02.FR.02", "a new key pair for each certificate"),
        ("key-of-another-station", "PKI policy", "a key belongs to one station for ever (alarm)"),
        ("key-revoked", "PKI policy", "no certificate for this key was revoked (alarm)"),
        ("no-common-name", "A00.FR.511", "a common name"),
        ("several-common-names", "A00.FR.511", "one common name only"),
        ("common-name-too-long", "B01.FR.11", "at most 25 characters, for it has to equal the serialNumber of a BootNotification"),
        ("common-name-like-address", "A00.FR.511", "it does not look like a URL or an IP address"),
        ("wrong-common-name", "A00.FR.511", "it is the serial number that the operator registered"),
        ("no-organization", "A00.FR.509", "an organization"),
        ("several-organizations", "A00.FR.509", "one organization only"),
        ("wrong-organization", "A00.FR.509", "it is the operator's, csms.organization"),
        ("odd-characters", "PKI policy", "nothing in a name that a person cannot see"),
        ("odd-string-type", "RFC 5280 4.1.2.4", "names as UTF8String or PrintableString"),
        ("wants-to-be-ca", "RFC 5280 4.2.1.9", "it does not ask for a CA certificate (alarm)"),
        ("denied", "PKI policy", "no person has denied this key"),
        ("replaced", "A02.FR.17", "the station has sent no newer request"),
    )
)  # fmt: skip
"""In the order in which they are looked at, where that matters.  The answer is Rejected with InvalidCSR and every reason.

Whatever else a request asks for (extensions, alternative names, validity, challengePassword, C, DC) is no reason to refuse
and is not copied: from a request comes the key alone.
"""
