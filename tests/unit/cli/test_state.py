"""The state directory: private, held by one server, and the way to it."""

import os
import stat

import pytest

from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import ApiAddress, announced, find_api, held, prepare, state_directory

ADDRESS = ApiAddress(url="http://127.0.0.1:1", token="secret-token-of-the-api", pid=1)


@pytest.mark.parametrize(
    ("given", "named", "xdg", "expected"),
    [
        ("given", "named", "xdg", "given"),
        (None, "named", "xdg", "named"),
        (None, None, "xdg", "xdg/ocppsec"),
        (None, None, None, "home/.local/state/ocppsec"),
    ],
)
def test_where_it_is(monkeypatch, tmp_path, *, given, named, xdg, expected):
    """Flag, then OCPPSEC_STATE, then XDG_STATE_HOME, then the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in (("OCPPSEC_STATE", named), ("XDG_STATE_HOME", xdg)):
        if value:
            monkeypatch.setenv(name, str(tmp_path / value))
        else:
            monkeypatch.delenv(name, raising=False)
    assert state_directory(tmp_path / given if given else None) == tmp_path / expected


def test_a_new_directory_is_private(tmp_path):
    """Made with mode 0700 whatever the umask says."""
    before = os.umask(0)
    try:
        prepare(tmp_path / "deep" / "state")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o710, 0o701, 0o720, 0o777])
def test_a_directory_others_can_enter_is_refused(tmp_path, mode):
    """The refusal gives the command that repairs it."""
    directory = tmp_path / "state"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(Failure) as caught:
        prepare(directory)
    assert caught.value.code == ExitCode.NOT_ALLOWED
    assert caught.value.next == f"chmod 700 {directory}"


def test_a_file_in_its_place_is_refused(tmp_path):
    """A state directory that is a file is said, not a traceback."""
    (tmp_path / "state").write_text("")
    with pytest.raises(Failure, match="cannot be used"):
        prepare(tmp_path / "state")


def test_one_server_holds_it(tmp_path):
    """A second one on the same directory is refused while the first runs, and let in afterwards."""
    with held(tmp_path), pytest.raises(Failure) as caught, held(tmp_path):
        pass
    assert caught.value.code == ExitCode.NOT_ALLOWED
    assert str(os.getpid()) in caught.value.why
    with held(tmp_path):
        pass


def test_a_lock_file_left_behind_locks_nothing(tmp_path):
    """After kill -9 the file is there and nobody holds it."""
    (tmp_path / "lock").write_text("4711")
    with held(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_the_way_to_the_server_is_there_while_it_runs(tmp_path):
    """`api.json` has mode 0600 and is gone afterwards."""
    with held(tmp_path), announced(tmp_path, ADDRESS):
        assert find_api(tmp_path) == ADDRESS
        assert stat.S_IMODE((tmp_path / "api.json").stat().st_mode) == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == ["api.json", "lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    assert "secret-token" not in repr(ADDRESS)


def test_without_a_server_the_next_step_is_named(tmp_path):
    """Exit code 3 and the command that starts one."""
    with pytest.raises(Failure) as caught:
        find_api(tmp_path)
    assert caught.value.code == ExitCode.NOT_REACHABLE
    assert caught.value.next == f"start it with: ocppsec up --state {tmp_path}"


def test_a_file_is_no_state_directory(tmp_path):
    """It is said, as a usage error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="is a file, not a state directory") as caught:
        find_api(tmp_path / "file")
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "x"}', "\xff"])
def test_a_damaged_api_file_is_said(tmp_path, text):
    """Whatever is in it, the answer is words."""
    (tmp_path / "api.json").write_text(text)
    (tmp_path / "api.json").chmod(0o600)
    with pytest.raises(Failure, match="damaged"):
        find_api(tmp_path)


def test_a_token_others_can_read_is_not_used(tmp_path):
    """Loose permissions on api.json are refused."""
    with announced(tmp_path, ADDRESS):
        (tmp_path / "api.json").chmod(0o644)
        with pytest.raises(Failure) as caught:
            find_api(tmp_path)
    assert caught.value.code == ExitCode.NOT_ALLOWED


def test_what_a_killed_server_left_behind_is_not_believed(tmp_path):
    """Nobody holds the lock: the token in `api.json` is not carried to whoever has that port now."""
    with announced(tmp_path, ADDRESS), held(tmp_path):
        left = (tmp_path / "api.json").read_bytes()
    (tmp_path / "api.json").write_bytes(left)
    (tmp_path / "api.json").chmod(0o600)
    with pytest.raises(Failure, match="no ocppsec server is running"):
        find_api(tmp_path)
