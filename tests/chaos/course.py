"""The course of a seed: how its fleet comes to profile 3 and what happens to it there, and what is true in the end."""

import time
from dataclasses import dataclass, field, replace

import living
import new_root
import rising
from faults import Faults
from patience import PATIENCE, patiently, until
from watch import Watch
from world import TRAITS, world

from ocppsec.profiles.record import CertificateState, Way

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
"""May or may not get there; what is begun with them has to end with a reason."""

BEFORE = {"nothing": None, "passwords": rising.passwords, "newcomers": rising.newcomers}
RAISE = {"straight": rising.straight, "by way of 2": rising.by_way_of_2}
AFTER = {
    "nothing": None,
    "renewals": living.renewals,
    "renew by campaign": living.renewed_by_campaign,
    "roots in and out": living.roots_in_and_out,
    "rollover": new_root.rollover,
    "down and up": living.down_and_up,
}


@dataclass
class Course:
    before: str
    rise: str
    after: str

    @classmethod
    def of(cls, faults):
        return cls(*(faults.choose(name, list(table)) for name, table in PARTS.items()))

    def __str__(self):
        return f"{self.before}, {self.rise}, {self.after}"

    @property
    def parts(self):
        return [part for part in (BEFORE[self.before], RAISE[self.rise], AFTER[self.after]) if part]


PARTS = {"before": BEFORE, "raise": RAISE, "after": AFTER}


@dataclass
class Fleet:
    sound: list
    """Keep to the standard in everything."""
    able: list
    """Have to arrive in every part."""
    odd: str
    new: list
    """Those of the sound ones that come in as new stations."""
    statuses: dict = field(default_factory=dict)
    """How each ended in the last campaign: status and reason."""


@dataclass
class Told:
    seed: int
    course: str
    seconds: float
    faults: list
    kills: int
    statuses: dict
    wrong: list
    stories: list

    @property
    def struck(self):
        return sum(not fault.startswith("--") for fault in self.faults)


async def run(seed, directory):
    """Play *seed*; `Told.wrong` is empty when every invariant held."""
    faults, watch = Faults(seed), Watch()
    course = Course.of(faults)
    began = time.monotonic()
    async with world(directory / f"seed-{seed}", faults, watch) as made:
        fleet = await assembled(made, course)
        wrong = []
        for part in course.parts:
            wrong += await part(made, fleet)
            if wrong:
                break
        else:
            wrong += await in_the_end(made, fleet)
        wrong += watch.broken
        wrong += [f"bug: {context.get('message')}: {context.get('exception')!r}" for context in made.bugs]
    return Told(
        seed=seed,
        course=str(course),
        seconds=time.monotonic() - began,
        faults=faults.told,
        kills=made.kills,
        statuses={identity: status for identity, (status, _) in fleet.statuses.items()},
        wrong=list(dict.fromkeys(wrong)),
        stories=watch.stories(wrong),
    )


async def assembled(made, course):
    """Four sound stations, one that is odd and able, and one of which nobody knows how it ends."""
    sound = [f"OK{number}" for number in range(SOUND)]
    new = sound if course.before == "newcomers" else []
    strict = replace(TRAITS, additional_root_check=True)
    target = made.faults.choose("target of new ones", [1, 3])
    for identity in sound:
        traits = strict if course.after == "rollover" and identity == sound[-1] else TRAITS
        if identity in new:
            way = Way.LISTED if new.index(identity) % 2 else Way.PASSWORD
            await made.expect(identity, way, target=target, traits=traits)
        else:
            await made.add(identity, traits=traits)
    await made.add("ABLE", made.faults.choose("able", ABLE))
    await made.add("ODD", made.faults.choose("unable", UNABLE))
    fleet = Fleet(sound=sound, able=[*sound, "ABLE"], odd="ODD", new=new)
    there = set(fleet.able) - set(new)
    assert await until(lambda: there <= set(made.csms.present()), 20), "the fleet has not come"
    return fleet


async def in_the_end(made, fleet):
    """Nothing was done twice with harm, nothing is left open, and a new process finds everybody again."""
    wrong = [] if not fleet.new else await rising.all_in(made, fleet)
    await made.kill()
    if not await until(lambda: set(fleet.able) <= set(made.csms.present()), PATIENCE / 8):
        wrong += [f"{one} has not come back" for one in fleet.able if one not in made.csms.present()]
    for identity in (*fleet.able, fleet.odd):
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
