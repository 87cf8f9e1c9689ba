"""Give stations new passwords (A01): done when one has logged in with its new one, which no answer shows.

Which password is in force is kept by `ocppsec.csms.passwords`; the errand keeps the mark of the one that was sent, so
that what a kill interrupts is understood afterwards.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from ocppsec.csms.errands.carried import DONE, Carried, Open, Verdict, failed
from ocppsec.csms.errands.notes import Notes
from ocppsec.csms.passwords import mark
from ocppsec.profiles.password_change import Answer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import ErrandStatus, Station
from ocppsec.registry.store import NotRegistered

MOST_TRIES: Final = 3
_WITH_PASSWORD: Final = (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)


class Next(Enum):
    SEND = auto()
    WAIT = auto()
    HANG_UP = auto()
    PROVEN = auto()
    GIVE_UP = auto()


def what_next(notes: Notes, marks: Sequence[str], *, came: bool, may_hang_up: bool = True) -> Next:
    """*marks* of the passwords that are valid, the one in force first; *came*: logged in since one was sent."""
    if not notes.mark:
        return Next.SEND
    if notes.mark in marks[:1] and came:
        return Next.PROVEN
    if came or notes.mark not in marks:  # with its old one; or what was sent is known to have been refused
        return Next.SEND if notes.tries < MOST_TRIES else Next.GIVE_UP
    return Next.HANG_UP if may_hang_up and not notes.hung_up else Next.WAIT


class Rotating(Carried):
    def check(self) -> None:
        """Everything that can be wrong shows with the stations."""

    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        found = {}
        for station in stations:
            profile = station.floor if station.observed is None else station.observed
            if profile not in _WITH_PASSWORD:
                found[station.identity] = f"is on profile {int(profile)} and uses no password"
        return found

    async def _attempt(self, held: Open) -> Verdict | None:
        notes, identity = held.notes, held.errand.identity
        match what_next(
            notes,
            await self._marks(identity),
            came=self._came(identity, notes),
            may_hang_up=notes.answer != Answer.REBOOT_REQUIRED,
        ):
            case Next.PROVEN:
                await self._note(held, "proven", "logged in with its new password")
                return DONE
            case Next.HANG_UP:
                await self._note(held, "sent away", "to come back with its new password", hung_up=True)
                self._fleet.hang_up(identity, "come back with the new password")
            case Next.GIVE_UP:
                return failed(f"keeps to its old password, sent {notes.tries} new ones; the old one is valid")
            case Next.SEND:
                return await self._send(held)
            case Next.WAIT:
                pass
        return None

    async def _send(self, held: Open) -> Verdict | None:
        async def keep(sent: str) -> None:
            await self._note(
                held,
                "sending",
                "a new password",
                mark=sent,
                told_at=self._now(),
                answer="",
                hung_up=False,
                tries=held.notes.tries + 1,
            )

        rotation = await self._fleet.passwords.rotate(held.errand.identity, keep=keep)
        await self._note(held, "answered", rotation.detail, answer=str(rotation.outcome))
        held.not_before = None
        return failed(rotation.detail) if rotation.outcome is Answer.REJECTED else None

    async def came_after_all(self, identity: str, errand_id: str) -> bool:
        notes = await self._kept(errand_id)
        if not notes.mark or not self._came(identity, notes):
            return False
        return what_next(notes, await self._marks(identity), came=True) is Next.PROVEN

    def _is_away(self, held: Open) -> Verdict:
        if held.notes.told_at is None:
            return super()._is_away(held)
        return Verdict(
            ErrandStatus.LOST,
            f"was sent a new password and has not come back within {self._time}; what is valid:"
            f" ocppsec station why {held.errand.identity}",
        )

    def _came(self, identity: str, notes: Notes) -> bool:
        connection = self._fleet.connection(identity)
        if connection is None or notes.told_at is None or connection.profile not in _WITH_PASSWORD:
            return False
        return connection.accepted and connection.since > notes.told_at

    async def _marks(self, identity: str) -> list[str]:
        record = await self._fleet.store.admission_record(identity)
        if record is None:
            raise NotRegistered(identity)
        return [mark(known) for known in record.password_hashes]
