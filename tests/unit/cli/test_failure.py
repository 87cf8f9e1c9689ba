"""How commands end badly."""

import errno
import json
import os
from pathlib import Path

import pytest

from ocppsec.cli import assemble
from ocppsec.cli.failure import ExitCode, Failure, describe, guarded, without_long_words

PASSWORD = "Kx8-p@ssw0rd.2024+abc"


@pytest.fixture
def crashes(monkeypatch, tmp_path):
    """Where crash files go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "ocppsec-crashes"


def breaks_with_a_secret():
    password = PASSWORD
    try:
        raise KeyError(password)
    except KeyError as error:
        raise RuntimeError(f"cannot use {password!r}") from error


def test_what_why_and_next(capsys):
    """A failure tells what, why and what to do, on standard error, and gives its exit code."""

    def command():
        raise Failure("no such thing", why="nobody made it", next="make it", code=ExitCode.NOT_FOUND)

    assert guarded(command) == 5
    told = capsys.readouterr()
    assert told.err == "error: no such thing\n  why:  nobody made it\n  next: make it\n"
    assert told.out == ""


def test_who_wants_json_is_refused_in_json(capsys):
    """One line of the same things on standard error; standard output stays empty."""

    def command():
        raise Failure("no such thing", next="make it", code=ExitCode.NOT_FOUND)

    assert guarded(command, as_json=True) == 5
    told = capsys.readouterr()
    assert json.loads(told.err) == {"error": "no such thing", "why": "", "next": "make it", "exit_code": 5}
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_a_bug_is_told_in_json_too(crashes, capsys):
    """With the place of its crash file."""
    assert guarded(breaks_with_a_secret, as_json=True) == 1
    told = json.loads(capsys.readouterr().err)
    (file,) = crashes.iterdir()
    assert str(file) in told["next"]
    assert PASSWORD not in str(told)


def test_a_bug_is_told_without_a_traceback(crashes, capsys):
    """The user gets three lines; the file has the way through the code and no secret."""
    assert guarded(breaks_with_a_secret) == 1
    told = capsys.readouterr().err
    (file,) = crashes.iterdir()
    assert "Traceback" not in told
    assert str(file) in told
    kept = file.read_text()
    assert "breaks_with_a_secret" in kept
    assert "RuntimeError" in kept
    assert "KeyError" in kept
    assert PASSWORD not in kept + told
    assert file.stat().st_mode & 0o077 == 0


def test_a_bug_in_a_task_is_told_as_the_bug_it_is(crashes, capsys):
    """Alone in its group it is told by itself; exceptions that lead back to each other have an end."""
    first, second = KeyError("first"), ValueError("second")
    first.__context__ = ExceptionGroup("tasks", [second])
    second.__context__ = first

    def command():
        raise ExceptionGroup("tasks", [second])

    assert guarded(command) == 1
    assert "a bug in ocppsec: ValueError" in capsys.readouterr().err
    (file,) = crashes.iterdir()
    assert file.read_text().count("builtins.KeyError") == 1


def test_no_place_for_the_file_is_no_second_crash(monkeypatch, tmp_path, capsys):
    """Where no crash file can be written, that is said."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert guarded(breaks_with_a_secret) == 1
    assert "no crash file" in capsys.readouterr().err


def test_it_went_well():
    """No failure, exit code 0."""
    assert guarded(lambda: None) == 0


def test_a_full_disk_is_no_bug(crashes, capsys):
    """Wherever a file could not be written for want of room: said as that, and no crash file."""

    def command():
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    assert guarded(command) == 1
    assert capsys.readouterr().err.startswith(
        "error: the disk is full\n  why:  a file could not be written\n"
    )
    assert not crashes.exists()


def test_ctrl_c_is_no_bug(crashes):
    """An interrupted command fails without a crash file."""

    def command():
        raise KeyboardInterrupt

    assert guarded(command) == 1
    assert not crashes.exists()


@pytest.mark.parametrize(
    "secret",
    [
        PASSWORD,
        "0QP5PchSJV6vb1cVRxzLeaRk4QXjyWKDcGZq46oS",
        "A" * 40,
        "Basic QUwxMDAwOgABAgMEBQYH////////////////",
    ],
)
def test_long_words_are_left_out(secret):
    """Words that could be a password or a key do not survive; the sentence around them does."""
    told = without_long_words(f"the value {secret} was refused")
    assert all(word not in told for word in secret.split() if len(word) >= 16)
    assert told.startswith("the value ")
    assert told.endswith(" was refused")


def test_the_description_names_version_and_place():
    """Enough to find the line, nothing of what was in the variables."""
    try:
        breaks_with_a_secret()
    except RuntimeError as error:
        told = describe(error)
    assert told.startswith("ocppsec ")
    assert "test_failure.py:" in told
    assert PASSWORD not in told


def test_a_failure_out_of_a_task_group_is_told_as_it_is(capsys):
    """A task group wraps what a task raised; the user sees the failure, with its exit code."""

    def command():
        raise ExceptionGroup("tasks", [ExceptionGroup("tasks", [Failure("gone", code=ExitCode.NOT_FOUND)])])

    assert guarded(command) == 5
    assert capsys.readouterr().err == "error: gone\n"


def test_every_member_of_a_group_is_described():
    """Of several bugs at once each is named with its place."""
    errors = []
    for kind in (ValueError, KeyError):
        try:
            raise kind(PASSWORD)
        except kind as error:
            errors.append(error)
    told = describe(ExceptionGroup("tasks", errors))
    assert "ValueError" in told
    assert "KeyError" in told
    assert PASSWORD not in told


class CannotStart:
    def __init__(self, number):
        self._number = number

    async def start(self):
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        pytest.param(errno.ENOSPC, "the disk is full", id="full"),
        pytest.param(errno.EDQUOT, "the disk quota is used up", id="quota"),
        pytest.param(errno.EADDRINUSE, "a door cannot be opened", id="a port in use"),
    ],
)
async def test_a_csms_that_cannot_start_says_what_is_in_the_way(number, said, tmp_path):
    """A file that cannot be written at the start is no door that cannot be opened."""
    with pytest.raises(Failure, match=said):
        await assemble._start(CannotStart(number), tmp_path)
