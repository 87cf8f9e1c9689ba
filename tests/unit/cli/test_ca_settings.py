"""The settings of CAs of others: what they come to, and what stops the start."""

import pytest

from ocppsec.cli.assemble import configuration_of
from ocppsec.cli.failure import Failure
from ocppsec.cli.settings import load
from ocppsec.issuers.choice import CaKind

ISSUER = '[issuer]\nkind = "vault"\nurl = "https://vault.example"\nca = "ca.pem"\nprofile = "stations"\n'
ACME = '[acme]\ndirectory = "https://ca.example/dir"\nroot = "root.pem"\nagree_to_terms = true\n'


def loaded(tmp_path, text, environ=None):
    (tmp_path / "ocppsec.toml").write_text(text)
    return load(tmp_path / "ocppsec.toml", environ or {}, {})


def test_our_own_ca_signs_by_default(tmp_path):
    configuration = configuration_of(loaded(tmp_path, "").settings, tmp_path)
    assert (configuration.issuer, configuration.acme) == (None, None)


def test_another_ca_with_its_secret_from_a_file(tmp_path):
    (tmp_path / "secret").write_text("hvs.token\n")
    environ = {"OCPPSEC_ISSUER__SECRET_FILE": str(tmp_path / "secret")}
    configuration = configuration_of(loaded(tmp_path, ISSUER, environ).settings, tmp_path)
    issuer = configuration.issuer
    assert (issuer.kind, issuer.secret, issuer.mount) == (CaKind.VAULT, "hvs.token", "pki")
    assert "hvs.token" not in repr(configuration)


def test_a_public_ca_for_the_csms(tmp_path):
    acme = configuration_of(loaded(tmp_path, ACME).settings, tmp_path).acme
    assert (acme.directory, acme.http_port, acme.agreed) == ("https://ca.example/dir", 80, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[issuer]\nkind = "est"\n', "needs url and ca"),
        ('[issuer]\nurl = "https://ca.example"\n', "set kind, too"),
        (ISSUER + 'certificate = "c.pem"\n', "go together"),
        ('[issuer]\nkind = "scep"\n', "issuer.kind"),
        (ISSUER.replace("stations", "../admin"), "issuer.profile"),
        (ISSUER + "seconds = 0\n", "issuer.seconds"),
        (ACME.replace('root = "root.pem"\n', ""), "needs root"),
        (ACME.replace("true", "false"), "agree_to_terms"),
        (ACME.replace("https:", "http:"), "acme.directory"),
        (ACME + '[csms]\nserver_certificate = "a"\nserver_key = "b"\n', "one of them has to go"),
    ],
)
def test_what_does_not_fit_stops_the_start(tmp_path, text, words):
    with pytest.raises(Failure, match=words):
        loaded(tmp_path, text)
