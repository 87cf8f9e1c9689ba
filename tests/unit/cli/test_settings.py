"""How defaults, file, environment and flags add up, and what stops the start."""

from pathlib import Path

import pytest

from ocppsec.cli.assemble import configuration_of
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.settings import KEYS, load
from ocppsec.upgrades.plan import Deadlines


@pytest.fixture
def toml(tmp_path):
    """Write a configuration file and give its path."""

    def write(text: str):
        path = tmp_path / "ocppsec.toml"
        path.write_text(text)
        return path

    return write


def test_without_anything_the_defaults_hold():
    """First start needs no configuration: three doors on this machine alone, the API on loopback."""
    settings = load(None, {}, {}).settings
    doors = [(door.port, door.profiles) for door in settings.open_doors()]
    assert doors == [(9000, (0, 1)), (9443, (2,)), (9444, (3,))]
    assert (settings.csms.host, settings.api.host, settings.api.port) == ("127.0.0.1", "127.0.0.1", 8080)
    assert (settings.csms.hostname, settings.csms.organization) == ("localhost", "ocppsec")


def test_later_wins_and_says_so(toml):
    """File beats default, environment beats file, flag beats all; each value knows its origin."""
    path = toml('[csms]\nhostname = "file"\norganization = "file"\nws_port = 1\n')
    environ = {"OCPPSEC_CSMS__ORGANIZATION": "environment", "OCPPSEC_CSMS__WS_PORT": "2"}
    loaded = load(path, environ, {"csms.ws_port": 3, "csms.wss_port": None})
    csms = loaded.settings.csms
    assert (csms.hostname, csms.organization, csms.ws_port, csms.wss_port) == ("file", "environment", 3, 9443)
    assert loaded.origins["csms.hostname"] == str(path)
    assert loaded.origins["csms.organization"] == "OCPPSEC_CSMS__ORGANIZATION"
    assert loaded.origins["csms.ws_port"] == "--ws-port"
    assert loaded.origins["csms.wss_port"] == "default"
    assert set(loaded.origins) == set(KEYS)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        pytest.param('[csms]\norganisation = "x"', "csms.organization", id="key"),
        pytest.param("[csm]\nws_port = 1", "csms", id="section"),
        pytest.param('[ca]\npasphrase = "x"', "ca.passphrase", id="secret"),
        pytest.param('[[doors]]\nname = "a"\nport = 1\nprofile = [3]', "profiles", id="door"),
        pytest.param('hostname = "x"', None, id="key-without-section"),
    ],
)
def test_a_misspelt_key_in_the_file_stops_the_start(toml, text, nearest):
    """An unknown key is an error that names the nearest known one (LESSONS 14)."""
    with pytest.raises(Failure) as caught:
        load(toml(text), {}, {})
    assert caught.value.code == ExitCode.USAGE
    assert "unknown setting" in caught.value.what
    if nearest:
        assert repr(nearest) in caught.value.next


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("OCPPSEC_CSMS__HOSTNAM", "OCPPSEC_CSMS__HOSTNAME"),
        ("OCPPSEC_HOSTNAME", "OCPPSEC_CSMS__HOSTNAME"),
        ("OCPPSEC_CA__PASSPHRASE_FIL", "OCPPSEC_CA__PASSPHRASE_FILE"),
        ("OCPPSEC_CSMS__HOSTNAME_FILE", "OCPPSEC_CSMS__HOSTNAME"),
    ],
)
def test_a_misspelt_variable_stops_the_start(name, nearest):
    """An unknown variable with our prefix is an error that names the nearest known one."""
    with pytest.raises(Failure) as caught:
        load(None, {name: "x"}, {})
    assert repr(nearest) in caught.value.next


def test_other_variables_are_not_ours():
    """`OCPPSEC_STATE` and what other programs use disturb nothing."""
    load(None, {"OCPPSEC_STATE": "/s", "PATH": "/bin", "OCPP": "1"}, {})


