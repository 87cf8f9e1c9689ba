"""What can be shown for an upgrade: its steps, what the doors saw, and the certificates that were issued in it.

Only rows that were written when it happened; nothing is told from memory, and nothing in it is secret: certificates
by their hash, passwords not at all.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from ocppsec.profiles.record import CertificateRecord
from ocppsec.registry.records import Attempt, Station, Upgrade, UpgradeStep
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.states import decode_member, decode_run

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


async def of_campaign(store: Store, campaign_id: str, upgrade_of: Any) -> dict[str, Any] | None:
    """JSON: a campaign with the evidence of each station's last upgrade; None when it is not known.

    *upgrade_of* gives the id of a member's upgrade.
    """
    campaign = await store.campaign(campaign_id)
    if campaign is None:
        return None
    run = decode_run(campaign.state)
    return {
        "campaign": {
            "id": campaign.id,
            "name": campaign.name,
            "kind": run.plan.kind,
            "to": None if campaign.target is None else int(campaign.target),
            "select": run.plan.select,
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
            one async for one in _members(store, campaign_id, lambda member: upgrade_of(campaign, member))
        ],
    }


async def _members(store: Store, campaign_id: str, upgrade_of: Any) -> AsyncIterator[dict[str, Any]]:
    for row in await store.campaign_members(campaign_id):
        member = decode_member(row.state)
        upgrade = await store.upgrade(upgrade_of(member)) if member.tries else None
        yield {
            "identity": member.identity,
            "kind": member.kind,
            "status": member.status,
            "reason": member.reason,
            "tries": member.tries,
            "evidence": None if upgrade is None else await of_upgrade(store, upgrade),
        }


def _within(at: datetime, upgrade: Upgrade) -> bool:
    return at >= upgrade.started_at and (upgrade.ended_at is None or at <= upgrade.ended_at)


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
    return {"at": _moment(step.at), "step": step.step, "detail": step.detail}


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
