"""What is presented is read as bytes and described without secrets."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsec.certificates.facts import ClientCertificate
from ocppsec.profiles.presented import (
    BasicCredentials,
    MalformedCredentials,
    Nothing,
    PlainBasicAuth,
    PlainNothing,
    TlsBasicAuth,
    TlsClientCertificate,
    TlsNothing,
    parse_authorization,
    presented_over_plain,
    presented_over_tls,
)

PASSWORD = "Kx8-p@ssw0rd.2024+abc"


def basic(data):
    return "Basic " + base64.b64encode(data).decode()


def certificate(**changed):
    facts = {
        "fingerprint": "ab" * 32,
        "serial_number": "1F",
        "common_names": ("SN1",),
        "organizations": ("CSO",),
        "not_before": datetime(2026, 1, 1, tzinfo=UTC),
        "not_after": datetime(2027, 1, 1, tzinfo=UTC),
        "is_ca": False,
        "extended_key_usage": None,
    }
    return ClientCertificate(**{**facts, **changed})


@pytest.mark.parametrize(
    ("headers", "credentials"),
    [
        pytest.param([], Nothing(), id="no header"),
        pytest.param(
            ["Basic Q1MwMDE6S3g4LXBAc3N3MHJkLjIwMjQrYWJj"],
            BasicCredentials(b"CS001", PASSWORD.encode()),
            id="the 2.0.1 vector",
        ),
        pytest.param(
            ["bAsIc Q1MwMDE6S3g4LXBAc3N3MHJkLjIwMjQrYWJj"],
            BasicCredentials(b"CS001", PASSWORD.encode()),
            id="the scheme in any case",
        ),
        pytest.param(
            ["  Basic   " + base64.b64encode(b"CS001:x").decode() + " "],
            BasicCredentials(b"CS001", b"x"),
            id="blanks around",
        ),
        pytest.param(
            [basic(b"CS001:a:b:c")], BasicCredentials(b"CS001", b"a:b:c"), id="colons in the password"
        ),
        pytest.param([basic(b"CS001::")], BasicCredentials(b"CS001", b":"), id="a colon as password"),
        pytest.param([basic(b"CS001:")], BasicCredentials(b"CS001", b""), id="no password"),
        pytest.param([basic(b"other:pw")], BasicCredentials(b"other", b"pw"), id="another user"),
        pytest.param([basic(b"CS0011:pw")], BasicCredentials(b"CS0011", b"pw"), id="a longer user"),
        pytest.param([basic(b":pw")], BasicCredentials(b"", b"pw"), id="no user"),
        pytest.param(
            [basic(b"CS001:\xff\x00\xfe")], BasicCredentials(b"CS001", b"\xff\x00\xfe"), id="any bytes"
        ),
    ],
)
def test_credentials(headers, credentials):
    """One Basic header is split behind the identity; the password is kept byte for byte."""
    assert parse_authorization(headers, "CS001") == credentials


def test_vector_of_1_6():
    """The example of OCPP-J 1.6: a key of bytes that are no text."""
    header = "Basic QUwxMDAwOgABAgMEBQYH////////////////"

    found = parse_authorization([header], "AL1000")

    assert found == BasicCredentials(b"AL1000", bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"))


def test_the_identity_is_known():
    """The password begins behind the identity, not at the first colon that happens to be there."""
    assert parse_authorization([basic(b"a:b:pw")], "a:b") == BasicCredentials(b"a:b", b"pw")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([basic(b"CS001:x"), basic(b"CS001:x")], id="two headers"),
        pytest.param(["Bearer abc"], id="another scheme"),
        pytest.param([basic(b"CS001:x").replace("Basic", "Bearer")], id="another scheme with our content"),
        pytest.param([""], id="empty"),
        pytest.param(["Basic"], id="no token"),
        pytest.param(["Basic !!!!"], id="not base64"),
        pytest.param(["Basic QUJD QUJD"], id="a blank inside"),
        pytest.param(["Basic Q1MwMDE6"[:-1]], id="padding missing"),
        pytest.param(["Basic é"], id="not ASCII"),
        pytest.param([basic(b"CS001")], id="no colon"),
        pytest.param(
            ["Basic " + base64.urlsafe_b64encode(b"CS001:\xff\xff\xff").decode()], id="URL alphabet"
        ),
    ],
)
def test_malformed(headers):
    """Anything else is malformed, and the reason does not quote it."""
    found = parse_authorization(headers, "CS001")

    assert isinstance(found, MalformedCredentials)
    assert "CS001" not in found.reason


@given(st.lists(st.text(), max_size=2), st.text())
def test_whatever_is_sent(headers, identity):
    """No header makes it fail."""
    identity = identity.encode("utf-8", "ignore").decode()
    assert isinstance(
        parse_authorization(headers, identity), Nothing | BasicCredentials | MalformedCredentials
    )


def test_situations():
    """Each situation has its own type; a certificate outweighs a Basic header."""
    credentials = BasicCredentials(b"CP", b"pw")
    assert presented_over_plain(Nothing()) == PlainNothing()
    assert presented_over_plain(credentials) == PlainBasicAuth(credentials)
    assert presented_over_tls(None, Nothing()) == TlsNothing()
    assert presented_over_tls(None, credentials) == TlsBasicAuth(credentials)
    assert presented_over_tls(certificate(), credentials) == TlsClientCertificate(certificate())


@pytest.mark.parametrize("situation", [PlainBasicAuth, TlsBasicAuth])
@pytest.mark.parametrize(
    ("user", "shown"),
    [
        pytest.param(b"CP001", "CP001", id="a name"),
        pytest.param(PASSWORD.encode(), f"{len(PASSWORD)} bytes", id="a password where the name belongs"),
        pytest.param(b"x" * 15, "x" * 15, id="shorter than any password"),
        pytest.param(b"x" * 16, "16 bytes", id="as long as a password"),
        pytest.param(b"a\x1b[31m", "6 bytes", id="control characters"),
    ],
)
def test_description_of_credentials(situation, user, shown):
    """A description tells the user name where that cannot be a password, and never the password."""
    presented = situation(BasicCredentials(user, b"the-secret-of-CP"))

    assert shown in presented.describe()
    assert PASSWORD not in presented.describe()
    assert "the-secret" not in presented.describe() + repr(presented)


def test_description_of_a_certificate():
    """A description names what is compared, escaped and cut."""
    described = TlsClientCertificate(
        certificate(common_names=("a\n" + "b" * 500,), organizations=())
    ).describe()

    assert "\n" not in described
    assert len(described) < 300
    assert "no O," in described
    assert "2027-01-01" in described


def test_description_names_holder_and_owner():
    """A description tells serial number and organization, or that there is none."""
    described = TlsClientCertificate(certificate()).describe()

    assert "CN 'SN1', O 'CSO', serial number 1F" in described
    assert "no CN, O 'CSO'" in TlsClientCertificate(certificate(common_names=())).describe()


def test_other_descriptions():
    """Every situation describes itself by channel and proof."""
    assert "no TLS" in PlainNothing().describe()
    assert TlsNothing().describe().startswith("wss, no client certificate")
    assert "cannot be read" in TlsBasicAuth(MalformedCredentials("no colon")).describe()
