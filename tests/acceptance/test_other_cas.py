"""`ocppsec up` with the CA of somebody else, as a user sets it up: the real cfssl and a station of another stack."""

import sys
from pathlib import Path

import pytest
from rig.crew import Crew
from rig.fixtures import raised
from rig.server import Up

sys.path.insert(0, str(Path(__file__).parents[1] / "pair" / "cas"))

from real_cfssl import AUTH_KEY, Cfssl

SETTINGS = """
[issuer]
kind = "cfssl"
url = "{url}"
ca = "{ca}"
profile = "stations"
"""


@pytest.fixture
def cfssl(tmp_path):
    directory = tmp_path / "cfssl"
    directory.mkdir()
    with Cfssl(directory) as server:
        yield server


def new_server(tmp_path, cfssl, **changed):
    (tmp_path / "ocppsec.toml").write_text(
        SETTINGS.format(**{"url": cfssl.url, "ca": cfssl.trust_file} | changed)
    )
    (tmp_path / "secret").write_text(AUTH_KEY + "\n")
    variables = {"OCPPSEC_ISSUER__SECRET_FILE": str(tmp_path / "secret")}
    return Up(tmp_path / "state", "--config", tmp_path / "ocppsec.toml", variables=variables)


def test_a_foreign_station_gets_its_certificate_from_the_real_cfssl(tmp_path, cfssl):
    """From profile 1 to 3, killed and started again in between; the secret is nowhere but in its file."""
    server, crew = new_server(tmp_path, cfssl).start(), Crew(tmp_path / "flash")
    try:
        station = raised(server, crew, "ec")
        (certificate,) = server.get(f"/stations/{station.identity}/certificates")["certificates"]
        listed = server.command("ca", "orders")
        assert f"signed by the cfssl at {cfssl.url}." in listed.out
        assert certificate["fingerprint"] in listed.out
        server.kill()
        server.start()
        assert server.command("ca", "orders", "--json").json["orders"][0]["state"] == "issued"
        assert server.command("ca", "orders", "--open-ends").out.endswith("No open end.\n")
        written = "".join(server.lines) + listed.out
    finally:
        crew.close()
        server.stop()
    assert AUTH_KEY not in written
    assert AUTH_KEY.encode() not in (server.state / "ocppsec.db").read_bytes()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ca": "/nowhere.pem"}, "/nowhere.pem cannot be read: No such file or directory"),
        ({"url": "http://ca.example"}, "plain http://, which is only for a CA on this machine"),
    ],
)
def test_a_ca_that_cannot_be_used_stops_the_start(tmp_path, cfssl, changed, words):
    """With what is wrong, where to look, and no traceback."""
    server = new_server(tmp_path, cfssl, **changed)
    with pytest.raises(AssertionError, match="did not get ready"):
        server.start()
    said = "".join(server.lines)
    assert words in said
    assert "ocppsec config show --origin" in said
    assert "Traceback" not in said
