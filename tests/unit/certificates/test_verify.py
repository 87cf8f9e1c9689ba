"""The station's judgement: its own new certificate (A02.FR.06) and a new root (M05.FR.07)."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA224
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import Authority, issue_station_certificate
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.lint import Kind, key_usage
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.verify import Failure, VerificationFailed, verify_chain, verify_root


@pytest.fixture(scope="module")
def key():
    return new_key(KeyFamily.EC_P256)


@pytest.fixture(scope="module")
def other_key():
    return new_key(KeyFamily.EC_P256)


@pytest.fixture
def verify(hierarchy, key, now):
    def verify(chain, **changed):
        known = {
            "roots": [hierarchy.root.certificate],
            "public_key": key.public_key(),
            "now": now,
            "common_name": "CP-0001",
            "organization": "Example CSO",
        }
        return verify_chain(chain if isinstance(chain, str) else write_chain(chain), **(known | changed))

    return verify


@pytest.fixture
def leaf(make_certificate, hierarchy, key):
    def leaf(**changed):
        return make_certificate(
            Kind.STATION, **({"key": key.public_key(), "issuer": hierarchy.stations} | changed)
        )

    return leaf


def why(call, *args, **kwargs) -> Failure:
    with pytest.raises(VerificationFailed) as failed:
        call(*args, **kwargs)
    assert failed.value.text
    return failed.value.reason


@pytest.mark.parametrize("family", list(KeyFamily))
def test_what_our_ca_issues_is_accepted(key_of, hierarchy, approve, now, verify, family):
    """Every kind of key, with the chain as CertificateSigned carries it."""
    key = key_of(family)
    issued = issue_station_certificate(approve(key), hierarchy.stations, now=now, serial=1 << 150)
    verified = verify(issued.chain_pem, public_key=key.public_key())
    assert verified.leaf == issued.certificate
    assert verified.root == hierarchy.root.certificate
    assert verified.chain == (issued.certificate, hierarchy.stations.certificate)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="as we make it"),
        pytest.param({"purpose": None}, id="no extended key usage (A00.FR.514)"),
        pytest.param({"usage": None}, id="no key usage"),
        pytest.param({"constraints": None}, id="no basic constraints"),
        pytest.param({"authority_key": None, "subject_key": None}, id="no key identifiers"),
        pytest.param(
            {"purpose": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)},
            id="any purpose",
        ),
    ],
)
def test_leaves_of_other_cas_are_accepted_where_the_standard_allows_them(leaf, hierarchy, verify, change):
    """A station meets other CSMSs than ours."""
    assert verify((leaf(**change), hierarchy.stations.certificate))


def test_a_root_that_was_sent_along_is_not_presented(leaf, hierarchy, verify):
    """The root is not needed in the chain, and not refused."""
    chain = (leaf(), hierarchy.stations.certificate, hierarchy.root.certificate)
    assert verify(chain).chain == chain[:2]


CHANGES = [
    pytest.param({"not_before": timedelta(minutes=1)}, Failure.NOT_YET_VALID, id="begins in a minute"),
    pytest.param({"not_after": timedelta(seconds=-1)}, Failure.EXPIRED, id="ended a second ago"),
    pytest.param({"constraints": (x509.BasicConstraints(True, None), True)}, Failure.IS_CA, id="CA"),
    pytest.param(
        {"purpose": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)},
        Failure.WRONG_PURPOSE,
        id="serverAuth only",
    ),
    pytest.param(
        {"usage": (key_usage(Kind.ROOT, rsa_key=False), True)}, Failure.WRONG_PURPOSE, id="cannot sign in TLS"
    ),
    pytest.param(
        {"odd": (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\0"), True)},
        Failure.UNKNOWN_CRITICAL_EXTENSION,
        id="critical and unknown",
    ),
    pytest.param(
        {"subject": ((NameOID.ORGANIZATION_NAME, "Example CSO"), (NameOID.COMMON_NAME, "CP-0002"))},
        Failure.WRONG_COMMON_NAME,
        id="CN of another",
    ),
    pytest.param(
        {
            "subject": (
                (NameOID.ORGANIZATION_NAME, "Example CSO"),
                (NameOID.COMMON_NAME, "CP-0001"),
                (NameOID.COMMON_NAME, "CP-0002"),
            )
        },
        Failure.WRONG_COMMON_NAME,
        id="two CN",
    ),
    pytest.param(
        {"subject": ((NameOID.ORGANIZATION_NAME, "Other"), (NameOID.COMMON_NAME, "CP-0001"))},
        Failure.WRONG_ORGANIZATION,
        id="O of another",
    ),
    pytest.param({"hash_algorithm": SHA224()}, Failure.WEAK, id="SHA-224"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_leaf_is_refused_for_what_is_wrong_with_it(leaf, hierarchy, verify, now, change, reason):
    """A02.FR.06: validity, properties (5xx), who it is for."""
    change = {name: now + value if isinstance(value, timedelta) else value for name, value in change.items()}
    if change.get("not_after", now) < now:
        change["not_before"] = now - timedelta(days=2)
    assert why(verify, (leaf(**change), hierarchy.stations.certificate)) is reason


def test_a_certificate_for_another_key_is_refused(leaf, hierarchy, verify, other_key):
    """Whoever holds that key, it is not this station."""
    assert (
        why(verify, (leaf(key=other_key.public_key()), hierarchy.stations.certificate)) is Failure.WRONG_KEY
    )


def test_a_weak_key_is_refused(leaf, hierarchy, verify):
    """A00.FR.503: at least 224 bits."""
    weak = ec.generate_private_key(ec.SECP192R1()).public_key()
    chain = (leaf(key=weak), hierarchy.stations.certificate)
    assert why(verify, chain, public_key=weak) is Failure.WEAK


def test_a_leaf_needs_its_issuer_and_an_installed_root(leaf, hierarchy, verify, now):
    """Without the intermediate, with another root, with none, with the chain upside down: refused."""
    mine, issuer = leaf(), hierarchy.stations.certificate
    stranger = create_hierarchy(organization="Example CSO", now=now)
    assert why(verify, (mine,)) is Failure.NO_TRUSTED_ROOT
    assert why(verify, (mine, issuer), roots=[]) is Failure.NO_TRUSTED_ROOT
    assert why(verify, (mine, issuer), roots=[stranger.root.certificate]) is Failure.NO_TRUSTED_ROOT
    assert why(verify, (issuer, mine)) is Failure.WRONG_KEY
    assert (
        why(verify, (mine, stranger.stations.certificate), roots=[stranger.root.certificate])
        is Failure.WRONG_SIGNATURE
    )


def test_a_root_of_the_same_name_with_another_key_does_not_do(
    make_certificate, leaf, hierarchy, verify, other_key
):
    """The signature decides, not the name; and of two roots with one name the right one is found."""
    root = hierarchy.root.certificate
    subject = tuple((attribute.oid, attribute.value) for attribute in root.subject)
    twin = make_certificate(
        Kind.ROOT, key=other_key.public_key(), issuer=None, signer=other_key, subject=subject
    )
    chain = (leaf(), hierarchy.stations.certificate)
    assert why(verify, chain, roots=[twin]) is Failure.NO_TRUSTED_ROOT
    assert verify(chain, roots=[twin, root]).root == root


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        pytest.param(Kind.STATION_ISSUER, {"constraints": (x509.BasicConstraints(False, None), True)}, Failure.NOT_CA, id="no CA"),
        pytest.param(Kind.STATION_ISSUER, {"constraints": None}, Failure.NOT_CA, id="does not say it is one"),
        pytest.param(Kind.STATION_ISSUER, {"usage": (key_usage(Kind.STATION, rsa_key=False), True)}, Failure.NOT_CA, id="may not sign certificates"),
        pytest.param(Kind.SERVER_ISSUER, {}, Failure.WRONG_PURPOSE, id="for servers only"),
    ],
)  # fmt: skip
def test_an_intermediate_has_to_be_a_ca_for_clients(
    make_certificate, hierarchy, leaf, verify, other_key, kind, change, reason
):
    """A leaf cannot issue leaves, and the server-issuing CA no stations."""
    certificate = make_certificate(kind, key=other_key.public_key(), issuer=hierarchy.root, **change)
    issuer = Authority(certificate=certificate, key=other_key)
    assert why(verify, (leaf(issuer=issuer), certificate)) is reason


def test_an_expired_intermediate_is_refused(make_certificate, hierarchy, leaf, verify, now, other_key):
    """The leaf's own validity does not save it."""
    certificate = make_certificate(
        Kind.STATION_ISSUER,
        key=other_key.public_key(),
        issuer=hierarchy.root,
        not_before=now - timedelta(days=2),
        not_after=now - timedelta(days=1),
    )
    issuer = Authority(certificate=certificate, key=other_key)
    assert why(verify, (leaf(issuer=issuer), certificate)) is Failure.EXPIRED


