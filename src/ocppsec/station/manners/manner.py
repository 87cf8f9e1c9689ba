"""What a manner is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ocppsec.station.conduct import Conduct


class Kind(StrEnum):
    FIELD = "seen in the field"
    FIRMWARE = "bad firmware"
    ATTACK = "attack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    name: str
    kind: Kind
    says: str
    """What a CSMS meets, in a sentence or two."""
    alter: Callable[[Conduct], Conduct]


def manner(name: str, kind: Kind, says: str) -> Callable[[Callable[[Conduct], Conduct]], Manner]:
    """Makes the function below it a `Manner`."""

    def made(alter: Callable[[Conduct], Conduct]) -> Manner:
        return Manner(name=name, kind=kind, says=says, alter=alter)

    return made
