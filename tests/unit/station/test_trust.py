from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ocppsec.certificates.hash_data import hash_data
from ocppsec.certificates.pem import read_certificates
from ocppsec.ocppj.messages import CertificateHashData, HashAlgorithm
from ocppsec.station.remembered import InstalledRoot, OwnCertificate
from ocppsec.station.trust import (
    csms_roots,
    delete,
    has_valid_csms_root,
    install,
    installed_ids,
    without_fallback,
)

CSMS, MANUFACTURER = "CSMSRootCertificate", "ManufacturerRootCertificate"


def installing(world, pem, use=CSMS):
    return install(world.kept, use, pem, now=world.now, traits=world.traits)


def naming(certificate, issuer=None, algorithm="SHA256"):
    name = hash_data(certificate, issuer or certificate, algorithm)
    return CertificateHashData(
        hash_algorithm=HashAlgorithm(name.hash_algorithm),
        issuer_name_hash=name.issuer_name_hash,
        issuer_key_hash=name.issuer_key_hash,
        serial_number=name.serial_number,
    )


def test_a_root_is_installed(world):
    """M05.FR.01: kept under its use."""
    installed = installing(world, world.root.pem)
    assert (installed.status, installed.kept.roots) == ("Accepted", (InstalledRoot(CSMS, world.root.pem),))
    assert has_valid_csms_root(installed.kept, world.now)


def test_a_root_for_another_use_is_no_csms_root(world):
    """The uses are separate stores."""
    installed = installing(world, world.root.pem, MANUFACTURER)
    assert installed.status == "Accepted"
    assert csms_roots(installed.kept) == ()


def test_the_same_root_again_replaces_itself(world):
    """M05.FR.17; also when its PEM arrives with other line ends."""
    installed = installing(world.with_root(), world.root.pem.replace("\n", "\r\n"))
    assert (installed.status, len(installed.kept.roots)) == ("Accepted", 1)


def test_several_roots_of_one_use_are_allowed(world):
    """Without the additional check a root rollover needs both."""
    installed = installing(world.with_root(), world.new_root("Another").pem)
    assert (installed.status, len(installed.kept.roots)) == ("Accepted", 2)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("expired", id="TC_M_07 expired"),
        pytest.param("future", id="not yet valid"),
        pytest.param("leaf", id="a leaf"),
        pytest.param("two", id="two certificates"),
        pytest.param("junk", id="no PEM"),
    ],
)
def test_what_is_no_root_is_rejected(world, kind):
    """M05.FR.07: with a reason, and nothing installed."""
    day = timedelta(days=1)
    text = {
        "expired": lambda: world.new_root(end=world.now - day / 2).pem,
        "future": lambda: world.new_root(begin=world.now + day / 2).pem,
        "leaf": lambda: world.pem(world.root.certify(world.new_key())),
        "two": lambda: world.root.pem * 2,
        "junk": lambda: "-----BEGIN NOTHING-----",
    }[kind]()
    installed = installing(world, text)
    assert (installed.status, installed.kept) == ("Rejected", world.kept)
    assert installed.objection.reason_code == "InvalidCertificate"


def test_a_full_store_takes_no_more(world):
    """M05.FR.06."""
    installed = installing(world.having(max_roots=1).with_root(), world.new_root("More").pem)
    assert (installed.status, installed.objection.reason_code) == ("Rejected", "OutOfStorage")


# -- AdditionalRootCertificateCheck -----------------------------------------------------------------------


def cross_signed(world):
    """A new root as its predecessor signs it."""
    return world.root.certify(world.new_key(), common_name="New Root", ca=True)


def checked(world):
    return world.having(additional_root_check=True)


def test_with_the_additional_check_the_first_root_is_just_installed(world):
    """There is nobody yet to sign it."""
    assert installing(checked(world), world.root.pem).status == "Accepted"


def test_with_the_additional_check_a_new_root_replaces_the_old(world):
    """M05.FR.09, 10, 12: one CSMS root, the old one stays as fallback until the new one has worked."""
    new = cross_signed(world)
    installed = installing(checked(world).with_root(), world.pem(new))
    assert installed.status == "Accepted"
    assert csms_roots(installed.kept) == (new,)
    assert installed.kept.fallback_root == world.root.pem
    assert csms_roots(installed.kept, with_fallback=True) == (new, world.root.certificate)
    assert without_fallback(installed.kept).fallback_root is None  # M05.FR.13


def test_the_roots_for_other_uses_stay(world):
    """M05.FR.10 is about the CSMS root alone."""
    other = InstalledRoot(MANUFACTURER, world.root.pem)
    world = checked(world).with_root()
    world = world.but(roots=(other, *world.kept.roots))
    assert other in installing(world, world.pem(cross_signed(world))).kept.roots


