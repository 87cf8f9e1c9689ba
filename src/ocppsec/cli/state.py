"""The state directory: everything ocppsec must not lose, and the way to the running server.

It is ours alone (0700), one server at a time holds it (a lock the kernel drops when the process dies), and
``api.json`` in it tells the other commands where the server listens and with which token to speak to it.
"""

import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ocppsec.cli.failure import ExitCode, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAddress:
    url: str
    token: str = field(repr=False)
    pid: int


def state_directory(given: Path | None) -> Path:
    """What was given, else ``OCPPSEC_STATE``, else the XDG directory.  Nothing is created."""
    if given is not None:
        return given.expanduser().absolute()
    if named := os.environ.get("OCPPSEC_STATE"):
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser().absolute() / "ocppsec"


def prepare(directory: Path) -> None:
    """Create the directory, or make sure that nobody else can look into it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise Failure(
            f"the state directory {directory} cannot be used",
            why=error.strerror or str(error),
            next="choose another one with --state DIR",
            code=ExitCode.NOT_ALLOWED,
        ) from error
    if status.st_uid != os.getuid():
        raise Failure(
            f"the state directory {directory} belongs to somebody else (user {status.st_uid})",
            why="it holds the keys of your certificate authority",
            next=f"run as that user, or: chown -R {os.getuid()} {directory}",
            code=ExitCode.NOT_ALLOWED,
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Failure(
            f"others can read the state directory {directory} (mode {stat.S_IMODE(status.st_mode):04o})",
            why="it holds the keys of your certificate authority",
            next=f"chmod 700 {directory}",
            code=ExitCode.NOT_ALLOWED,
        )


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the directory as the one server on it; the lock goes with the process, however it ends."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError as error:
            raise Failure(
                f"another ocppsec runs on the state directory {directory}",
                why=f"process {os.pread(descriptor, 20, 0).decode() or 'unknown'} holds its lock",
                next="stop that one, or give this one a directory of its own with --state DIR",
                code=ExitCode.NOT_ALLOWED,
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock; a command that only looks whether a server runs holds it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(directory: Path) -> bool:
    """True when a server runs on the directory.  A file it left behind when it was killed is no proof."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def new_token() -> str:
    return secrets.token_urlsafe(32)


@contextmanager
def announced(directory: Path, address: ApiAddress) -> Iterator[None]:
    """Let the other commands find the server; the file goes when the server ends."""
    path = directory / "api.json"
    draft = directory / f".api.json.{address.pid}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": address.url, "token": address.token, "pid": address.pid}, file)
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find_api(directory: Path) -> ApiAddress:
    """Where the server of this state directory listens; raises `Failure` when none runs."""
    path = directory / "api.json"
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Failure(
                f"others can read {path}, which holds the API token",
                next=f"chmod 600 {path}, and restart the server for a new token",
                code=ExitCode.NOT_ALLOWED,
            )
        found = json.loads(path.read_text(encoding="utf-8"))
        if not is_held(directory):
            # Whoever has its port now must not be told the token, nor a password.
            raise not_running(directory, "the one that ran there was killed")
        return ApiAddress(url=found["url"], token=found["token"], pid=found["pid"])
    except FileNotFoundError as error:
        raise not_running(directory, "it has no api.json") from error
    except PermissionError as error:
        raise Failure(
            f"{path} is not yours to read",
            why="the server runs as another user",
            next="run this command as that user",
            code=ExitCode.NOT_ALLOWED,
        ) from error
    except NotADirectoryError as error:
        raise Failure(
            f"{directory} is a file, not a state directory", next="--state DIR", code=ExitCode.USAGE
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path} is damaged", next="restart the server; it writes the file anew") from error


def not_running(directory: Path, why: str) -> Failure:
    return Failure(
        f"no ocppsec server is running on the state directory {directory}",
        why=why,
        next=f"start it with: ocppsec up --state {directory}",
        code=ExitCode.NOT_REACHABLE,
    )
