"""Calls by hand that would lock a station out, or take it below its floor: each has a command that does it safely.

Judged before the schema is, so nothing is taken for granted about a payload.  Names of variables know no case.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ocppsec.csms.errors import BadInput


def objection(identity: str, action: str, payload: Mapping[str, Any], floor: int) -> BadInput | None:
    """Why it is not sent, with what to do instead; never with a value out of *payload* but a profile."""
    match action:
        case "SetVariables":
            set_to = list(_variables(payload))
            if any(name == "basicauthpassword" for name, _ in set_to):
                return BadInput(
                    f"{identity} would have a password that nobody here knows, and could not log in again",
                    f"ocppsec station rotate-password {identity}",
                )
            profiles = [value for name, value in set_to if name == "securityprofile"]
        case "SetNetworkProfile":
            data = payload.get("connectionData")
            profiles = [data.get("securityProfile")] if isinstance(data, Mapping) else []
        case _:
            return None
    lower = [profile for profile in map(_profile, profiles) if profile is not None and profile < floor]
    if not lower:
        return None
    return BadInput(
        f"{identity} has booted on profile {floor}: on profile {lower[0]} it would be refused (A05.FR.07)",
        f"ocppsec station downgrade {identity} --to 2 --reason …: from 3 to 2 is the one step down (A00.FR.005)",
    )


def _variables(payload: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Name, in small letters, and value of each that can be made out."""
    data = payload.get("setVariableData")
    for one in data if isinstance(data, list) else ():
        variable = one.get("variable") if isinstance(one, Mapping) else None
        name = variable.get("name") if isinstance(variable, Mapping) else None
        if isinstance(name, str):
            yield name.strip().lower(), one.get("attributeValue")


def _profile(value: object) -> int | None:
    """As 2, 2.0 or "2" may say it; None when it says none, which is for the schema or the station to refuse."""
    try:
        return int(float(value)) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
