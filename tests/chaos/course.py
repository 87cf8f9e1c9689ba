"""One campaign 1→3 over a small fleet while things break, and what has to be true in the end."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from faults import Faults
from watch import Watch
from world import world

from ocppsec.csms.errors import BadInput
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.store import RegistryError
from ocppsec.upgrades.campaign.happenings import Resume, Retry
from ocppsec.upgrades.campaign.plan import read_plan

SOUND = 4
ABLE = (
    "everest-slots",
    "reboot-required",
    "answers-twice",
    "crlf-pem",
    "float-integers",
    "odd-dates",
    "tls-1.2",
    "rsa-key",
    "one-line-pem",
    "closes-before-certificate-answer",
)
"""Odd, and still able to reach profile 3 when nothing breaks."""
UNABLE = (
    "accepts-everything",
    "never-sends-csr",
    "refuses-certificate",
    "refuses-reset",
    "never-resets",
    "csr-garbage",
    "never-boots",
    "refuses-at-set-network-profile",
    "weak-key",
    "reboots-by-itself",
    "comes-back-twice",
    "half-open",
    "answers-another",
)
"""May or may not get there; their upgrades have to end with a reason."""
PLAN = read_plan(
    {
        "to": 3,
        "select": "all",
        "phases": [{"stations": 2}, {"percent": 100}],
        "rate": {"per_minute": 6000, "in_flight": 4},
        "stop": {"lost": 1000, "failed_percent": 100},
        "retry": {"failed": 0, "lost": 1, "pause": 0.2},
        "wait": {"away": 5},
    }
)
PATIENCE = 240.0
RATION = 45.0
"""Seconds; so many requests in so short a time are no certificate's worth, and here hours are minutes."""
TROUBLE = 8.0
"""Seconds of trouble for renewals; those of who is unable never come to an end."""


@dataclass
class Told:
    seed: int
    seconds: float
    faults: list
    kills: int
    statuses: dict
    wrong: list
    stories: list


async def run(seed, directory):
    """Play *seed*; `Told.wrong` is empty when every invariant held."""
    faults, watch = Faults(seed), Watch()
    began = time.monotonic()
    able = {f"OK{number}": () for number in range(SOUND)}
    able["ABLE"] = (faults.choose("able", ABLE),)
    everybody = {**able, "ODD": (faults.choose("unable", UNABLE),)}
    faults.quiet = True
    async with world(directory / f"seed-{seed}", faults, watch) as made:
        for identity, manners in everybody.items():
            await made.add(identity, *manners)
        await until(lambda: set(able) <= set(made.csms.present()), 20)
        campaign = (await made.csms.campaigner.begin(PLAN)).id
        faults.quiet = False
        wrong, statuses = [], {}
        for again in range(4):
            if not await until_ended(made, campaign):
                wrong.append("the campaign has not come to its end")
                break
            faults.quiet = True  # from the first end on nothing breaks any more: who can has to arrive
            statuses = {one.identity: (one.status, one.reason) for one in await members(made, campaign)}
            if all(statuses[identity][0] == "done" for identity in able) or again == 3:
                break
            if any("too-many-requests" in reason for _, reason in statuses.values()):
                await asyncio.sleep(RATION)
            await tell(made, campaign, Retry())
        faults.quiet = True
        wrong += await judge(made, able, statuses)
        if not wrong and faults.choose("renews", [True, False]):
            wrong += await renew(made, faults, able, statuses)
        wrong += await ledger(made, everybody)
        wrong += watch.broken
        wrong += [f"bug: {context.get('message')}: {context.get('exception')!r}" for context in made.bugs]
    return Told(
        seed=seed,
        seconds=time.monotonic() - began,
        faults=faults.told,
        kills=made.kills,
        statuses={identity: status for identity, (status, _) in statuses.items()},
        wrong=list(dict.fromkeys(wrong)),
        stories=watch.stories(wrong),
    )


