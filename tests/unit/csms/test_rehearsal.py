"""New server certificates are met before any station meets them."""

from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import issue_server_certificate
from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.rehearsal import rehearse
from ocppsec.csms.tls import BadMaterial, Chain

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=300)


@pytest.fixture(scope="module")
def hierarchy():
    return create_hierarchy(organization="CSO", now=LONG_AGO)


@pytest.fixture
def make(tmp_path, hierarchy):
    def make(family=KeyFamily.EC_P256, *, hostname="csms.example", now=NOW, leaf_only=False, key=None):
        own = new_key(family)
        issued = issue_server_certificate(
            own.public_key(),
            hierarchy.servers,
            hostname=hostname,
            organization="CSO",
            now=now,
            serial=2**150 + 5,
        )
        chain = write_chain((issued.certificate,)) if leaf_only else issued.chain_pem
        files = tmp_path / f"{family}.pem", tmp_path / f"{family}.key"
        files[0].write_text(chain)
        files[1].write_bytes(key_pem(key or own))
        return Chain(certificate=files[0], key=files[1])

    return make


@pytest.fixture
def root(hierarchy):
    return write_chain((hierarchy.root.certificate,))


def test_good_of_both_families(make, root):
    """What stations would accept is good until the first of them ends."""
    chains = [make(), make(KeyFamily.RSA_2048, now=NOW - timedelta(days=10))]
    ends = rehearse(chains, hostname="csms.example", root_pem=root)
    assert ends == (NOW + timedelta(days=80)).replace(microsecond=0)


def test_an_address_is_a_name(make, root):
    """A CSMS that is dialled by its address is met by its address."""
    rehearse([make(hostname="192.0.2.7")], hostname="192.0.2.7", root_pem=root)


@pytest.mark.parametrize(
    ("made", "hostname", "why"),
    [
        pytest.param({}, "other.example", "mismatch", id="another name"),
        pytest.param({}, "192.0.2.7", "mismatch", id="an address"),
        pytest.param({"now": NOW - timedelta(days=100)}, "csms.example", "expired", id="over"),
        pytest.param({"now": NOW + timedelta(days=1)}, "csms.example", "not yet valid", id="not begun"),
        pytest.param({"leaf_only": True}, "csms.example", "issuer", id="without its intermediate"),
        pytest.param(
            {"key": new_key(KeyFamily.EC_P256)}, "csms.example", "KEY_VALUES_MISMATCH", id="another key"
        ),
    ],
)
def test_what_a_station_would_refuse(make, root, made, hostname, why):
    """Each is refused before it is used, and says which file and why."""
    with pytest.raises(BadMaterial, match=why) as refused:
        rehearse([make(**made)], hostname=hostname, root_pem=root)
    assert "ec-p256.pem" in str(refused.value)


def test_one_of_two_is_bad(make, root):
    """A station may speak only one family: both have to be good."""
    with pytest.raises(BadMaterial, match="rsa"):
        rehearse(
            [make(), make(KeyFamily.RSA_2048, hostname="other.example")],
            hostname="csms.example",
            root_pem=root,
        )


def test_a_root_nobody_has(make):
    """A chain to another root is refused: stations trust ours."""
    other = create_hierarchy(organization="CSO", now=NOW)
    with pytest.raises(BadMaterial):
        rehearse([make()], hostname="csms.example", root_pem=write_chain((other.root.certificate,)))


@pytest.mark.parametrize(
    "content", ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_broken_file(make, root, content):
    """Half a file is not served."""
    chain = make()
    chain.certificate.write_text(content)
    with pytest.raises(BadMaterial):
        rehearse([chain], hostname="csms.example", root_pem=root)


def test_a_broken_root(make):
    """A root that cannot be read is told, not skipped."""
    with pytest.raises(BadMaterial):
        rehearse([make()], hostname="csms.example", root_pem="junk")


def test_no_file_at_all(make, root, tmp_path):
    """A file that went away is told by its name."""
    chain = Chain(certificate=tmp_path / "gone.pem", key=make().key)
    with pytest.raises(BadMaterial, match=r"gone\.pem"):
        rehearse([chain], hostname="csms.example", root_pem=root)


def test_nothing(root):
    """Without a certificate there is nothing to serve."""
    with pytest.raises(BadMaterial):
        rehearse([], hostname="csms.example", root_pem=root)
