import ssl
import warnings

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ocppsec.station.tls import SUITES, client_context, objection_to_server, security_event_of


@pytest.fixture
def certificate_for(world):
    def make(common_name):
        return world.root.certify(world.new_key(), common_name=common_name)

    return make


@pytest.mark.parametrize(
    ("common_name", "host", "wildcards", "fits"),
    [
        pytest.param("csms.example.com", "csms.example.com", False, True, id="the same"),
        pytest.param("CSMS.example.COM", "csms.Example.com", False, True, id="names have no case"),
        pytest.param("csms.example.com", "csms.example.com.", False, True, id="a final dot"),
        pytest.param("other.example.com", "csms.example.com", False, False, id="another host"),
        pytest.param("example.com", "csms.example.com", False, False, id="the domain alone"),
        pytest.param("csms.example.com", "example.com", False, False, id="the host below"),
        pytest.param("*.example.com", "csms.example.com", False, False, id="TC_A_05_CS a wildcard"),
        pytest.param("*.example.com", "csms.example.com", True, True, id="a wildcard, switched on"),
        pytest.param("*.example.com", "a.csms.example.com", True, False, id="a wildcard is one label"),
        pytest.param("*.example.com", "example.com", True, False, id="a wildcard is a label"),
        pytest.param("*.com", "example.com", True, False, id="a wildcard for a whole domain of domains"),
        pytest.param("c*.example.com", "csms.example.com", True, False, id="half a wildcard"),
        pytest.param("*", "csms", True, False, id="a wildcard for everything"),
    ],
)
def test_the_common_name_is_the_host(certificate_for, common_name, host, wildcards, fits):
    """A00.FR.309, 412 and E201 2.62."""
    objection = objection_to_server(certificate_for(common_name), host, wildcards=wildcards)
    assert (objection is None) == fits


def test_nothing_older_than_tls_12(world):
    """A00.FR.313, 416; and none of the suites ENISA or the standard forbid, no compression."""
    context = client_context((world.root.pem,))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    suites = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] == "TLSv1.2"}
    assert suites == set(SUITES.split(":"))


def test_only_the_installed_roots_are_trusted(world):
    """Spec 2.6: no public CA bundle; without a root nobody."""
    context = client_context((world.root.pem,))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert list(context.get_ca_certs(binary_form=True)) == [world.root.certificate.public_bytes(Encoding.DER)]
    assert client_context(()).get_ca_certs() == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_a_station_that_is_wrong_on_purpose_has_a_context_of_its_own(world, version):
    """One version and no other; the right stations' context is not touched by it."""
    right = client_context((world.root.pem,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        wrong = client_context((world.root.pem,), version=version)
        assert (wrong.minimum_version, wrong.maximum_version) == (version, version)
    assert wrong is not right
    assert client_context((world.root.pem,)) is right
    assert right.maximum_version == ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_stations_with_the_same_roots_share_a_context(world):
    """Thousands of profile-2 stations in one process cost one context; other roots, another one."""
    one = client_context((world.root.pem,))
    assert client_context((world.root.pem,)) is one
    assert client_context((world.new_root("Other").pem,)) is not one
    assert client_context((world.root.pem,), wildcards=True) is not one


def test_a_certificate_is_never_shared(world):
    """Its context is made for it, and the key file it needed is gone."""
    key = world.new_key()
    chain = world.pem(world.root.certify(key))
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    contexts = {client_context((world.root.pem,), certificate=(chain, key_pem)) for _ in range(2)}
    assert len(contexts) == 2
    assert client_context((world.root.pem,)) not in contexts


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        pytest.param("UNSUPPORTED_PROTOCOL", "InvalidTLSVersion", id="an old server"),
        pytest.param("TLSV1_ALERT_PROTOCOL_VERSION", "InvalidTLSVersion", id="an old server that says so"),
        pytest.param("WRONG_CIPHER_RETURNED", "InvalidTLSCipherSuite", id="a suite nobody offered"),
        pytest.param(
            "the server's certificate: certificate has expired",
            "InvalidCsmsCertificate",
            id="an expired certificate",
        ),
        pytest.param(
            "TLSV1_ALERT_UNKNOWN_CA", "FailedToAuthenticateAtCsms", id="the CSMS does not know our CA"
        ),
        pytest.param("SSLV3_ALERT_BAD_CERTIFICATE", "FailedToAuthenticateAtCsms", id="the CSMS refused ours"),
        pytest.param("no answer within 30 s", None, id="silence is no security event"),
        pytest.param("UNEXPECTED_EOF_WHILE_READING", None, id="nor is a broken line"),
    ],
)
def test_what_a_failed_handshake_is_reported_as(reason, event):
    """A00.FR.310, 316, 323 and appendix 1."""
    assert security_event_of(reason) == event
