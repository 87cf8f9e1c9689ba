"""``ocppsec onboarding``: what is read from files, and the manufacturers of the settings."""

from datetime import timedelta

import pytest

from ocppsec.certificates.foreign_status import StatusPolicy
from ocppsec.certificates.pem import write_chain
from ocppsec.cli.doctor import about_allowances
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.manufacturers import manufacturers_of
from ocppsec.cli.onboarding import Line, duration, read_lines
from ocppsec.cli.settings import ManufacturerSection, load
from ocppsec.station.testing import TestAuthority


def test_lines(tmp_path):
    """Identity and serial number, a password where there is one; comments and blank lines are none."""
    file = tmp_path / "new.csv"
    file.write_text("# new\nCP1,SN1\n\nCP2, SN2 ,a-password-for-once\nCP3,,\n")
    assert read_lines(file) == [
        Line("CP1", "SN1"),
        Line("CP2", "SN2", "a-password-for-once"),
        Line("CP3", None),
    ]
    assert "a-password-for-once" not in repr(read_lines(file))


@pytest.mark.parametrize("text", ["CP1\n", ",SN1\n", "CP1,a,b,c\n", "CP1,SN1\nCP1,SN2\n"])
def test_lines_that_are_none(tmp_path, text):
    """The number of the line is told, and nothing that may be a password."""
    file = tmp_path / "new.csv"
    file.write_text(text.replace("b", "secret-secret-secret"))
    with pytest.raises(Failure, match="line") as refused:
        read_lines(file)
    assert refused.value.code is ExitCode.USAGE
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    """Said by its name."""
    with pytest.raises(Failure, match="cannot be read"):
        read_lines(tmp_path / "none.csv")


def test_durations():
    """As people write them."""
    assert duration("2h") == 7200
    with pytest.raises(Failure, match="--for"):
        duration("soon")


def test_the_doctor_tells_of_expired_certificates_that_are_let_in():
    """LESSONS 15: a check that somebody has switched off shows; the one that ends first is named."""
    given = [
        {"identity": "CP1", "until": "2026-11-22T16:00:00Z"},
        {"identity": "CP2", "until": "2026-11-22T14:00:00Z"},
    ]
    assert about_allowances([]).said == "none is let in"
    found = about_allowances(given)
    assert found.said == "that of CP2 is let in until 2026-11-22 14:00 UTC and 1 more"
    assert found.next == "ocppsec station allow-expired CP2"


# -- manufacturers ------------------------------------------------------------------------------------------
MAKER = TestAuthority.create("Maker")


@pytest.fixture
def ca(tmp_path):
    file = tmp_path / "maker.pem"
    file.write_text(write_chain([MAKER._hierarchy.stations.certificate]))
    return file


def test_a_manufacturer(tmp_path, ca):
    """From the file to what the doors take."""
    config = tmp_path / "c.toml"
    config.write_text(
        f'[[manufacturers]]\nname = "maker"\nca = "{ca}"\norganizations = ["Maker"]\n'
        'status = "when-reachable"\ncrl = "http://maker.example/crl"\ngrace = "2h"\n'
    )

    (made,) = manufacturers_of(load(config, {}, {}).settings.manufacturers)

    assert made.certificates == (MAKER._hierarchy.stations.certificate,)
    assert (made.name, made.organizations) == ("maker", frozenset({"Maker"}))
    assert (made.rule.policy, made.rule.crl) == (StatusPolicy.WHEN_REACHABLE, "http://maker.example/crl")
    assert made.rule.grace == timedelta(hours=2)


def test_what_is_not_said_is_strict(ca):
    """Status has to be known; any O will do."""
    (made,) = manufacturers_of([ManufacturerSection(name="maker", ca=str(ca))])
    assert (made.rule.policy, made.rule.grace, made.organizations) == (
        StatusPolicy.REQUIRED,
        timedelta(0),
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        '[[manufacturers]]\nname = "m"\nca = "x"\n[[manufacturers]]\nname = "m"\nca = "y"',
        '[[manufacturers]]\nname = "m"',
        '[[manufacturers]]\nname = "m"\nca = "x"\nstatus = "maybe"',
        '[[manufacturers]]\nname = "m"\nca = "x"\ncrl = "ldap://x"',
        '[[manufacturers]]\nname = "m"\nca = "x"\nstatsu = "off"',
        "manufacturers = 1",
    ],
    ids=["twice", "no CA", "no such status", "no such scheme", "misspelt", "no list"],
)
def test_settings_that_cannot_be(tmp_path, text):
    """They stop the start."""
    config = tmp_path / "c.toml"
    config.write_text(text)
    with pytest.raises(Failure) as refused:
        load(config, {}, {})
    assert refused.value.code is ExitCode.USAGE


def test_a_file_that_is_no_ca(tmp_path, ca):
    """A leaf, nonsense and nothing are refused by name, before a station meets them."""
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(MAKER.station_certificate("SN1").chain_pem)
    (tmp_path / "text.pem").write_text("hello")
    for name, words in [("leaf.pem", "not the certificate of a CA"), ("text.pem", "PEM"), ("no.pem", "read")]:
        with pytest.raises(Failure, match=words):
            manufacturers_of([ManufacturerSection(name="maker", ca=str(tmp_path / name))])


def test_one_ca_of_two_manufacturers(ca):
    """Whose certificate it is could not be told."""
    sections = [ManufacturerSection(name=name, ca=str(ca)) for name in ("one", "other")]
    with pytest.raises(Failure, match="also one of"):
        manufacturers_of(sections)
