"""Changes station passwords in two phases (A01): kept as pending before it is sent, sure once it was used or accepted.

The new password exists in memory only for the time of the call; what is kept is its hash.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ocppsec.csms.errors import BadInput, Busy, NotConnected
from ocppsec.csms.ground import Ground
from ocppsec.csms.session import Session
from ocppsec.events import Emit, PasswordChange
from ocppsec.link.errors import CallFailed, CallRefused
from ocppsec.ocppj.errors import OcppError
from ocppsec.ocppj.messages import (
    Component,
    Reset,
    ResetRequest,
    SetVariableData,
    SetVariablesRequest,
    SetVariablesResponse,
    Variable,
    parse_response,
    to_payload,
)
from ocppsec.profiles.password import SALT_BYTES, Hasher, generate
from ocppsec.profiles.password_change import Answer, TooManyPending, answered, logged_in, sending
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.store import NotRegistered, RegistryError, Store, Superseded

_SECONDS = 30.0
_TRIES = 5
_WITH_PASSWORD = (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)
_ANSWERS = {"Accepted": Answer.ACCEPTED, "RebootRequired": Answer.REBOOT_REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How a change ended."""

    outcome: Answer
    detail: str


class PasswordOffice:
    def __init__(
        self,
        store: Store,
        hasher: Hasher,
        ground: Ground,
        session_of: Callable[[str], Session | None],
        upgrading: Callable[[], frozenset[str]],
        *,
        emit: Emit,
        at_first_contact: bool = False,
        seconds: float = _SECONDS,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._ground = ground
        self._session_of = session_of
        self._upgrading = upgrading
        self._emit = emit
        self._at_first_contact = at_first_contact
        self._seconds = seconds
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- a person asks, or the first contact -----------------------------------------------------------------
    async def rotate(
        self, identity: str, *, keep: Callable[[str], Awaitable[None]] | None = None
    ) -> Rotation:
        """Give a connected station a new password that nobody sees.

        *keep* is given the `mark` of the new password before anything is sent, so that a change that a crash
        interrupts can be told from others.  Raises `NotRegistered`, `NotConnected`, `BadInput`, `StoreUnavailable`.
        """
        session = await self._ready(identity)
        self._busy.add(identity)
        try:
            return await self._rotate(identity, session, keep)
        finally:
            self._busy.discard(identity)

    async def hand_out(self, identity: str) -> str:
        """Another password, for a person to carry to the station; the present ones stay valid until it is used.

        Raises `NotRegistered`, `BadInput`, `StoreUnavailable`.
        """
        password = generate()
        new = self._hasher.hash(identity, password.encode(), os.urandom(SALT_BYTES))
        try:
            await self._change(identity, lambda hashes: sending(hashes, new))
        except TooManyPending:
            raise BadInput(
                f"{identity} has as many unused passwords as are kept", "use one of them at the station"
            ) from None
        return password

    def first_contact(self, session: Session) -> None:
        """The first BootNotification of a station was accepted: its password may be the factory's."""
        if self._at_first_contact and session.profile in _WITH_PASSWORD:
            self._spawn(self._replace(session.identity))

    async def used(self, identity: str, hashes: tuple[str, ...], index: int) -> None:
        """A login with ``hashes[index]`` was admitted; raises `StoreUnavailable`, `Superseded`."""
        after = logged_in(hashes, index)
        if after != hashes:
            await self._store.replace_passwords(identity, hashes, after)
            self._ground.shifted(identity)
            self._tell(identity, "in-use", "the station has logged in with its new password")

    # -- the change --------------------------------------------------------------------------------------
    async def _ready(self, identity: str) -> Session:
        session = self._session_of(identity)
        if session is None or session.link is None or not session.may_be_called:
            if await self._store.station(identity) is None:
                raise NotRegistered(identity)
            raise NotConnected(
                f"{identity} is not connected, or has not booted yet", f"ocppsec station why {identity}"
            )
        if session.profile not in _WITH_PASSWORD:
            raise BadInput(
                f"{identity} is on profile {int(session.profile)} and uses no password",
                "profiles 1 and 2 have one",
            )
        if identity in self._upgrading() or identity in self._busy:
            raise Busy(f"{identity} is being changed already", "wait until that has ended")
        return session

    async def _rotate(
        self, identity: str, session: Session, keep: Callable[[str], Awaitable[None]] | None
    ) -> Rotation:
        password = generate()
        new = self._hasher.hash(identity, password.encode(), os.urandom(SALT_BYTES))
        if keep is not None:
            await keep(mark(new))
        try:
            await self._change(identity, lambda hashes: sending(hashes, new))
        except TooManyPending:
            raise BadInput(
                f"too many changes of the password of {identity} have no answer",
                "restart the station, so that it logs in with what it has",
            ) from None
        answer, detail = await self._send(session, password)
        await self._change(identity, lambda hashes: answered(hashes, new, answer))
        if answer is Answer.REBOOT_REQUIRED:
            detail = f"{detail}; {await self._reset(session)}"
        self._tell(identity, answer, detail)
        return Rotation(outcome=answer, detail=detail)

    async def _change(self, identity: str, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        """Decide on what is stored; decide again when somebody else was quicker."""
        for _ in range(_TRIES):
            record = await self._store.admission_record(identity)
            if record is None:
                raise NotRegistered(identity)
            after = change(record.password_hashes)
            if after == record.password_hashes:
                return
            try:
                await self._store.replace_passwords(identity, record.password_hashes, after)
            except Superseded:
                continue
            self._ground.shifted(identity)
            return
        raise Superseded(f"the password of {identity} changes all the time")

    async def _send(self, session: Session, password: str) -> tuple[Answer, str]:
        request = SetVariablesRequest(
            set_variable_data=(
                SetVariableData(
                    component=Component(name="SecurityCtrlr"),
                    variable=Variable(name="BasicAuthPassword"),
                    attribute_value=password,
                ),
            )
        )
        assert session.link is not None
        try:
            payload = await session.link.call(request.action, to_payload(request), timeout=self._seconds)
            response = parse_response(request.action, payload)
        except (CallFailed, OcppError) as error:
            if isinstance(error, CallRefused) and not error.by_us:
                return Answer.REJECTED, f"the station answered CALLERROR {error.code}; the old password stays"
            return (
                Answer.UNKNOWN,
                (
                    f"no answer that says what became of it ({type(error).__name__}): both passwords are valid until the"
                    " station logs in with the new one"
                ),
            )
        assert isinstance(response, SetVariablesResponse)
        return _read(response)

    async def _reset(self, session: Session) -> str:
        """B11: the change waits for a restart; the station chooses a moment in which it is idle."""
        assert session.link is not None
        request = ResetRequest(type=Reset.ON_IDLE)
        try:
            payload = await session.link.call(request.action, to_payload(request), timeout=self._seconds)
        except (CallFailed, OcppError):
            return "Reset was not answered"
        return f"Reset OnIdle was answered {payload['status']}"

    async def _replace(self, identity: str) -> None:
        try:
            await self.rotate(identity)
        except (NotConnected, BadInput, RegistryError) as error:
            self._tell(identity, "not-begun", f"the factory's password was not replaced: {error}")

    def _tell(self, identity: str, outcome: str, detail: str) -> None:
        self._emit(PasswordChange(identity=identity, outcome=outcome, detail=detail))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "error while a password was changed", "exception": error}
            )


def mark(password_hash: str) -> str:
    """Tells one stored hash from another, and nothing of the password."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _read(response: SetVariablesResponse) -> tuple[Answer, str]:
    status = str(response.set_variable_result[0].attribute_status)
    answer = _ANSWERS.get(status, Answer.REJECTED)
    match answer:
        case Answer.ACCEPTED:
            return answer, "Accepted: only the new password is valid now (A01.FR.03)"
        case Answer.REBOOT_REQUIRED:
            return (
                answer,
                "RebootRequired: both passwords are valid until the station logs in with the new one",
            )
        case _:
            return answer, f"{status}: the old password stays (A01.FR.04)"
