"""What `sim fleet`, `sim run` and `station import` make of their options, and what they print."""

import json

import httpx2
import pytest

from ocppsec.cli.client import Api
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.fleet import Wanted, in_words, make_room_for, members_of
from ocppsec.cli.importing import members_in, register
from ocppsec.cli.sim import csms_url, factory_certificate, show_manners, traits_of
from ocppsec.cli.state import ApiAddress
from ocppsec.station import happenings as told
from ocppsec.station.ledger import Ledger
from ocppsec.station.manners import MANNERS


def wanted(**changes):
    values = {
        "url": "ws://h/ocpp",
        "count": None,
        "prefix": "CS",
        "passwords": None,
        "password_pattern": None,
        "certificates": None,
        "profile": None,
        "roots": [],
        "organization": "",
        "edition": "errata",
        "manners": [],
        "ramp": 100.0,
        "storm": None,
        "duration": None,
        "pace": 1.0,
        "state": None,
        "as_json": False,
        "report": None,
    }
    return Wanted(**values | changes)


@pytest.fixture
def file(tmp_path):
    """Two stations."""
    path = tmp_path / "stations.csv"
    path.write_text("A,password-of-a\nB,password-of-b,SN-B\n")
    return path


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"count": 2}, ["CS00000", "CS00001"], id="by number"),
        pytest.param({"count": 1, "prefix": "X-"}, ["X-00000"], id="with a prefix"),
    ],
)
def test_a_fleet_of_a_pattern(changes, expected):
    """--count and --prefix."""
    assert [member.identity for member in members_of(wanted(**changes))] == expected


def test_without_a_number_there_are_a_hundred():
    """Enough to see something."""
    assert len(members_of(wanted())) == 100


def test_a_fleet_of_a_file(file):
    """All in it, or the first so many."""
    assert [member.identity for member in members_of(wanted(passwords=file))] == ["A", "B"]
    assert [member.identity for member in members_of(wanted(passwords=file, count=1))] == ["A"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"count": 3}, "has 2 stations, not 3", id="more than the file has"),
        pytest.param({"password_pattern": "x"}, "exclude each other", id="file and pattern"),
        pytest.param({"manners": ["flod=1%"]}, "no manner is called flod", id="unknown manner"),
        pytest.param({"manners": ["flood=120%"]}, "a share is", id="no share"),
        pytest.param({"manners": ["flood", "replay"]}, "more than the fleet", id="too many shares"),
    ],
)
def test_options_that_do_not_fit_are_usage(file, changes, words):
    """Exit code 2, and no station was started."""
    with pytest.raises(Failure, match=words) as failure:
        members_of(wanted(passwords=file, **changes))
    assert failure.value.code == ExitCode.USAGE


@pytest.mark.parametrize("url", ["nope", "http://csms.example/ocpp", "ws:///ocpp"])
def test_a_url_that_is_none_is_usage(url):
    """Before anything is dialled."""
    with pytest.raises(Failure, match="is no ws:// or wss:// URL") as failure:
        csms_url(url)
    assert failure.value.code == ExitCode.USAGE
    assert csms_url("wss://csms.example/ocpp/") == "wss://csms.example/ocpp"


def test_a_missing_file_is_usage(tmp_path):
    """Of stations, or of a certificate."""
    with pytest.raises(Failure, match="cannot be read") as failure:
        members_of(wanted(passwords=tmp_path / "none"))
    assert failure.value.code == ExitCode.USAGE
    with pytest.raises(Failure, match="cannot be read"):
        members_of(wanted(count=1, certificates=tmp_path))