def test_a_secret_comes_from_a_file(tmp_path):
    """`…_FILE` names the file that holds the secret; its last newline is not part of it."""
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    loaded = load(None, {"OCPPSEC_CA__PASSPHRASE_FILE": str(file)}, {})
    assert loaded.settings.ca.passphrase is not None
    assert loaded.settings.ca.passphrase.get_secret_value() == "correct horse"
    assert "correct" not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("station_days = 0", "live 60 seconds at least", id="no life"),
        pytest.param("station_days = 0.0006", "time to ask for the next one", id="seconds"),
        pytest.param("station_days = -1", "live 60 seconds at least", id="less than none"),
        pytest.param("station_days = 399", "less than or equal to 398", id="too long"),
        pytest.param('key_family = "rsa-1024"', "rsa-2048", id="weak key"),
        pytest.param(
            'pkcs11_module = "/m.so"',
            "cannot be used: pkcs11_module and pkcs11_pin (",
            id="module without PIN",
        ),
        pytest.param('pkcs11_pin = "1234"', "go together", id="PIN without module"),
        pytest.param('pkcs11_token = "t"', "needs pkcs11_module", id="token alone"),
    ],
)
def test_what_the_ca_cannot_do_is_refused_with_a_reason(toml, text, words):
    """Before anything is made."""
    with pytest.raises(Failure) as caught:
        load(toml(f"[ca]\n{text}"), {}, {})
    assert words in caught.value.tell()
    assert "1234" not in caught.value.tell()


def test_a_laboratory_has_certificates_of_minutes(toml):
    """So that renewals can be watched."""
    assert load(toml("[ca]\nstation_days = 0.0014"), {}, {}).settings.ca.station_days == 0.0014


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        pytest.param('[api]\ntoken = "hunter2"', {}, id="token-too-short"),
        pytest.param("[ca]\npassphrase = 12345677", {}, id="passphrase-no-text"),
        pytest.param("", {"OCPPSEC_API__TOKEN": "hunter2"}, id="variable"),
    ],
)
def test_a_refused_secret_is_not_repeated(toml, text, environ):
    """The error names the key and its origin, not the value."""
    with pytest.raises(Failure) as caught:
        load(toml(text), environ, {})
    told = caught.value.tell()
    assert "hunter2" not in told
    assert "12345677" not in told
    assert "api.token" in told or "ca.passphrase" in told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[csms]\nws_port = 65536", id="port-too-high"),
        pytest.param('[csms]\nws_port = "x"', id="port-no-number"),
        pytest.param('[csms]\nhostname = ""', id="no-hostname"),
        pytest.param('[csms]\nhostname = "a b"', id="a-hostname-with-a-space"),
        pytest.param('[csms]\nhostname = "csms.example/ocpp"', id="a-hostname-with-a-path"),
        pytest.param('[log]\nlevel = "loud"', id="no-such-level"),
        pytest.param("csms = 1", id="section-no-table"),
        pytest.param("doors = 1", id="doors-no-list"),
        pytest.param('[[doors]]\nname = "a"\nport = 1\nprofiles = [4]', id="no-such-profile"),
        pytest.param('[[doors]]\nname = "a"\nport = 1\nprofiles = []', id="door-for-nobody"),
        pytest.param('[[doors]]\nname = "a b"\nport = 1\nprofiles = [1]', id="name-with-blank"),
        pytest.param("[csms", id="no-toml"),
        pytest.param(
            '[[doors]]\nname="a"\nport=1\nprofiles=[1]\n[[doors]]\nname="a"\nport=2\nprofiles=[2]',
            id="same-name",
        ),
        pytest.param(
            '[[doors]]\nname="a"\nport=1\nprofiles=[1]\n[[doors]]\nname="b"\nport=1\nprofiles=[2]',
            id="same-port",
        ),
    ],
)
def test_a_value_that_cannot_be_stops_the_start(toml, text):
    """Each is a usage error in words, not a traceback."""
    with pytest.raises(Failure) as caught:
        load(toml(text), {}, {})
    assert caught.value.code == ExitCode.USAGE


