"""What an errand has done until now, as a value that survives a crash."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from ocppsec.upgrades.states import UnreadableState

_VERSION: Final = 1
_STEPS_KEPT: Final = 50


class Step(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    step: str
    detail: str = ""


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    version: int = _VERSION
    steps: tuple[Step, ...] = ()
    """The newest; for evidence."""
    mark: str = ""
    """Of the password that was sent last, or was to be."""
    told_at: datetime | None = None
    """When that was."""
    answer: str = ""
    """To the last one."""
    hung_up: bool = False
    """The station was sent away to come back with what it has now."""
    tries: int = 0
    """Passwords sent."""
    renewal: str = ""
    """Id of the renewal that does the work."""
    failures: int = 0
    """How often that had failed before."""

    def noted(self, at: datetime, step: str, detail: str = "", **values: object) -> "Notes":
        line = Step(at=at, step=step, detail=detail)
        return replace(self, steps=(*self.steps, line)[-_STEPS_KEPT:], **values)


def encode(notes: Notes) -> str:
    return msgspec.json.encode(notes).decode()


def decode(text: str) -> Notes:
    """Raises `UnreadableState`."""
    try:
        notes = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored errand: {error}") from error
    if notes.version != _VERSION:
        raise UnreadableState(f"stored errand has version {notes.version}, this program reads {_VERSION}")
    return notes


_decoder = msgspec.json.Decoder(Notes)
