"""The little DER that we read ourselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsec.certificates.der import BadDer, Item, items, oid, single


def test_items_are_read_with_short_and_long_lengths():
    """A length below 128 takes one byte, others say how many they take."""
    long = bytes(200)
    assert list(items(b"\x02\x01\x05\x04\x81\xc8" + long)) == [Item(2, b"\5"), Item(4, long)]
    assert single(b"\x04\x82\x01\x00" + bytes(256)) == Item(4, bytes(256))
    assert list(items(b"")) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"\x1f\x01\x00", "more than one byte", id="long tag"),
        pytest.param(b"\x04", "ends within", id="no length"),
        pytest.param(b"\x04\x05abcd", "beyond its container", id="content cut off"),
        pytest.param(b"\x04\x80\x00\x00", "does not have", id="indefinite length"),
        pytest.param(b"\x04\x85\x00\x00\x00\x00\x01a", "does not have", id="length of five bytes"),
        pytest.param(b"\x04\x82\x01", "does not have", id="length cut off"),
        pytest.param(b"\x04\x81\x01a", "shorter", id="long form for a short length"),
        pytest.param(b"\x04\x82\x00\xc8" + bytes(200), "shorter", id="leading zero in the length"),
        pytest.param(b"", "0 items", id="nothing"),
        pytest.param(b"\x05\x00\x05\x00", "2 items", id="something behind"),
    ],
)
def test_what_is_no_der_is_refused(data, words):
    """BER's other spellings included: two readers could read them differently."""
    with pytest.raises(BadDer, match=words):
        single(data)


def test_a_tag_is_what_was_expected():
    """Or it is named."""
    assert Item(2, b"").expect(2) == Item(2, b"")
    with pytest.raises(BadDer, match="tag 0x04 where 0x02"):
        Item(4, b"").expect(2)


@pytest.mark.parametrize(
    ("content", "dotted"),
    [("2a8648ce3d0201", "1.2.840.10045.2.1"), ("550403", "2.5.4.3"), ("883703", "2.999.3"), ("00", "0.0")],
)
def test_object_identifiers_have_their_dotted_form(content, dotted):
    """The first byte holds two arcs; the second arc may be large under 2."""
    assert oid(bytes.fromhex(content)) == dotted


@pytest.mark.parametrize("content", ["", "2a86", "80"])
def test_object_identifiers_end(content):
    """Nothing, or a last byte that announces another, is none."""
    with pytest.raises(BadDer):
        oid(bytes.fromhex(content))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    """Never another exception, never more content than there are bytes."""
    try:
        found = list(items(data))
    except BadDer:
        return
    assert sum(len(item.content) for item in found) <= len(data)
