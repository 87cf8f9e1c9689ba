"""A plan and states to start from."""

from typing import Any

from ocppsec.upgrades.plan import Plan, RootHash, StationAtStart
from ocppsec.upgrades.states import Facts, Progress

ROOT = RootHash(
    hash_algorithm="SHA256",
    issuer_name_hash="AB" * 32,
    issuer_key_hash="cd" * 32,
    serial_number="0A1B",
)
ROOT_384 = RootHash(
    hash_algorithm="SHA384",
    issuer_name_hash="AB" * 48,
    issuer_key_hash="cd" * 48,
    serial_number="0A1B",
)
URLS = {2: "wss://csms.example/ocpp", 3: "wss://csms.example:9444/ocpp"}


def plan(target: int = 3, **changes: Any) -> Plan:
    given = {
        "target": target,
        "urls": URLS,
        "root_pem": "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n",
        "root_hashes": (ROOT, ROOT_384),
        "organization": "Example Charging",
    }
    return Plan(**{**given, **changes})


def at_start(profile: int = 1, **changes: Any) -> StationAtStart:
    return StationAtStart(
        **{"profile": profile, "registered_serial": "SN-1", "reported_serial": "SN-1", **changes}
    )


def progress(goal: int = 2, target: int = 3, facts: Facts | None = None, **changes: Any) -> Progress:
    known = Facts(priority=(1,), active_slot=1, slots=(1, 2)) if facts is None else facts
    return Progress(plan=plan(target), profile=goal - 1, goal=goal, facts=known, **changes)
