"""Registering stations: what an operator may ask for, and the password that is shown once."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from ocppsec.csms.errors import BadInput
from ocppsec.profiles.identity import check_identity
from ocppsec.profiles.password import SALT_BYTES, Hasher, generate, why_unacceptable
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import NewStation, Station
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.selection import RESERVED
from ocppsec.upgrades.campaign.window import TIMEZONE_LABEL, known

SERIAL_NUMBER_LIMIT = 25
MOST_LABELS = 32
_WITH_PASSWORD = (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)


class Registrar:
    def __init__(self, store: Store, hasher: Hasher, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._hasher = hasher
        self._now = now

    async def add(
        self,
        identity: str,
        *,
        serial_number: str | None,
        profile: int,
        password: str | None,
        labels: Mapping[str, str],
    ) -> tuple[Station, str | None]:
        """The station, and the password when it was made here; raises `BadInput`, `AlreadyRegistered`."""
        new, generated = self.check(
            identity,
            serial_number=serial_number,
            profile=profile,
            password=password,
            with_password=profile in _WITH_PASSWORD,
            labels=labels,
        )
        return await self._store.add_station(new), generated

    def check(
        self,
        identity: str,
        *,
        serial_number: str | None,
        profile: int,
        password: str | None,
        with_password: bool,
        labels: Mapping[str, str],
        target: int | None = None,
    ) -> tuple[NewStation, str | None]:
        """What can be registered, and the password when it was made here; raises `BadInput`."""
        level = _profile(profile)
        highest = level if target is None else _profile(target)
        if highest < level:
            raise BadInput(
                f"profile {target} is lower than {profile}, where it begins", "a station only ever rises"
            )
        if (bad := check_identity(identity)) is not None:
            raise BadInput(bad.reason, "choose another identity, as it is set at the station")
        serial = identity if serial_number is None else serial_number
        _check_serial_number(serial, given=serial_number is not None)
        check_labels(labels)
        generated = generate() if password is None and with_password else None
        secret = password if password is not None else generated
        if password is not None and (why := why_unacceptable(password)) is not None:
            raise BadInput(why, "leave the password out to have one generated")
        new = NewStation(
            identity=identity,
            serial_number=serial,
            profile=level,
            target=highest,
            password_hash=self._hash(identity, secret) if secret is not None else None,
            added_at=self._now(),
            labels=labels,
        )
        return new, generated

    def _hash(self, identity: str, password: str) -> str:
        return self._hasher.hash(identity, password.encode(), os.urandom(SALT_BYTES))


def _profile(profile: int) -> SecurityProfile:
    try:
        return SecurityProfile(profile)
    except ValueError:
        raise BadInput(f"there is no security profile {profile}", "use 0, 1, 2 or 3") from None


def _check_serial_number(serial: str, *, given: bool) -> None:
    """BootNotification has room for 25 characters, and the certificate's CN has to equal it (B01.FR.11)."""
    if not serial or not serial.isascii() or not serial.isprintable() or serial != serial.strip():
        raise BadInput("a serial number is made of printable ASCII characters", "take it from the type plate")
    if len(serial) > SERIAL_NUMBER_LIMIT:
        reason = (
            f"a serial number has at most {SERIAL_NUMBER_LIMIT} characters (BootNotification, serialNumber)"
        )
        raise BadInput(reason, "correct --serial" if given else "give the serial number with --serial")


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises `BadInput` for what a selection could not ask for."""
    if len(labels) > MOST_LABELS:
        raise BadInput(f"a station has at most {MOST_LABELS} labels", "leave some out")
    for name, value in labels.items():
        if re.fullmatch(r"[a-z][a-z0-9_.-]{0,39}", name) is None or name in RESERVED:
            raise BadInput(
                f"{name!r} cannot be a label's name",
                "small letters, digits, . _ and -, at most 40, and none of the facts: "
                + ", ".join(sorted(RESERVED)),
            )
        if not 0 < len(value) <= 80 or not value.isprintable() or '"' in value:
            raise BadInput(
                f"label {name}: a value has 1 to 80 printable characters, no quotes", "choose another"
            )
    if (timezone := labels.get(TIMEZONE_LABEL)) is not None and not known(timezone):
        raise BadInput(f"nobody knows a time zone {timezone!r}", "one is Europe/Berlin")
