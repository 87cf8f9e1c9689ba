"""When another CA is asked again: as it said, within bounds, and once for each station."""

import asyncio

from ocppsec.csms.asking_again import AskingAgain


async def test_once_for_each_station():
    asked = []
    done = asyncio.Event()

    async def go_on(identity):
        asked.append(identity)
        if len(asked) == 2:
            done.set()

    again = AskingAgain(go_on, least=0, longest=0)
    for identity in ("CP1", "CP2", "CP1"):
        again.later(identity, 3600)
    async with asyncio.timeout(5):
        await done.wait()
    await again.stop()
    assert sorted(asked) == ["CP1", "CP2"]


async def test_what_asks_again_may_be_put_off_again():
    """The CA says "later" once more while it is being asked."""
    asked = []
    done = asyncio.Event()

    async def go_on(identity):
        asked.append(identity)
        if len(asked) == 3:
            done.set()
            return
        again.later(identity, 0)

    again = AskingAgain(go_on, least=0)
    again.later("CP1", 0)
    async with asyncio.timeout(5):
        await done.wait()
    await again.stop()


async def test_nobody_is_asked_after_the_end_or_sooner_than_the_least():
    asked = []

    async def go_on(identity):
        asked.append(identity)

    again = AskingAgain(go_on)
    again.later("CP1", 0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked == []
    await again.stop()
    await again.stop()
    assert asked == []
