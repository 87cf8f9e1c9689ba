"""How stations come in and get to profile 3: from the factory or as new ones, in one step or by way of profile 2."""

from campaigns import campaign
from patience import PATIENCE, patiently, through, until

from ocppsec.profiles.record import Stage
from ocppsec.registry.records import UpgradeStatus

MOST_UPGRADES = 3


async def to(made, fleet, profile, *, select="all"):
    """All to *profile* by a campaign; who is there already is left alone."""
    floors = [await patiently(lambda one=one: made.store.peek("station", one)) for one in fleet.able]
    if all(station.floor >= profile for station in floors) and select != "all":
        return []  # they went by themselves
    wrong = await campaign(made, fleet, f"raise to {profile}", to=profile, select=select)
    for identity in fleet.able:
        station = await patiently(lambda identity=identity: made.store.peek("station", identity))
        if station.floor < profile:
            wrong.append(
                f"{identity} is able, and its floor is {int(station.floor)} behind a raise to {profile}"
            )
    return wrong


async def straight(made, fleet):
    return await to(made, fleet, 3)


async def by_way_of_2(made, fleet):
    """So that passwords are changed over TLS, too."""
    return (
        await to(made, fleet, 2)
        or await passwords(made, fleet)
        or await to(made, fleet, 3, select="floor>=2")
    )


# -- passwords ----------------------------------------------------------------------------------------------
async def passwords(made, fleet):
    """A new one for everybody who uses one; in the end it is the only one that is valid."""
    users = [identity for identity in fleet.able if made.stations[identity].profile < 3]
    before = {identity: made.stations[identity].remembered.password for identity in users}
    where = "over TLS" if any(made.stations[identity].profile == 2 for identity in users) else "on profile 1"
    wrong = await campaign(made, fleet, f"passwords {where}", kind="passwords")
    for identity, old in before.items():
        new = made.stations[identity].remembered.password
        if new == old:
            wrong.append(f"{identity} has its old password still")
        wrong += await valid(made, identity)
    return wrong


async def valid(made, identity):
    """Exactly one password is, and it is the one that the station has."""
    record = await patiently(lambda: made.store.peek("admission_record", identity))
    password = made.stations[identity].remembered.password.encode()
    fits = [made.csms.passwords._hasher.verify(one, identity, password) for one in record.password_hashes]
    return [] if fits == [True] else [f"{identity}: of {len(fits)} valid passwords its own is {fits}"]


# -- new ones -----------------------------------------------------------------------------------------------
async def newcomers(made, fleet):
    """By the list and with one-time passwords; on their own, and raised by themselves where they are to be."""

    async def again():
        """They come by themselves, and again and again."""

    async def arrived():
        return all([await _arrived(made, identity) for identity in fleet.new])

    if not await through(made.faults, "newcomers", again, arrived):
        return [f"{await _entry(made, identity)} has not arrived" for identity in fleet.new]
    wrong = []
    for identity in fleet.new:
        wrong += await valid(made, identity)
    return wrong


async def _entry(made, identity):
    return await patiently(lambda: made.store.peek("onboarding", identity))


async def _arrived(made, identity):
    entry = await _entry(made, identity)
    if entry.stage is not Stage.RAISING:
        return entry.stage is Stage.DONE
    upgrades = await patiently(lambda: made.store.peek("upgrades", identity))
    ended = [one for one in upgrades if one.status is UpgradeStatus.FAILED]
    return len(ended) >= MOST_UPGRADES and len(ended) == len(upgrades)  # from here on it is a person's turn


async def all_in(made, fleet):
    """The way in of every new one is shut for good."""

    async def done():
        return all([(await _entry(made, identity)).stage is Stage.DONE for identity in fleet.new])

    return (
        []
        if await until(done, PATIENCE / 8)
        else [f"new still: {[await _entry(made, one) for one in fleet.new]}"]
    )
