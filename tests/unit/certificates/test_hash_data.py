"""CertificateHashData, byte for byte (spec 5.3)."""

import re
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.hash_data import hash_data, same
from ocppsec.certificates.pem import read_certificate

NAME_256 = "6b90c7fb3a4d4c3eca9c57dc93e2289cf071c3366c369611650127326704ad23"
KEY_256 = "795b20906e38a99c18fa14887569befbda5bf6e9f2510052378371deb5ad08b9"
NAME_384 = "f9169954a2f66aca075bbdc640aa6cfa9eead343daeac49d3695250b9c4782b21b9ace9a965488b6d78772cff141a9ec"
KEY_384 = "0c03504023d2afc98030342b1809b25239fc023edb12a0575742003cc18dc8bf7f4db09c8ddbdb882f58b88be323f478"


@pytest.fixture
def root(vectors):
    return read_certificate((vectors / "root-serial-fff.pem").read_text())


@pytest.mark.parametrize(
    ("algorithm", "name", "key"), [("SHA256", NAME_256, KEY_256), ("SHA384", NAME_384, KEY_384)]
)
def test_the_vector_of_the_standard_is_met(root, algorithm, name, key):
    """Name with tag and length, key without, serial number 4095 as FFF."""
    data = hash_data(root, root, algorithm)
    assert (data.issuer_name_hash, data.issuer_key_hash, data.serial_number) == (name, key, "FFF")
    assert data.hash_algorithm == algorithm


def test_openssl_names_a_certificate_alike(hierarchy, tmp_path):
    """The same three values in an OCSP request made by OpenSSL, for a certificate that is no root."""
    issuer, certificate = hierarchy.root.certificate, hierarchy.stations.certificate
    (tmp_path / "issuer").write_bytes(issuer.public_bytes(Encoding.PEM))
    (tmp_path / "certificate").write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "ocsp", "-sha256", "-issuer", "issuer", "-cert", "certificate", "-req_text"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(Issuer Name Hash|Issuer Key Hash|Serial Number): (\w+)", text))
    data = hash_data(certificate, issuer, "SHA256")
    assert found["Issuer Name Hash"].lower() == data.issuer_name_hash
    assert found["Issuer Key Hash"].lower() == data.issuer_key_hash
    assert found["Serial Number"].lstrip("0") == data.serial_number


def test_a_name_is_hashed_as_it_is_encoded(vectors, hierarchy):
    """A name in T61String, with several parts in one set, is not encoded anew."""
    odd = read_certificate((vectors / "root-odd-name.pem").read_text())
    data = hash_data(odd, odd, "SHA256")
    assert data.issuer_name_hash == (vectors / "root-odd-name.sha256").read_text().strip()


def test_only_the_issuer_gives_a_name(hierarchy):
    """The wrong issuer is our mistake, found here and not on the station."""
    with pytest.raises(ValueError, match="did not issue"):
        hash_data(hierarchy.stations.certificate, hierarchy.servers.certificate, "SHA256")


def test_names_are_compared_tolerantly(root):
    """Case and leading zeros differ from station to station; nothing else may."""
    data = hash_data(root, root, "SHA256")
    assert same(data, replace(data, issuer_name_hash=NAME_256.upper(), issuer_key_hash=KEY_256.upper()))
    assert same(data, replace(data, serial_number="000fff"))
    assert not same(data, replace(data, serial_number="FFF0"))
    assert not same(data, replace(data, issuer_name_hash=KEY_256))
    assert not same(data, replace(data, issuer_key_hash=NAME_256))
    assert not same(data, replace(data, hash_algorithm="SHA512"))
