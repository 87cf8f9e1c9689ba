"""What a PKCS #10 request claims, read from its DER and not yet believed.

RFC 2986::

    CertificationRequest     ::= SEQUENCE { info, signatureAlgorithm, signature }
    CertificationRequestInfo ::= SEQUENCE { version INTEGER, subject Name, subjectPKInfo, attributes [0] }
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ocppsec.certificates import der
from ocppsec.certificates.der import BadDer, Item

_COMMON_NAME = "2.5.4.3"
_ORGANIZATION = "2.5.4.10"
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_BASIC_CONSTRAINTS = "2.5.29.19"
_EC_KEY = "1.2.840.10045.2.1"
_RSA_KEY = "1.2.840.113549.1.1.1"
_CURVES: Final = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384"}


@dataclass(frozen=True, slots=True)
class NameValue:
    tag: int
    text: str
    """Undecodable bytes appear as U+FFFD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    der: bytes = field(repr=False)
    version: int
    common_names: tuple[NameValue, ...]
    organizations: tuple[NameValue, ...]
    key_refusal: str | None
    """Why the kind of key is out of the question, before any library loads it; None when it is not."""
    wants_to_be_ca: bool


def read_claims(data: bytes) -> Claims:
    """Raises `BadDer` when *data* has not the shape of a request."""
    info, *_ = _children(der.single(data), 3)
    version, subject, key, *attributes = _children(info, 3)
    names = tuple(_names(subject.expect(der.SEQUENCE)))
    return Claims(
        der=data,
        version=int.from_bytes(version.expect(der.INTEGER).content, "big", signed=True),
        common_names=tuple(value for oid, value in names if oid == _COMMON_NAME),
        organizations=tuple(value for oid, value in names if oid == _ORGANIZATION),
        key_refusal=_key_refusal(key),
        wants_to_be_ca=any(_asks_for_ca(extension) for extension in _extensions(attributes)),
    )


def _names(subject: Item) -> Iterator[tuple[str, NameValue]]:
    for relative_name in subject.children():
        for attribute in relative_name.expect(der.SET).children():
            kind, value, *_ = _children(attribute, 2)
            text = value.content.decode("utf-8", errors="replace")
            yield _oid(kind), NameValue(value.tag, text)


def _key_refusal(key: Item) -> str | None:
    """Allow-list of key kinds: whatever is not on it is never handed to a library."""
    algorithm, *_ = _children(key, 2)
    kind, *parameters = _children(algorithm, 1)
    match _oid(kind):
        case oid if oid == _RSA_KEY:
            return None
        case oid if oid == _EC_KEY:
            return _curve_refusal(parameters)
        case oid:
            return f"a key of the kind {oid} is neither EC nor RSA"


def _curve_refusal(parameters: list[Item]) -> str | None:
    if len(parameters) != 1 or parameters[0].tag != der.OBJECT_IDENTIFIER:
        return "an EC key that describes its own curve instead of naming one"
    curve = _oid(parameters[0])
    return None if curve in _CURVES else f"the curve {curve} is not one of {', '.join(_CURVES.values())}"


def _extensions(attributes: list[Item]) -> Iterator[Item]:
    """Every requested extension.  An attribute of another shape is nothing to us."""
    for attribute in attributes:
        for entry in attribute.expect(der.CONTEXT_0).children():
            kind, values, *_ = _children(entry, 2)
            if _oid(kind) == _EXTENSION_REQUEST:
                for extensions in values.children():
                    yield from extensions.children()


def _asks_for_ca(extension: Item) -> bool:
    kind, *rest = _children(extension, 2)
    if _oid(kind) != _BASIC_CONSTRAINTS:
        return False
    constraints = der.single(rest[-1].expect(der.OCTET_STRING).content)
    return any(item.tag == der.BOOLEAN and item.content != b"\0" for item in constraints.children())


def _children(item: Item, at_least: int) -> list[Item]:
    children = item.expect(der.SEQUENCE).children()
    if len(children) < at_least:
        raise BadDer(f"{len(children)} elements where {at_least} are expected")
    return children


def _oid(item: Item) -> str:
    return der.oid(item.expect(der.OBJECT_IDENTIFIER).content)