def test_each_station_of_profile_3_has_its_file(tmp_path):
    """DIR/IDENTITY.pem."""
    pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\ny\n"
    (tmp_path / "CS00000.pem").write_text(pem)
    (member,) = members_of(wanted(count=1, certificates=tmp_path))
    assert member.certificate.chain_pem == "-----BEGIN CERTIFICATE-----\ny\n"
    assert member.certificate.key_pem.startswith(b"-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-----BEGIN CERTIFICATE-----\nsecret\n", id="no key"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nsecret\n", id="no certificate"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_file_without_key_or_certificate_is_told_apart(tmp_path, text):
    """Without a word of what is in it."""
    (tmp_path / "s.pem").write_text(text)
    with pytest.raises(Failure, match="private key with its certificate chain") as failure:
        factory_certificate(tmp_path / "s.pem")
    assert "secret" not in failure.value.tell()


def test_an_unknown_edition_is_usage():
    """And the known ones are named."""
    with pytest.raises(Failure, match="3 or errata") as failure:
        traits_of("", "2")
    assert failure.value.code == ExitCode.USAGE
    assert traits_of("CSO", "3").organization == "CSO"


def test_more_connections_than_the_system_allows_are_refused():
    """Before the first is made, with the limit and what to do."""
    with pytest.raises(Failure, match="more than this process may open"):
        make_room_for(100_000_000)


def test_the_report_in_words():
    """Who got in, why not, how fast, and what a storm did; nothing of a CSMS reaches the terminal as it is."""
    ledger = Ledger(["right", "flood"])
    for number in (0, 1):
        for second, happening in enumerate(
            (
                told.Dialling(slot=1, profile=1, url=""),
                told.Connected(slot=1, profile=1),
                told.Booted(status="Accepted", profile=1, reason="PowerUp", interval=1),
                told.Confirmed(slot=1, profile=1),
            )
        ):
            ledger.note(number, happening, second)
    ledger.storm(5)
    ledger.note(1, told.Refused(slot=1, profile=1, status=403, body="403 \x1b[31mno"), 6)
    assert list(in_words(ledger.report(9))) == [
        "right: 1 station, 1 connected and 1 let in at the end, 1 let in at some time",
        "flood: 1 station, 1 connected and 1 let in at the end, 1 let in at some time",
        "  1 x 403 \N{REPLACEMENT CHARACTER}[31mno",
        "from dialling to connected: p50 1000 ms, p99 1000 ms, longest 1000 ms (2 times)",
        "from dialling to let in: p50 2000 ms, p99 2000 ms, longest 2000 ms (2 times)",
        "storm at 5 s: 2 cut off, 0 back, p50 0.0 s, p99 0.0 s, longest 0.0 s",
    ]


def test_manners_are_listed_with_their_sentences(capsys):
    """Each once, in three groups."""
    show_manners(as_json=False)
    printed = capsys.readouterr().out
    for name, manner in MANNERS.items():
        assert printed.count(f"\n{name} ") == 1
        assert manner.says in printed


# -- station import -----------------------------------------------------------------------------------------
def api(tmp_path, answer):
    """Our API, as far as it registers."""
    transport = httpx2.MockTransport(answer)
    return Api(tmp_path, ApiAddress(url="http://api", token="t", pid=1), transport=transport)


def test_stations_that_are_there_already_stay(tmp_path, file):
    """The others are registered; the file can be imported again."""
    seen = []

    def answer(request):
        seen.append(request.read())
        if b'"A"' in seen[-1]:
            return httpx2.Response(
                409, json={"type": "urn:ocppsec:problem:already-registered", "detail": "x"}
            )
        return httpx2.Response(201, json={})

    assert register(api(tmp_path, answer), members_in(file), 1) == ["A"]
    assert b"password-of-b" in seen[1]
    assert b"SN-B" in seen[1]


def test_labels_for_a_whole_file(tmp_path, file):
    """What campaigns choose by is given to each that is registered; without any, none."""
    seen = []

    def answer(request):
        seen.append(json.loads(request.read())["labels"])
        return httpx2.Response(201, json={})

    register(api(tmp_path, answer), members_in(file), 1, {"site": "de-munich"})
    register(api(tmp_path, answer), members_in(file), 1)

    assert seen == [{"site": "de-munich"}] * 2 + [{}] * 2


def test_any_other_refusal_ends_the_import(tmp_path, file):
    """By the name of the station, and without its password."""
    refusal = httpx2.Response(422, json={"type": "about:blank", "detail": "too short"})
    with pytest.raises(Failure, match="A was refused: too short") as failure:
        register(api(tmp_path, lambda _request: refusal), members_in(file), 1)
    assert "password-of" not in failure.value.tell()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("A,\n", "A has no password", id="no password"),
        pytest.param("A\n", "line 1", id="no line of ours"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, text, words):
    """Nothing is registered."""
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(Failure, match=words) as failure:
        members_in(tmp_path / "s.csv")
    assert failure.value.code == ExitCode.USAGE
