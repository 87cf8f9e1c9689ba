"""PEM from the field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsec.certificates.pem import BadPem, read_certificate, read_certificates, write_chain


@pytest.fixture
def chain(hierarchy):
    return (hierarchy.stations.certificate, hierarchy.root.certificate)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text, id="as written"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="escaped"),
        pytest.param(lambda text: text.replace("\n", "\\r\\n"), id="escaped CRLF"),
        pytest.param(lambda text: text + "\0", id="trailing NUL"),
        pytest.param(lambda text: text.strip(), id="no last line end"),
        pytest.param(lambda text: "\n\n" + text.replace("-----\n-----", "-----\n\n-----"), id="empty lines"),
        pytest.param(lambda text: text.encode(), id="bytes"),
    ],
)
def test_sloppy_pem_is_read(chain, change):
    """LESSONS, stations in the field 9."""
    assert read_certificates(change(write_chain(chain))) == chain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda _: "", "empty", id="empty"),
        pytest.param(lambda text: "# root\n" + text, "character 1", id="text before"),
        pytest.param(lambda text: text + "x", "not a PEM block", id="text behind"),
        pytest.param(
            lambda text: text.replace("-----\n-----", "-----\nx\n-----"), "not a PEM block", id="text between"
        ),
        pytest.param(
            lambda text: text.replace(" CERTIFICATE", " PRIVATE KEY"), "PRIVATE KEY", id="another label"
        ),
        pytest.param(lambda text: text.replace("END CERT", "END  CERT"), "not a PEM block", id="no end"),
        pytest.param(lambda text: text.replace("M", "=", 1), "base64", id="base64"),
        pytest.param(
            lambda text: text.replace("MII", "AII", 1), "certificate 1 cannot be read", id="no certificate"
        ),
        pytest.param(lambda text: text * 20, "at most 10000", id="too large"),
        pytest.param(lambda text: text.encode() + b"\xff", "not ASCII", id="not ASCII"),
    ],
)
def test_other_text_is_refused_in_words(chain, change, words):
    """The reason says what and where."""
    with pytest.raises(BadPem, match=words):
        read_certificates(change(write_chain(chain)))


def test_one_certificate_means_one(chain):
    """Where one is expected the second is not silently dropped."""
    assert read_certificate(write_chain(chain[:1])) == chain[0]
    with pytest.raises(BadPem, match="2 certificates"):
        read_certificate(write_chain(chain))


@given(st.text(alphabet="-BEGIN CERTIFICATE\n\r\0\\nA=") | st.text())
def test_any_text_is_read_or_refused(text):
    """Never another exception than `BadPem`."""
    with pytest.raises(BadPem):
        read_certificates(text)
