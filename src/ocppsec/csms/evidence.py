"""What can be shown for an upgrade or an errand: its steps, what the doors saw, the certificates issued meanwhile.

Only rows that were written when it happened; nothing is told from memory, and nothing in it is secret: certificates
by their hash, passwords not at all.
"""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.pem import read_certificate
from ocppsec.csms.errands import notes
from ocppsec.profiles.record import CertificateRecord
from ocppsec.registry.records import Attempt, Errand, Station, Upgrade, UpgradeStep
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.states import decode_member, decode_run
from ocppsec.upgrades.states import UnreadableState

_ATTEMPTS = 50
"""As many as the registry keeps of a station."""


async def of_upgrade(store: Store, upgrade: Upgrade) -> dict[str, Any]:
    """JSON: everything about one upgrade of one station."""
    station = await store.station(upgrade.identity)
    attempts = await store.attempts(upgrade.identity, limit=_ATTEMPTS)
    certificates = await store.certificates(upgrade.identity)
    return {
        "upgrade": _upgrade(upgrade),
        "station": None if station is None else _station(station),
        "steps": [_step(step) for step in await store.upgrade_steps(upgrade.id)],
        "connections": [_attempt(one) for one in reversed(attempts) if _within(one.at, upgrade)],
        "certificates": [_certificate(one) for one in certificates if _within(one.issued_at, upgrade)],
    }


async def of_errand(store: Store, errand: Errand) -> dict[str, Any]:
    """JSON: everything about what a campaign of another kind did at one station."""
    station = await store.station(errand.identity)
    attempts = await store.attempts(errand.identity, limit=_ATTEMPTS)
    certificates = await store.certificates(errand.identity)
    try:
        steps = notes.decode(errand.state).steps
    except UnreadableState:
        steps = ()
    return {
        "errand": {
            "id": errand.id,
            "identity": errand.identity,
            "kind": errand.kind,
            "status": errand.status,
            "reason": errand.reason,
            "started_at": _moment(errand.started_at),
            "ended_at": _moment(errand.ended_at),
        },
        "station": None if station is None else _station(station),
        "steps": [
            {"at": _moment(one.at), "step": one.step, "detail": one.detail, "messages": []} for one in steps
        ],
        "connections": [_attempt(one) for one in reversed(attempts) if _within(one.at, errand)],
        "certificates": [_certificate(one) for one in certificates if _within(one.issued_at, errand)],
    }


async def of_campaign(store: Store, campaign_id: str, errand_of: Any) -> dict[str, Any] | None:
    """JSON: a campaign with the evidence of each try at each station; None when it is not known.

    *errand_of* gives the id of a member's upgrade or errand, for its number of tries.
    """
    campaign = await store.campaign(campaign_id)
    if campaign is None:
        return None
    return {
        "campaign": {
            "id": campaign.id,
            "name": campaign.name,
            **_plan(campaign.state),
            "to": None if campaign.target is None else int(campaign.target),
            "status": campaign.status,
            "reason": campaign.reason,
            "started_at": _moment(campaign.started_at),
            "ended_at": _moment(campaign.ended_at),
        },
        "history": [
            {"at": _moment(line.at), "what": line.what, "detail": line.detail}
            for line in await store.campaign_lines(campaign_id)
        ],
        "stations": [
            one async for one in _members(store, campaign_id, lambda member: errand_of(campaign, member))
        ],
    }


def _plan(state: str) -> dict[str, Any]:
    try:
        plan = decode_run(state).plan
    except UnreadableState:  # of another version
        return {"kind": None, "goal": None, "select": None}
    told: dict[str, Any] = {"kind": plan.kind, "goal": plan.goal, "select": plan.select}
    if plan.root is not None:
        told |= {"root_sha256": fingerprint(read_certificate(plan.root.pem)), "root_use": plan.root.use}
    return told


async def _members(store: Store, campaign_id: str, errand_of: Any) -> AsyncIterator[dict[str, Any]]:
    for row in await store.campaign_members(campaign_id):
        try:
            member = decode_member(row.state)
        except UnreadableState:
            told: dict[str, Any] = {"kind": "", "tries": 0, "evidence": None, "earlier": []}
        else:
            ids = [errand_of(replace(member, tries=number)) for number in range(1, member.tries + 1)]
            *earlier, last = [await _of_either(store, one) for one in ids] or [None]
            told = {
                "kind": member.kind,
                "tries": member.tries,
                "evidence": last,
                "earlier": [one for one in earlier if one is not None],
            }
        yield {"identity": row.identity, "status": row.status, "reason": row.reason, **told}


async def _of_either(store: Store, errand_id: str) -> dict[str, Any] | None:
    if (upgrade := await store.upgrade(errand_id)) is not None:
        return await of_upgrade(store, upgrade)
    errand = await store.errand(errand_id)
    return None if errand is None else await of_errand(store, errand)


def _within(at: datetime, work: Upgrade | Errand) -> bool:
    return at >= work.started_at and (work.ended_at is None or at <= work.ended_at)


def _upgrade(upgrade: Upgrade) -> dict[str, Any]:
    return {
        "id": upgrade.id,
        "identity": upgrade.identity,
        "to": int(upgrade.target),
        "status": upgrade.status,
        "step": upgrade.step,
        "reason": upgrade.reason,
        "started_at": _moment(upgrade.started_at),
        "ended_at": _moment(upgrade.ended_at),
    }


def _station(station: Station) -> dict[str, Any]:
    return {
        "serial_number": station.serial_number,
        "reported_serial_number": station.reported_serial_number,
        "vendor": station.vendor,
        "model": station.model,
        "firmware_version": station.firmware_version,
        "floor": int(station.floor),
        "observed": None if station.observed is None else int(station.observed),
    }


def _step(step: UpgradeStep) -> dict[str, Any]:
    return {
        "at": _moment(step.at),
        "step": step.step,
        "detail": step.detail,
        "messages": json.loads(step.messages or "[]"),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": _moment(attempt.at),
        "outcome": attempt.outcome,
        "door": attempt.door,
        "address": attempt.address,
        "profile": None if attempt.profile is None else int(attempt.profile),
        "reason": attempt.reason,
        "presented": attempt.presented,
    }


def _certificate(certificate: CertificateRecord) -> dict[str, Any]:
    return {
        "sha256": certificate.fingerprint,
        "public_key_sha256": certificate.public_key_sha256,
        "serial_number": certificate.serial_number,
        "subject": certificate.subject,
        "not_before": _moment(certificate.not_before),
        "not_after": _moment(certificate.not_after),
        "state": certificate.state,
        "issued_at": _moment(certificate.issued_at),
        "seen_in_a_handshake_at": _moment(certificate.activated_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
