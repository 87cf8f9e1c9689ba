import base64

import pytest

from ocppsec.station.dialling import Dial
from ocppsec.station.remembered import InstalledRoot, OwnCertificate

OLD, NEW = OwnCertificate("old chain", "old"), OwnCertificate("new chain", "new")


def attempt(world, number=1, *, url=None, identity="CS001", **changes):
    values = {
        "config": world.config(identity=identity),
        "kept": world.kept,
        "connection": world.profile(number, url),
        "recovering": False,
        "wildcards": False,
    }
    return Dial(**values | changes)


@pytest.mark.parametrize(
    ("url", "identity", "expected"),
    [
        pytest.param("ws://h:9000/ocpp", "CS001", "ws://h:9000/ocpp/CS001", id="plain"),
        pytest.param("ws://h:9000/ocpp/", "CS001", "ws://h:9000/ocpp/CS001", id="one slash"),
        pytest.param("ws://h:9000", "CS001", "ws://h:9000/CS001", id="no path"),
        pytest.param("ws://h/ocpp", "CS 1", "ws://h/ocpp/CS%201", id="a blank"),
        pytest.param("ws://h/ocpp", "a|b", "ws://h/ocpp/a%7Cb", id="a bar"),
        pytest.param("ws://h/ocpp", "a/b", "ws://h/ocpp/a%2Fb", id="a slash"),
    ],
)
def test_the_identity_is_the_last_segment(world, url, identity, expected):
    """Part 4, 3.1.1: percent-encoded behind the endpoint."""
    assert attempt(world, url=url, identity=identity).url == expected


@pytest.mark.parametrize("number", [1, 2])
def test_the_password_goes_with_every_request(world, number):
    """A00.FR.203, 302: RFC 2617, over the identity as it is and the password's UTF-8."""
    world = world.but(password="Kx8-p@ssw0rd.2024+abc")
    headers = attempt(world, number, identity="CS001").headers
    assert headers == {"Authorization": "Basic Q1MwMDE6S3g4LXBAc3N3MHJkLjIwMjQrYWJj"}


def test_a_colon_in_a_password_stays_there(world):
    """The first colon ends the identity."""
    header = attempt(world.but(password="a:b:c")).headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"CS001:a:b:c"


@pytest.mark.parametrize("number", [0, 3])
def test_other_profiles_send_no_password(world, number):
    """A certificate needs none, and profile 0 has none."""
    assert attempt(world, number).headers == {}


def test_without_a_password_there_is_no_header(world):
    """An empty one would be a wrong one."""
    assert attempt(world.but(password=None)).headers == {}


def test_only_profile_three_presents_a_certificate(world):
    """The newest; the one that worked before when nothing else connects (A02.FR.28)."""
    world = world.but(certificates=(OLD, NEW))
    assert attempt(world, 2).own_certificate is None
    assert attempt(world, 3).own_certificate == NEW
    assert attempt(world, 3, recovering=True).own_certificate == OLD


def test_only_csms_roots_are_trusted(world):
    """Spec 2.6: no other root opens the connection; the fallback root only where it is asked for."""
    roots = (
        InstalledRoot("ManufacturerRootCertificate", "other"),
        InstalledRoot("CSMSRootCertificate", "csms"),
    )
    world = world.but(roots=roots, fallback_root="replaced")
    assert attempt(world, 2).roots == ("csms",)
    assert attempt(world, 2, fallback_root=True).roots == ("replaced",)
