"""Campaigns, their stations and their history in SQL."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Campaign, CampaignChange, CampaignLine, CampaignMember
from ocppsec.registry.sql.tables import campaign_lines, campaign_members
from ocppsec.registry.sql.tables import campaigns as table
from ocppsec.registry.store import Superseded

_FIELDS: Final = (
    "id",
    "name",
    "target",
    "status",
    "reason",
    "state",
    "version",
    "started_at",
    "ended_at",
)
_NO_TARGET: Final = SecurityProfile.NONE
"""The column is older than campaigns that raise nobody; none ever led to profile 0."""
_CHANGING: Final = ("status", "reason", "state", "ended_at")
_OF_MEMBER: Final = ("identity", "position", "status", "reason", "state")
_CHANGE_MEMBER: Final = (
    update(campaign_members)
    .where(
        (campaign_members.c.campaign == bindparam("of")) & (campaign_members.c.position == bindparam("at"))
    )
    .values(status=bindparam("new_status"), reason=bindparam("new_reason"), state=bindparam("new_state"))
)


async def begin(
    connection: AsyncConnection,
    campaign: Campaign,
    members: Sequence[CampaignMember],
    lines: Sequence[CampaignLine],
) -> Campaign:
    values = {name: getattr(campaign, name) for name in _FIELDS}
    await connection.execute(insert(table), values | {"target": campaign.target or _NO_TARGET})
    await _add_members(connection, campaign.id, members)
    await _add_lines(connection, campaign.id, lines)
    return campaign


async def save(connection: AsyncConnection, change: CampaignChange) -> Campaign:
    wanted = change.campaign
    this_version = (table.c.id == wanted.id) & (table.c.version == wanted.version)
    values = {name: getattr(wanted, name) for name in _CHANGING}
    saved = await connection.execute(
        update(table).where(this_version).values(version=wanted.version + 1, **values)
    )
    if saved.rowcount == 0:
        raise Superseded(f"campaign {wanted.id} was saved by somebody else, or is gone")
    if change.members:
        rows = [
            {
                "of": wanted.id,
                "at": member.position,
                "new_status": member.status,
                "new_reason": member.reason,
                "new_state": member.state,
            }
            for member in change.members
        ]
        await connection.execute(_CHANGE_MEMBER, rows)
    await _add_members(connection, wanted.id, change.joined)
    await _add_lines(connection, wanted.id, change.lines)
    stored = await one(connection, wanted.id)
    assert stored is not None
    return stored


async def one(connection: AsyncConnection, campaign_id: str) -> Campaign | None:
    found = await _select(connection, table.c.id == campaign_id, limit=1)
    return found[0] if found else None


async def newest(connection: AsyncConnection, limit: int) -> list[Campaign]:
    return await _select(connection, None, limit=limit, newest_first=True)


async def all_open(connection: AsyncConnection) -> list[Campaign]:
    return await _select(connection, table.c.ended_at.is_(None), limit=None)


async def members_of(
    connection: AsyncConnection, campaign_id: str, status: str | None, after: int | None, limit: int | None
) -> list[CampaignMember]:
    columns = [campaign_members.c[name] for name in _OF_MEMBER]
    chosen = select(*columns).where(campaign_members.c.campaign == campaign_id)
    if status is not None:
        chosen = chosen.where(campaign_members.c.status == status)
    if after is not None:
        chosen = chosen.where(campaign_members.c.position > after)
    if limit is not None:
        chosen = chosen.limit(max(0, limit))
    rows = await connection.execute(chosen.order_by(campaign_members.c.position))
    return [CampaignMember(**row._mapping) for row in rows]  # noqa: SLF001  public, underscored


async def counts_of(connection: AsyncConnection, campaign_id: str) -> Mapping[str, int]:
    status = campaign_members.c.status
    counted = select(status, func.count()).where(campaign_members.c.campaign == campaign_id).group_by(status)
    return {row[0]: row[1] for row in await connection.execute(counted)}


async def lines_of(connection: AsyncConnection, campaign_id: str) -> list[CampaignLine]:
    columns = (campaign_lines.c.at, campaign_lines.c.what, campaign_lines.c.detail)
    chosen = select(*columns).where(campaign_lines.c.campaign == campaign_id)
    rows = await connection.execute(chosen.order_by(campaign_lines.c.number))
    return [CampaignLine(**row._mapping) for row in rows]  # noqa: SLF001


async def _select(
    connection: AsyncConnection,
    which: ColumnElement[bool] | None,
    *,
    limit: int | None,
    newest_first: bool = False,
) -> list[Campaign]:
    order = table.c.number.desc() if newest_first else table.c.number
    chosen = select(*(table.c[name] for name in _FIELDS)).order_by(order)
    if which is not None:
        chosen = chosen.where(which)
    if limit is not None:
        chosen = chosen.limit(max(0, limit))
    return [
        Campaign(**{**row._mapping, "target": row.target or None})  # noqa: SLF001
        for row in await connection.execute(chosen)
    ]


async def _add_members(
    connection: AsyncConnection, campaign_id: str, members: Sequence[CampaignMember]
) -> None:
    if members:
        rows = [
            {"campaign": campaign_id, **{name: getattr(member, name) for name in _OF_MEMBER}}
            for member in members
        ]
        await connection.execute(insert(campaign_members), rows)


async def _add_lines(connection: AsyncConnection, campaign_id: str, lines: Sequence[CampaignLine]) -> None:
    if lines:
        rows = [
            {"campaign": campaign_id, "at": line.at, "what": line.what, "detail": line.detail}
            for line in lines
        ]
        await connection.execute(insert(campaign_lines), rows)
