"""Our CSMS among stations that misbehave: who gets to profile 3, who does not and why, who does not get in at all.

All of them at once, each a station of its own with one manner; they hurry, the CSMS does not.
"""

import asyncio

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import UpgradeStatus
from ocppsec.station.fleet import Fleet, Kind
from ocppsec.station.manners import MANNERS
from ocppsec.station.manners.credentials import COLONS
from ocppsec.station.members import Member

REACHES_3 = {
    "additional-root-check",
    "answers-twice",
    "big-message",
    "binary",
    "clock-1970",
    "clock-ahead",
    "clock-behind",
    "closes-before-certificate-answer",
    "colon-password",
    "comes-back-twice",
    "control-characters",
    "crlf-pem",
    "csr-wants-server",
    "escaped-pem",
    "everest-slots",
    "flood",
    "float-integers",
    "garbage",
    "half-open",
    "hex-password",
    "no-back-off",
    "nul-pem",
    "odd-dates",
    "one-line-pem",
    "one-suite-only",
    "only-listed-slots",
    "only-wireless0",
    "openocpp-slots",
    "password-on-3",
    "reboot-required",
    "reboots-by-itself",
    "refuses-at-set-network-profile",
    "replay",
    "reused-key",
    "rsa-key",
    "rsa-suites-only",
    "several-calls-at-once",
    "speaks-before-boot",
    "tidies-up-late",
    "tls-1.2",
}
FAILS = {
    "clock-2019": "not-yet-valid",
    "csr-broken-signature": "wrong-signature",
    "csr-garbage": "not a PKCS #10 request",
    "csr-version-2": "wrong-version",
    "csr-wants-ca": "wants-to-be-ca",
    "loses-certificate": "InvalidCertificate",
    "refuses-certificate": "refused its new certificate",
    "refuses-root-on-plain": "not without TLS",
    "weak-key": "1024 bits",
    "wrong-cn": "wrong-common-name",
    "wrong-organization": "wrong-organization",
    "wrong-serial-at-boot": "reports serial number",
}
STAYS_OUT = {
    "endless-headers": "the CSMS hung up",
    "guesses-passwords": "429 too-many-failures",
    "no-http": "the CSMS hung up",
    "no-password": "401 credentials-missing",
    "other-user": "401 user-name-not-identity",
    "wrong-password": "401 wrong-password",
    "wrong-subprotocol": "400 unsupported-subprotocol",
}
WAITS = {
    "accepts-everything",
    "answers-another",
    "answers-late",
    "copied-certificate",
    "expired-certificate",
    "foreign-certificate",
    "forged-certificate",
    "goes-back",
    "never-answers",
    "never-boots",
    "never-resets",
    "never-sends-csr",
    "no-certificate",
    "no-serial-at-boot",
    "password-instead",
    "reboots-forever",
    "refuses-reset",
    "silent-after-tls",
    "silent-socket",
    "slow-headers",
    "tls-1.0",
    "tls-1.1",
    "unknown-priority-variable",
    "weak-suite-only",
}
"""Their upgrades end by deadlines and repetitions that no test waits for; none of them may reach profile 3."""

PASSWORD = "registered-password"


def test_every_manner_has_its_place():
    """A new manner wants to be put into one of the four lists."""
    lists = [REACHES_3, FAILS.keys(), STAYS_OUT.keys(), WAITS]
    assert sorted(name for names in lists for name in names) == sorted(MANNERS)


def member(name):
    identity = f"M-{name}"[:48]
    password = COLONS if name == "colon-password" else PASSWORD
    return Member(identity=identity, serial_number=identity[:25], password=password, manners=(name,))


async def settled(ask, names, *, within):
    """The upgrades of *names*, once none of them is open; else as they stand when the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        upgrades = {name: await ask(name) for name in names}
        if loop.time() > end or all(one.status != UpgradeStatus.OPEN for one in upgrades.values()):
            return upgrades
        await asyncio.sleep(0.25)


@pytest.mark.slow
async def test_each_manner_meets_what_it_deserves(house):
    """40 odd stations reach profile 3, twelve fail in words, seven stay out, and none of the rest slips through."""
    csms = house()
    members = [member(name) for name in MANNERS]
    for one in members:
        csms.add(one.identity, serial_number=one.serial_number, profile=1, password=one.password)
    kind = Kind(url=csms.door(1), pace=0.1, reboot_seconds=1.0)
    fleet = Fleet(kind, members)
    running = asyncio.create_task(fleet.run(ramp=40))
    upgraded = [*REACHES_3, *FAILS, *WAITS]
    await ready(fleet, REACHES_3 | FAILS.keys())

    async def begun(name):
        return await in_house(csms, csms.csms.begin_upgrade(f"M-{name}", 3))

    async def newest(name):
        return (await in_house(csms, csms.store.upgrades(f"M-{name}")))[0]

    for name in upgraded:
        await begun(name)
    upgrades = await settled(newest, [*REACHES_3, *FAILS], within=40)
    report = fleet.report()
    floors = {name: (await in_house(csms, csms.store.station(f"M-{name}"))).floor for name in MANNERS}
    fleet.stop()
    await running

    assert report.total.crashed == {}
    not_done = {
        name: upgrades[name].reason for name in REACHES_3 if upgrades[name].status != UpgradeStatus.DONE
    }
    assert not_done == {}
    for name, words in FAILS.items():
        assert (upgrades[name].status, words in upgrades[name].reason) == (UpgradeStatus.FAILED, True), (
            upgrades[name]
        )
    for name, words in STAYS_OUT.items():
        refused = report.manners[name].refused
        assert (report.manners[name].ever_accepted, words in " ".join(refused)) == (0, True), (name, refused)
    slipped = {name for name in MANNERS.keys() - REACHES_3 if floors[name] == SecurityProfile.TLS_CLIENT}
    assert slipped <= {"answers-late", "goes-back"}, slipped  # right stations otherwise: these may arrive


async def ready(fleet, names, within=20):
    """All of *names* have been let in."""
    async with asyncio.timeout(within):
        while not all(fleet.report().manners[name].ever_accepted for name in names):
            await asyncio.sleep(0.1)


async def in_house(csms, coroutine):
    return await asyncio.to_thread(csms.do, coroutine)
