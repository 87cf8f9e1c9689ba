"""What lies in the directory of a hierarchy, told without opening a key."""

from datetime import timedelta

import pytest
from cryptography import x509

from ocppsec.certificates.authority_directory import AuthorityDirectory
from ocppsec.certificates.custody import Custody, keep_elsewhere
from ocppsec.certificates.inventory import MISSING, ends_soon, inventory


@pytest.fixture
def ca(tmp_path, now):
    directory = tmp_path / "ca"
    directory.mkdir(mode=0o700)
    made = AuthorityDirectory(
        directory, custody=Custody(passphrase=b"correct horse"), now=now, serials=x509.random_serial_number
    )
    made.load_or_create("Example CSO")
    return directory


def test_each_key_is_said_where_it_is(ca):
    """In a file, elsewhere, in a token, or nowhere."""
    assert [one.key for one in inventory(ca)] == [
        f"{ca}/{name}.key, encrypted" for name in ("root", "stations", "servers")
    ]
    keep_elsewhere(ca / "root.key")
    (ca / "stations.key").write_text("pkcs11:token=hsm;object=ca;type=private")
    (ca / "servers.key").unlink()
    assert [one.key for one in inventory(ca)] == [
        "on another machine",
        "the key 'ca' in the token 'hsm'",
        MISSING,
    ]
    (ca / "stations.key").chmod(0o644)
    assert "chmod 600" in [one.key for one in inventory(ca)][1]


def test_a_certificate_that_cannot_be_read_is_said_so(ca):
    """Missing and damaged are two things."""
    (ca / "root.pem").write_text("rubbish")
    (ca / "servers.pem").unlink()
    root, stations, servers = inventory(ca)
    assert (root.certificate, root.damage) == (None, "not a PEM block at character 1")
    assert stations.certificate is not None
    assert (servers.certificate, servers.damage) == (None, "")


def test_a_ca_ends_soon_in_the_last_sixth_of_its_life(hierarchy):
    """A year before an issuing CA's end, more than three before a root's: stations need time."""
    for authority, years in ((hierarchy.stations, 1), (hierarchy.root, 3.3)):
        end = authority.certificate.not_valid_after_utc
        assert ends_soon(authority.certificate, end - timedelta(days=365 * years))
        assert not ends_soon(authority.certificate, end - timedelta(days=366 * (years + 0.1)))
        assert ends_soon(authority.certificate, end + timedelta(days=1))