def test_one_combined_door(toml):
    """Doors listed in the file replace the three defaults."""
    settings = load(toml('[[doors]]\nname = "combined"\nport = 9000\nprofiles = [1, 2, 3]'), {}, {}).settings
    assert [(door.name, door.profiles) for door in settings.open_doors()] == [("combined", (1, 2, 3))]


def test_doors_by_variable():
    """`OCPPSEC_DOORS` is JSON."""
    settings = load(None, {"OCPPSEC_DOORS": '[{"name": "a", "port": 0, "profiles": [2]}]'}, {}).settings
    assert settings.open_doors()[0].profiles == (2,)


def test_doors_and_port_flags_exclude_each_other(toml):
    """With [[doors]] a port flag would do nothing; that is said instead of ignored."""
    with pytest.raises(Failure, match="both"):
        load(toml('[[doors]]\nname = "a"\nport = 1\nprofiles = [1]'), {}, {"csms.wss_port": 9})


def test_a_file_that_is_not_there_is_said(tmp_path):
    """Configuration named and missing stops the start."""
    with pytest.raises(Failure, match="cannot be read"):
        load(tmp_path / "nothing.toml", {}, {})


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"OCPPSEC_CSMS__SERVER_CERTIFICATE": "c.pem"}, id="certificate without key"),
        pytest.param({"OCPPSEC_CSMS__SERVER_KEY": "k.pem"}, id="key without certificate"),
        pytest.param({"OCPPSEC_CSMS__SERVER_ROOT": "r.pem"}, id="root of nothing"),
        pytest.param({"OCPPSEC_CA__PUBLIC_URL": "https://pki.example"}, id="revocation over TLS"),
        pytest.param({"OCPPSEC_CA__PUBLIC_URL": "pki.example"}, id="no URL"),
        pytest.param({"OCPPSEC_CA__STATION_DAYS": "0"}, id="no life at all"),
        pytest.param({"OCPPSEC_CA__STATION_DAYS": "399"}, id="too long a life"),
    ],
)
def test_settings_of_certificates_that_do_not_fit(variables):
    """What would serve or point to something wrong stops the start."""
    with pytest.raises(Failure) as refused:
        load(None, variables, {})
    assert refused.value.code == ExitCode.USAGE


def test_deadlines_of_an_upgrade(toml):
    """Every deadline the upgrade has can be set, as people say durations or in seconds; the defaults are its own."""
    loaded = load(toml('[upgrade]\nboot = "2m"\nstep = 7.5\n'), {"OCPPSEC_UPGRADE__CSR": "90"}, {})
    deadlines = configuration_of(loaded.settings, Path("state")).upgrade_deadlines
    assert deadlines == Deadlines(boot=120, step=7.5, csr=90)
    with pytest.raises(Failure, match=r"upgrade\.csr .* duration such as 90s"):
        load(None, {"OCPPSEC_UPGRADE__CSR": "soon"}, {})
    with pytest.raises(Failure, match=r"upgrade\.csr"):
        load(None, {"OCPPSEC_UPGRADE__CSR": "0"}, {})


def test_how_renewals_are_looked_after(toml):
    """How often, how many at once and how long a station may take to come back can be set."""
    loaded = load(toml('[renewal]\ncheck = "5s"\n'), {"OCPPSEC_RENEWAL__AT_ONCE": "7"}, {})
    renewal = configuration_of(loaded.settings, Path("state")).renewal
    assert (renewal.check_seconds, renewal.most_at_once, renewal.terms.reconnect) == (5, 7, 120)
    with pytest.raises(Failure, match=r"renewal\.at_once"):
        load(None, {"OCPPSEC_RENEWAL__AT_ONCE": "0"}, {})


def test_how_long_silence_may_last(toml):
    """Until a station is asked whether it lives, and until it counts as gone."""
    loaded = load(toml('[csms]\nping = "1m"\n'), {"OCPPSEC_CSMS__PONG": "9"}, {})
    configuration = configuration_of(loaded.settings, Path("state"))
    assert (configuration.ping_seconds, configuration.pong_seconds) == (60, 9)
    with pytest.raises(Failure, match=r"csms\.ping"):
        load(None, {"OCPPSEC_CSMS__PING": "0"}, {})
