"""What the verbs print and read, without a server."""

import io
import json

import pytest

from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_table, printable
from ocppsec.cli.sim import default_directory
from ocppsec.cli.station import explanation, read_password, read_payload
from ocppsec.cli.upgrade import watch


class Clock:
    """Time passes only where somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def upgrade(status="open", steps=1, reason=""):
    return {
        "identity": "CS001",
        "target": 3,
        "status": status,
        "step": f"step {steps}",
        "reason": reason,
        "steps": [
            {"at": f"2026-11-22T12:00:0{n}Z", "step": f"step {n}", "detail": ""} for n in range(1, steps + 1)
        ],
    }


def watching(*seen, timeout=10.0, as_json=False):
    """Watch an upgrade that looks like *seen*, one after the other, the last for ever."""
    clock, looks = Clock(), list(seen)
    watch(
        lambda: looks.pop(0) if len(looks) > 1 else looks[0],
        timeout=timeout,
        as_json=as_json,
        clock=clock,
        pause=clock.pause,
    )


def test_each_step_is_told_once(capsys):
    """Steps appear as they happen, none twice, and the end is said."""
    watching(upgrade(steps=1), upgrade(steps=1), upgrade(steps=3), upgrade("done", steps=4))
    told = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in told[:-1]] == ["step 1", "step 2", "step 3", "step 4"]
    assert told[-1].startswith("done: CS001 is on profile 3")


def test_a_failed_upgrade_is_exit_code_1():
    """Failed, with the reason of the server."""
    with pytest.raises(Failure, match="failed") as caught:
        watching(upgrade("failed", reason="no free slot"))
    assert (caught.value.code, caught.value.why) == (ExitCode.FAILED, "no free slot")


def test_too_late_is_exit_code_6():
    """Not done in time: where it stands is said, and that it goes on."""
    with pytest.raises(Failure) as caught:
        watching(upgrade(), timeout=1.0)
    assert caught.value.code == ExitCode.TIMED_OUT
    assert "step 1" in caught.value.why
    assert caught.value.next.endswith("ocppsec station show CS001")


def test_a_server_that_restarts_meanwhile_is_waited_for(capsys):
    """While the server is away nothing is lost."""
    watching(None, upgrade(steps=1), None, None, upgrade("done", steps=2))
    assert "step 2" in capsys.readouterr().out


def test_a_server_that_never_comes_is_too_late():
    """Without a server the time runs too."""
    with pytest.raises(Failure) as caught:
        watching(None, timeout=1.0)
    assert caught.value.code == ExitCode.TIMED_OUT


@pytest.mark.parametrize(("last", "good"), [("done", True), ("failed", False)])
def test_json_is_one_document(capsys, last, good):
    """With --json only the last state is printed, whole."""
    if good:
        watching(upgrade(), upgrade(last, steps=2), as_json=True)
    else:
        with pytest.raises(Failure):
            watching(upgrade(), upgrade(last, steps=2), as_json=True)
    assert json.loads(capsys.readouterr().out)["status"] == last


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "@/nothing/here", "[" * 100_000])
def test_a_payload_that_is_no_object_is_a_usage_error(text):
    """What cannot be sent is refused before the server is asked."""
    with pytest.raises(Failure) as caught:
        read_payload(text)
    assert caught.value.code == ExitCode.USAGE


def test_a_payload_comes_from_an_argument_a_file_or_standard_input(tmp_path, monkeypatch):
    """JSON, @FILE and - give the same."""
    (tmp_path / "p.json").write_text('{"a": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    assert (
        read_payload('{"a": 1}') == read_payload(f"@{tmp_path / 'p.json'}") == read_payload("-") == {"a": 1}
    )


def test_a_password_comes_from_a_file_or_standard_input(tmp_path, monkeypatch):
    """Without its newline; blanks are part of it."""
    file = tmp_path / "p"
    file.write_text(" with blanks \n")
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin\nsecond line\n"))
    assert read_password(file, from_stdin=False) == " with blanks "
    assert read_password(None, from_stdin=True) == "from stdin"
    assert read_password(None, from_stdin=False) is None
    with pytest.raises(Failure):
        read_password(file, from_stdin=True)
    with pytest.raises(Failure):
        read_password(tmp_path / "nothing", from_stdin=False)


def test_the_explanation_in_words():
    """Summary, attempts with what was presented and expected, and what to do."""
    attempt = {
        "at": "2026-11-22T12:00:00Z", "outcome": "refused", "door": "ws", "address": "10.0.0.7",
        "reason": "wrong-password", "presented": "a password\x1b[2J", "expected": "another", "advice": "set it",
    }  # fmt: skip
    lines = explanation({"summary": "It was refused.", "attempts": [attempt], "advice": ["set it"]})
    text = "\n".join(lines)
    assert lines[0] == "It was refused."
    assert "wrong-password" in text
    assert "expected: another" in text
    assert "  - set it" in lines
    assert "\x1b" not in text


def test_no_control_character_of_a_station_reaches_the_terminal(capsys):
    """A model name with escape sequences is shown, not obeyed; markup is text."""
    print_facts([("model", "x\x1b]0;owned\x07"), ("none", None)])
    print_table(["A"], [["[red]\x1b[2J"]])
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "[red]" in told
    assert printable("ü|1") == "ü|1"


def test_a_table_is_not_cut_for_programs(capsys):
    """Off a terminal a row is one line however long it is."""
    print_table(["A", "B"], [["x" * 300, "end"]])
    assert capsys.readouterr().out.splitlines()[1].split() == ["x" * 300, "end"]


def test_a_station_directory_is_one_file_name():
    """Whatever an identity holds, its directory lies where the others lie."""
    assert default_directory("../../etc").name == "%2e%2e%2f%2e%2e%2fetc"
