"""Just enough DER to look at a request before a library does.

`cryptography` refuses a request with a wrong version outright, cannot say how a name was encoded, and gives up
on all extensions when one is odd.  A CSR has to be judged, not only parsed, so we walk it ourselves: definite
lengths, tags of one byte, no recursion, nothing beyond the bytes given.
"""

from collections.abc import Iterator
from typing import NamedTuple

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
SEQUENCE = 0x30
SET = 0x31
CONTEXT_0 = 0xA0


class BadDer(ValueError):  # noqa: N818  what it is, not what went wrong in us
    """The bytes are not the DER that was expected."""


class Item(NamedTuple):
    tag: int
    content: bytes

    def children(self) -> "list[Item]":
        return list(items(self.content))

    def expect(self, tag: int) -> "Item":
        if self.tag != tag:
            raise BadDer(f"tag {self.tag:#04x} where {tag:#04x} is expected")
        return self


def single(data: bytes) -> Item:
    """The one item that *data* is, with nothing behind it."""
    found = list(items(data))
    if len(found) != 1:
        raise BadDer(f"{len(found)} items where one is expected")
    return found[0]


def items(data: bytes) -> Iterator[Item]:
    """The items that stand one behind the other in *data*."""
    position = 0
    while position < len(data):
        tag = data[position]
        if tag & 0x1F == 0x1F:
            raise BadDer("a tag of more than one byte")
        start, length = _length(data, position + 1)
        position = start + length
        if position > len(data):
            raise BadDer("an item reaches beyond its container")
        yield Item(tag, data[start:position])


def oid(content: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER's content."""
    arcs: list[int] = []
    value = 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs or content[-1] & 0x80:
        raise BadDer("an object identifier that does not end")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Where the content starts, and how long it is."""
    if position >= len(data):
        raise BadDer("the data ends within an item")
    first = data[position]
    if first < 0x80:
        return position + 1, first
    octets = first & 0x7F
    end = position + 1 + octets
    if not 1 <= octets <= 4 or end > len(data):
        raise BadDer("a length that DER does not have")
    length = int.from_bytes(data[position + 1 : end], "big")
    if length < 0x80 or length >> 8 * (octets - 1) == 0:
        raise BadDer("a length that DER would write shorter")
    return end, length