def test_with_the_additional_check_a_stranger_is_rejected(world):
    """M05.FR.11: not signed by the old root, though a root like any other."""
    installed = installing(checked(world).with_root(), world.new_root("Stranger").pem)
    assert (installed.status, installed.objection.reason_code) == ("Rejected", "InvalidCertificate")
    assert installed.kept.fallback_root is None


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"ca": False}, id="no CA"),
        pytest.param({"end": "past"}, id="ended"),
    ],
)
def test_with_the_additional_check_a_bad_successor_is_rejected(world, wrong):
    """Signed by the old root is not enough."""
    values = {"ca": True, "common_name": "New"} | wrong
    if "end" in values:
        values["end"] = world.now - timedelta(hours=1)
    new = world.root.certify(world.new_key(), **values)
    assert installing(checked(world).with_root(), world.pem(new)).status == "Rejected"


def test_with_the_additional_check_the_same_root_again_changes_nothing(world):
    """M05.FR.17: it does not become its own fallback."""
    world = checked(world).with_root()
    installed = installing(world, world.root.pem)
    assert (installed.status, installed.kept) == ("Accepted", world.kept)


# -- naming and deleting ----------------------------------------------------------------------------------


def test_installed_roots_are_named(world):
    """M03.FR.01, 03: hash data of each root of the uses asked for."""
    world = world.with_root()
    (entry,) = installed_ids(world.kept, None)
    assert entry.certificate_type == CSMS
    assert entry.certificate_hash_data == naming(world.root.certificate)
    assert installed_ids(world.kept, (CSMS,)) == (entry,)
    assert installed_ids(world.kept, (MANUFACTURER,)) == ()


def test_a_root_signed_by_its_predecessor_is_named_by_that_key(world):
    """Also when the predecessor is gone: the issuer's key is part of the name."""
    new = cross_signed(world)
    kept = without_fallback(installing(checked(world).with_root(), world.pem(new)).kept)
    (entry,) = installed_ids(kept, None)
    assert entry.certificate_hash_data == naming(new, world.root.certificate)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_a_root_is_deleted_by_its_name(world, algorithm):
    """M04.FR.01, 02: in any of the algorithms, and however the hex is written."""
    wanted = naming(world.root.certificate, algorithm=algorithm)
    wanted = replace_hex(wanted)
    status, kept = delete(world.with_root().kept, wanted)
    assert (status, kept.roots) == ("Accepted", ())


def replace_hex(name):
    return CertificateHashData(
        hash_algorithm=HashAlgorithm(name.hash_algorithm),
        issuer_name_hash=name.issuer_name_hash.upper(),
        issuer_key_hash=name.issuer_key_hash.upper(),
        serial_number="00" + name.serial_number.lower(),
    )


def test_an_unknown_certificate_is_not_found(world):
    """M04.FR.04."""
    stranger = naming(world.new_root("Stranger").certificate)
    kept = world.with_certificate().kept
    assert delete(kept, stranger) == ("NotFound", kept)


def test_the_last_csms_root_of_a_tls_station_stays(world):
    """M04.FR.03: deleting it would cut the station off; one of two may go."""
    world = world.on(2).with_root()
    wanted = naming(world.root.certificate)
    assert delete(world.kept, wanted) == ("Failed", world.kept)
    two = world.but(roots=(*world.kept.roots, InstalledRoot(CSMS, world.new_root("Second").pem)))
    assert delete(two.kept, wanted)[0] == "Accepted"


def test_other_roots_of_a_tls_station_may_go(world):
    """Only the CSMS root keeps it connected."""
    world = world.on(2).but(roots=(InstalledRoot(MANUFACTURER, world.root.pem),))
    assert delete(world.kept, naming(world.root.certificate))[0] == "Accepted"


def test_the_own_certificate_cannot_be_deleted(world):
    """M04.FR.06, TC_M_23: found, and refused; under a root as well as under an intermediate."""
    world = world.with_certificate()
    (own,) = world.kept.certificates
    leaf = read_certificates(own.chain_pem)[0]
    assert delete(world.kept, naming(leaf, world.root.certificate)) == ("Failed", world.kept)


def test_the_own_certificate_under_an_intermediate_cannot_be_deleted(world):
    """Its issuer is in its chain, not among the roots."""
    key = ec.generate_private_key(ec.SECP256R1())
    middle = replace(world.root, certificate=world.root.certify(key, common_name="Middle", ca=True), key=key)
    leaf = middle.certify(world.new_key())
    chain = world.pem(leaf) + middle.pem
    kept = world.with_root().but(certificates=(OwnCertificate(chain, "k"),)).kept
    assert delete(kept, naming(leaf, middle.certificate))[0] == "Failed"