async def judge(made, able, statuses):
    wrong = []
    for identity, (status, reason) in statuses.items():
        station = await patiently(lambda identity=identity: made.store.peek("station", identity))
        if status != "done" and not reason:
            wrong.append(f"{identity} ended as {status} without a reason")
        if status in ("pending", "starting", "running"):
            wrong.append(f"{identity} has not come to an end: {status}")
        if (status == "done") and station.floor < 3:
            wrong.append(f"{identity} is told to be done and its floor is {int(station.floor)}")
        if identity in able and status != "done":
            wrong.append(f"{identity} can reach profile 3 and ended as {status}: {reason}")
    return wrong


# -- renewals -----------------------------------------------------------------------------------------------
async def renew(made, faults, able, statuses):
    """All certificates anew, while things break; who is able has to be seen with a new one in the end."""
    there = [identity for identity, (status, _) in statuses.items() if status == "done"]
    old = {identity: await in_force(made, identity) for identity in there}
    faults.fill()
    faults.quiet = False
    for identity in there:
        await anyhow(lambda identity=identity: made.csms.renewer.renew(identity))
    until = time.monotonic() + TROUBLE
    while time.monotonic() < until and not await renewed(made, old):
        await asyncio.sleep(0.1)
    faults.quiet = True
    must = {identity: fingerprint for identity, fingerprint in old.items() if identity in able}
    until = time.monotonic() + PATIENCE
    while not await renewed(made, must):
        if time.monotonic() > until:
            stand = [
                await patiently(lambda one=one: made.store.peek("renewals", one, limit=1)) for one in must
            ]
            return [
                f"not renewed: {row.identity} {row.step}: {row.reason}"
                for rows in stand
                for row in rows
                if row.open
            ]
        for identity, old_one in must.items():  # begun before an outage kept nothing: a person asks again
            if not await renewed(made, {identity: old_one}) and made.csms.renewer.open(identity) is None:
                await anyhow(lambda identity=identity: made.csms.renewer.renew(identity))
        await asyncio.sleep(0.1)
    return []


async def renewed(made, old):
    return all([await in_force(made, identity) not in (None, before) for identity, before in old.items()])


async def in_force(made, identity):
    records = await patiently(lambda: made.store.peek("certificates", identity))
    return next((one.fingerprint for one in records if one.state == CertificateState.ACTIVE), None)


async def anyhow(ask):
    with contextlib.suppress(BadInput, RegistryError):
        await ask()


async def ledger(made, everybody):
    """Nothing was done twice with harm, and nothing is left open."""
    wrong = []
    for identity in everybody:
        records = await patiently(lambda identity=identity: made.store.peek("certificates", identity))
        active = [one for one in records if one.state == CertificateState.ACTIVE]
        if len(active) > 1:
            wrong.append(f"{identity} has {len(active)} certificates in force")
        upgrades = await patiently(lambda identity=identity: made.store.peek("upgrades", identity))
        wrong += [
            f"{identity}: upgrade {one.id} failed without a reason"
            for one in upgrades
            if one.status == "failed" and not one.reason
        ]
    wrong += [
        f"{one.identity}: upgrade {one.id} is open still"
        for one in await patiently(lambda: made.store.peek("open_upgrades"))
    ]
    return wrong


# -- through all the outages -------------------------------------------------------------------------------
async def members(made, campaign):
    return await patiently(lambda: made.store.peek("campaign_members", campaign))


async def tell(made, campaign, command):
    try:
        await patiently(lambda: made.csms.campaigner.tell(campaign, command))
    except BadInput:
        await asyncio.sleep(0.1)


async def until_ended(made, campaign):
    until_then = time.monotonic() + PATIENCE
    while time.monotonic() < until_then:
        found = await patiently(lambda: made.store.peek("campaign", campaign))
        if found.ended_at is not None:
            return True
        if found.status == "stopped":
            await tell(made, campaign, Resume())
        await asyncio.sleep(0.1)
    return False


async def patiently(ask):
    for _ in range(200):
        try:
            return await ask()
        except RegistryError:
            await asyncio.sleep(0.05)
    raise AssertionError("the store never came back")


async def until(found, seconds):
    async with asyncio.timeout(seconds):
        while not found():
            await asyncio.sleep(0.02)
