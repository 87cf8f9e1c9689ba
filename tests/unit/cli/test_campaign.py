"""``ocppsec campaign``: the plan it reads, and how watching ends."""

import httpx2
import pytest

from ocppsec.cli.campaign import plan, read_plan, watch
from ocppsec.cli.client import Api
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import ApiAddress


def test_one_grammar(tmp_path):
    """File and command line are one plan; what the command line says goes over the file."""
    file = tmp_path / "plan.toml"
    file.write_text('to = 2\nselect = "all"\n[rate]\nper_minute = 1\nin_flight = 7\n')
    settings = ["rate.per_minute=60", "wait.away=10m", 'phases=[{stations=1, soak="1h"}, {percent=100}]']

    assert read_plan(file, "site=de-*", 3, settings) == {
        "to": 3,
        "select": "site=de-*",
        "rate": {"per_minute": 60, "in_flight": 7},
        "wait": {"away": "10m"},
        "phases": [{"stations": 1, "soak": "1h"}, {"percent": 100}],
    }


def test_a_root_comes_from_a_file(tmp_path):
    """A root named in the plan lies beside it; one named on the command line lies where the person is."""
    (tmp_path / "root.pem").write_text("PEM")
    file = tmp_path / "plan.toml"
    file.write_text(
        'kind = "install-root"\nselect = "all"\n[root]\nfile = "root.pem"\nuse = "V2GRootCertificate"\n'
    )
    expected = {"pem": "PEM", "use": "V2GRootCertificate"}
    assert read_plan(file, None, None, [])["root"] == expected
    said = read_plan(None, "all", None, [], kind="withdraw-root", root=tmp_path / "root.pem")
    assert said == {"kind": "withdraw-root", "select": "all", "root": {"pem": "PEM"}}


def test_a_moment(tmp_path):
    """A moment in TOML goes to the API as text, with its offset."""
    file = tmp_path / "plan.toml"
    file.write_text("to = 2\ncontinuous = true\nuntil = 2027-01-31T06:00:00+01:00\n")

    assert read_plan(file, None, None, [])["until"] == "2027-01-31T06:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        pytest.param("to = ", [], id="no TOML"),
        pytest.param("to = 2", ["rate"], id="no value"),
        pytest.param("to = 2", ["=3"], id="no key"),
        pytest.param("to = 2", ["to.x=3"], id="no keys of its own"),
    ],
)
def test_what_cannot_be_read(tmp_path, text, settings):
    """What cannot be read is a usage error."""
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(Failure) as failed:
        read_plan(file, None, None, settings)
    assert failed.value.code is ExitCode.USAGE


def test_a_missing_file(tmp_path):
    """A file that is not there is a usage error."""
    with pytest.raises(Failure, match="cannot be read"):
        read_plan(tmp_path / "none.toml", None, None, [])


def campaign(status, *history, **stations):
    lines = [{"at": "2026-11-22T12:00:00Z", "what": what, "detail": ""} for what in history]
    counts = {"done": 0, "failed": 0, "lost": 0, "away": 0, **stations}
    return {
        "id": "c1",
        "status": status,
        "reason": "because",
        "goal": "raised to profile 3",
        "stations": counts,
        "history": lines,
    }


def play(looks, timeout=100.0):
    clock = iter(range(1000))
    seen = iter(looks)
    watch(lambda: next(seen), timeout=timeout, as_json=False, clock=lambda: next(clock), pause=lambda _: None)


def test_watching(capsys):
    """History and counts are told as they change, once, also over a time in which the server is away."""
    running = campaign("running", "begun")
    play([running, None, running, campaign("done", "begun", "done", done=2)])

    told = capsys.readouterr().out
    assert told.count("begun") == told.count("12:00:00  done") == 1
    assert "2 done" in told


@pytest.mark.parametrize(
    ("looks", "code", "says"),
    [
        pytest.param([campaign("done", done=1, failed=1)], ExitCode.FAILED, "not all", id="some failed"),
        pytest.param([campaign("done", lost=1)], ExitCode.FAILED, "not all", id="lost"),
        pytest.param([campaign("stopped")], ExitCode.FAILED, "stopped", id="stopped"),
        pytest.param([campaign("waiting")], ExitCode.FAILED, "waiting", id="a person is needed"),
        pytest.param([campaign("aborted")], ExitCode.FAILED, "aborted", id="aborted"),
        pytest.param([campaign("running")] * 9, ExitCode.TIMED_OUT, "has not ended", id="too late"),
        pytest.param([None] * 9, ExitCode.TIMED_OUT, "has not ended", id="server away"),
    ],
)
def test_how_watching_ends(looks, code, says):
    """Exit code 0 means that all were raised; everything else says what it is."""
    with pytest.raises(Failure, match=says) as failed:
        play(looks, timeout=5)
    assert failed.value.code is code


def test_a_selection_that_nobody_matches_is_said(tmp_path, monkeypatch, capsys):
    """Instead of the head of an empty table and phases of nobody."""
    planned = {"stations": [], "known": {}, "phases": [0, 0, 0], "goal": "raised to profile 2"}
    api = Api(
        tmp_path,
        ApiAddress(url="http://127.0.0.1:1", token="t" * 43, pid=1),
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=planned)),
    )
    monkeypatch.setattr(Api, "find", lambda _: api)

    plan({"select": "site=nowhere", "to": 2}, as_json=False, state=tmp_path)

    assert capsys.readouterr().out.startswith("no station matches the selection: nothing was changed\n")