def test_a_path_length_is_kept(make_certificate, hierarchy, leaf, verify, other_key):
    """Our issuing CA has path length 0: a CA below it is refused."""
    below = make_certificate(Kind.STATION_ISSUER, key=other_key.public_key(), issuer=hierarchy.stations)
    chain = (leaf(issuer=Authority(certificate=below, key=other_key)), below, hierarchy.stations.certificate)
    assert why(verify, chain) is Failure.PATH_TOO_LONG


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", Failure.UNREADABLE, id="nothing"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Failure.UNREADABLE, id="no DER"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(verify, text, reason):
    """In words, not with an exception of a library."""
    assert why(verify, text) is reason


def test_a_chain_of_six_is_too_long(leaf, hierarchy, verify):
    """The work for a hostile chain is bounded."""
    assert why(verify, (leaf(), *[hierarchy.stations.certificate] * 5)) is Failure.TOO_LONG


def test_our_root_may_be_installed(hierarchy, now):
    """The certificate of an InstallCertificate, as read."""
    assert verify_root(write_chain((hierarchy.root.certificate,)), now) == hierarchy.root.certificate


def test_only_one_valid_self_signed_ca_may_be_installed(hierarchy, leaf, make_certificate, now, other_key):
    """M05.FR.07; LESSONS, stations in the field 5: never a leaf or an intermediate."""
    root = hierarchy.root.certificate

    def own(**changed):
        public = other_key.public_key()
        return make_certificate(Kind.ROOT, key=public, issuer=None, signer=other_key, **changed)

    def refusal(*certificates, at=now):
        return why(verify_root, write_chain(certificates), at)

    assert refusal(root, root) is Failure.UNREADABLE
    assert refusal(leaf()) is Failure.NOT_SELF_SIGNED
    assert refusal(hierarchy.stations.certificate) is Failure.NOT_SELF_SIGNED
    assert refusal(root, at=now + timedelta(days=8000)) is Failure.EXPIRED
    assert refusal(root, at=now - timedelta(days=2)) is Failure.NOT_YET_VALID
    assert refusal(own(constraints=(x509.BasicConstraints(False, None), True))) is Failure.NOT_CA
    assert refusal(own(hash_algorithm=SHA224())) is Failure.WEAK
    forged = make_certificate(
        Kind.ROOT, key=new_key(KeyFamily.EC_P256).public_key(), issuer=None, signer=other_key
    )
    assert refusal(forged) is Failure.WRONG_SIGNATURE


def test_a_root_signed_over_sha_1_is_refused(vectors, now):
    """A00.FR.504, 506; self-signed roots are no exception."""
    assert why(verify_root, (vectors / "root-sha1.pem").read_text(), now + timedelta(days=1)) is Failure.WEAK


def test_the_clock_is_named_when_time_is_the_cause(hierarchy, leaf, verify, now):
    """LESSONS, stations in the field 10: a wrong clock is the usual cause, so it is quoted."""
    with pytest.raises(VerificationFailed, match="the clock here says 1970-01-01 00:00Z"):
        verify((leaf(), hierarchy.stations.certificate), now=now.replace(year=1970, month=1, day=1, hour=0))
