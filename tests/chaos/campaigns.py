"""A campaign of any kind over the fleet while things break, and what has to have become of it."""

import asyncio

from patience import PATIENCE, patiently, until

from ocppsec.csms.campaigner import errand_id
from ocppsec.csms.errors import BadInput
from ocppsec.registry.records import ErrandStatus
from ocppsec.upgrades.campaign.happenings import Resume, Retry
from ocppsec.upgrades.campaign.plan import read_plan
from ocppsec.upgrades.campaign.states import decode_member

HASTE = {
    "select": "all",
    "phases": [{"stations": 2}, {"percent": 100}],
    "rate": {"per_minute": 6000, "in_flight": 4},
    "stop": {"lost": 1000, "failed_percent": 100},
    "retry": {"failed": 0, "lost": 1, "pause": 0.2},
    "wait": {"away": 5, "answer": 8},
}
ARRIVED = ("done", "skipped")
AGAIN = 4
"""So often a person has the failed ones tried again once nothing breaks any more."""


async def campaign(made, fleet, part, **goal):
    """Begin it, let things break until it has ended, then see that all that are able get there; what is wrong."""
    plan = read_plan(HASTE | goal)
    begun = (await made.ask(lambda csms: csms.campaigner.begin(plan))).id
    with made.faults.trouble(part):
        ended = await until_ended(made, begun)
    for _ in range(AGAIN):
        if not ended:
            return [f"{part}: the campaign has not come to its end"]
        fleet.statuses = {one.identity: (one.status, one.reason) for one in await members(made, begun)}
        if all(status in ARRIVED for one, (status, _) in fleet.statuses.items() if one in fleet.able):
            break
        await tell(made, begun, Retry())
        ended = await until_ended(made, begun)
    return [
        *(
            f"{identity} {wrong}"
            for identity in fleet.statuses
            for wrong in ends_badly(fleet, part, identity)
        ),
        *await errands(made, begun),
    ]


def ends_badly(fleet, part, identity):
    status, reason = fleet.statuses[identity]
    if status != "done" and not reason:
        yield f"ended as {status} without a reason: {part}"
    if status in ("pending", "starting", "running"):
        yield f"has not come to an end: {status}, {part}"
    if identity in fleet.able and status not in ARRIVED:
        yield f"is able, and ended as {status}: {part}: {reason}"


async def errands(made, begun):
    """Every errand that was ever begun for it has ended."""
    found = await patiently(lambda: made.store.peek("campaign", begun))
    wrong = []
    for row in await members(made, begun):
        member = decode_member(row.state)
        for number in range(1, member.tries + 1):
            name = errand_id(found, replaced(member, number))
            errand = await patiently(lambda name=name: made.store.peek("errand", name))
            if errand is not None and errand.status is ErrandStatus.OPEN:
                wrong.append(f"{row.identity}: errand {name} is open still")
    return wrong


def replaced(member, tries):
    return type(member)(identity=member.identity, position=member.position, tries=tries)


async def members(made, begun):
    return await patiently(lambda: made.store.peek("campaign_members", begun))


async def tell(made, begun, command):
    try:
        await patiently(lambda: made.ask(lambda csms: csms.campaigner.tell(begun, command)))
    except BadInput:
        await asyncio.sleep(0.1)


async def until_ended(made, begun):
    async def ended():
        found = await patiently(lambda: made.store.peek("campaign", begun))
        if found.status == "stopped":
            await tell(made, begun, Resume())
        return found.ended_at is not None

    return await until(ended, PATIENCE)
