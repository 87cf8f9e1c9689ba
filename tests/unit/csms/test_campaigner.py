"""What carries campaigns out: rows first, upgrades begun once, whatever is killed in between."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace as replace_struct

from ocppsec.certificates.hash_data import CertificateHashData
from ocppsec.csms.campaigner import Campaigner, UnknownCampaign
from ocppsec.csms.dry_run import facts_of
from ocppsec.csms.errors import BadInput, Busy, NotNow
from ocppsec.csms.held import Rota
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import (
    BootFacts,
    CampaignChange,
    ErrandStatus,
    Kind,
    NewStation,
    Upgrade,
    UpgradeChange,
    UpgradeStatus,
)
from ocppsec.registry.store import StoreUnavailable, UpgradeInProgress
from ocppsec.upgrades.campaign.happenings import Abort, Finish, Pause, Resume, Retry
from ocppsec.upgrades.campaign.plan import read_plan
from ocppsec.upgrades.kinds import NOTHING, encode_facts
from ocppsec.upgrades.plan import Deadlines
from ocppsec.upgrades.states import Done, Failed, encode_state

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLAN = {
    "to": 2,
    "select": "all",
    "phases": [{"percent": 100}],
    "rate": {"per_minute": 6000},
    "stop": {"lost": 99},
}
HASH = CertificateHashData(
    hash_algorithm="SHA256", issuer_name_hash="ab", issuer_key_hash="cd", serial_number="1"
)


class Fleet:
    """The CSMS as campaigns see it; upgrades end when the test says so."""

    organization = "CSO"
    authority = SimpleNamespace(
        root_pem="-----BEGIN CERTIFICATE-----\n",
        root_hash_data=lambda algorithm: replace(HASH, hash_algorithm=algorithm),
    )

    def __init__(self, store):
        self.store = store
        self.now = START
        self.connected = {}
        self.since = {}
        self.charges = {}
        self.deadlines = []
        self.begun = []
        self.events = []

    def url_for(self, profile):
        return {2: "wss://h:1/ocpp", 3: "wss://h:2/ocpp"}.get(profile)

    configuration = SimpleNamespace(upgrade_deadlines=Deadlines())

    def connection(self, identity):
        if identity not in self.connected:
            return None
        since = self.since.get(identity, START)
        return SimpleNamespace(profile=self.connected[identity], accepted=True, since=since)

    def charging(self, identity):
        return self.charges.get(identity)

    @property
    def upgrading(self):
        return frozenset()

    async def add(self, identity, *, profile=1, model="M", **labels):
        await self.store.add_station(
            NewStation(
                identity=identity,
                serial_number=f"SN-{identity}",
                profile=SecurityProfile(profile),
                password_hash=None,
                added_at=START,
                labels=labels,
            )
        )
        facts = BootFacts(
            at=START,
            profile=SecurityProfile(profile),
            vendor="V",
            model=model,
            firmware_version="2.1",
            serial_number=f"SN-{identity}",
            reason="PowerUp",
        )
        await self.store.record_boot(identity, facts)
        self.connected[identity] = profile

    async def begin_upgrade(self, identity, to, *, upgrade_id=None, deadlines=None):
        self.deadlines.append(deadlines)
        upgrade = Upgrade(
            id=upgrade_id,
            identity=identity,
            target=SecurityProfile(to),
            status=UpgradeStatus.OPEN,
            step="",
            reason="",
            state="",
            version=0,
            deadline=None,
            started_at=self.now,
        )
        kept = await self.store.begin_upgrade(upgrade)
        self.begun.append(upgrade_id)
        return kept

    async def end(self, upgrade_id, state):
        upgrade = await self.store.upgrade(upgrade_id)
        failed = isinstance(state, Failed)
        ended = replace(
            upgrade,
            status=UpgradeStatus.FAILED if failed else UpgradeStatus.DONE,
            reason=state.reason if failed else "",
            state=encode_state(state),
            ended_at=self.now,
        )
        await self.store.save_upgrade(UpgradeChange(upgrade=ended))


@pytest.fixture(params=["memory", "sqlite"])
async def fleet(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    yield Fleet(store)
    await store.close()


async def new(fleet):
    """A campaigner that has just been started, and looks only when the test says so."""
    campaigner = Campaigner(fleet, emit=fleet.events.append, now=lambda: fleet.now, look_seconds=3600)
    await campaigner.start()
    await campaigner.stop()
    return campaigner


async def look(fleet, campaigner, seconds=1):
    fleet.now += timedelta(seconds=seconds)
    for held in list(campaigner._held.values()):
        await campaigner._look_after(held)


async def statuses(fleet, campaign):
    return {one.identity: one.status for one in await fleet.store.campaign_members(campaign.id)}


DONE = Done(profile=2)
REFUSED = Failed(reason="refused", step="here")
LOST = Failed(reason="away", step="there", lost_contact=True)
SILENT = Failed(reason="no answer", step="there", silent=True)


# -- the course ---------------------------------------------------------------------------------------------
async def test_from_begin_to_end(fleet):
    """Each station is begun, and what became of its upgrade is kept, lost contact apart."""
    for identity in ("CP1", "CP2", "CP3"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    for upgrade_id, state in zip(sorted(fleet.begun), (DONE, REFUSED, LOST), strict=True):
        await fleet.end(upgrade_id, state)
    await look(fleet, campaigner)

    assert await statuses(fleet, campaign) == {"CP1": "done", "CP2": "failed", "CP3": "lost"}
    ended = await fleet.store.campaign(campaign.id)
    assert (ended.status, ended.ended_at) == ("done", fleet.now)
    assert [line.what for line in await fleet.store.campaign_lines(campaign.id)] == ["begun", "done"]
    assert [event.what for event in fleet.events] == ["begun", "done"]


async def test_killed_after_each_step(fleet):
    """Started anew before every look, a campaign still begins each upgrade once and ends all of them."""
    for number in range(4):
        await fleet.add(f"CP{number}")
    campaign = await (await new(fleet)).begin(
        read_plan(PLAN | {"rate": {"per_minute": 6000, "in_flight": 1}})
    )
    for _ in range(12):
        await look(fleet, await new(fleet))
        for one in await fleet.store.open_upgrades():
            await fleet.end(one.id, DONE)

    assert len(fleet.begun) == len(set(fleet.begun)) == 4
    assert set((await statuses(fleet, campaign)).values()) == {"done"}


async def test_killed_between_decision_and_effect(fleet):
    """Killed after the decision was kept, before or after the upgrade began: begun once, and found again."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))

    class Killed(BaseException):
        pass

    really = fleet.begin_upgrade

    async def dies_before(*arguments, **more):
        raise Killed

    async def dies_after(*arguments, **more):
        await really(*arguments, **more)
        raise Killed

    for dying in (dies_before, dies_before, dies_after):
        fleet.begin_upgrade = dying
        with pytest.raises(Killed):
            await look(fleet, await new(fleet))
        assert await statuses(fleet, campaign) == {"CP1": "starting"}
    fleet.begin_upgrade = really
    await look(fleet, await new(fleet))

    assert len(fleet.begun) == 1
    assert await statuses(fleet, campaign) == {"CP1": "running"}


async def test_the_store_is_away(fleet):
    """What cannot be kept is not done; when the store is back it goes on."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    await campaigner.begin(read_plan(PLAN))
    really = fleet.store.save_campaign

    async def away(change):
        raise StoreUnavailable("locked")

    fleet.store.save_campaign = away
    await look(fleet, campaigner)
    assert fleet.begun == []
    assert [event.name for event in fleet.events][-1] == "store-unavailable"
    fleet.store.save_campaign = really
    await look(fleet, campaigner)
    assert len(fleet.begun) == 1


async def test_who_is_removed_is_not_waited_for(fleet):
    """The canary failed, is tried again, is away and is removed: the phases behind it go on."""
    for identity in ("CP1", "CP2"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"phases": [{"stations": 1}, {"percent": 100}]}))
    await look(fleet, campaigner)
    canary = (await fleet.store.upgrade(fleet.begun[0])).identity
    other = ({"CP1", "CP2"} - {canary}).pop()
    await campaigner.tell(campaign.id, Pause())
    await fleet.end(fleet.begun[0], REFUSED)
    await look(fleet, campaigner)
    await campaigner.tell(campaign.id, Retry())
    del fleet.connected[canary]
    await look(fleet, campaigner)
    assert await statuses(fleet, campaign) == {canary: "pending", other: "pending"}

    await fleet.store.remove_station(canary)
    await look(fleet, campaigner)
    await look(fleet, campaigner)

    assert await statuses(fleet, campaign) == {canary: "skipped", other: "running"}


async def test_somebody_else_has_an_upgrade_open(fleet):
    """A station with another open upgrade has its turn when that has ended."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await fleet.begin_upgrade("CP1", 2, upgrade_id="by-hand")
    await look(fleet, campaigner)
    assert await statuses(fleet, campaign) == {"CP1": "pending"}
    await fleet.end("by-hand", REFUSED)
    await look(fleet, campaigner, 31)

    assert await statuses(fleet, campaign) == {"CP1": "running"}


async def test_kinds_of_failure(fleet):
    """Who did not answer is tried again where that is said, and not who refused or is lost, silent as it is."""
    for identity in ("CP1", "CP2", "CP3"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(
        read_plan(PLAN | {"retry": {"silent": 1, "pause": 1}, "stop": {"lost": 9, "failed_percent": 100}})
    )
    await look(fleet, campaigner)
    lost = replace_struct(LOST, silent=True)
    for upgrade_id, state in zip(sorted(fleet.begun), (SILENT, REFUSED, lost), strict=True):
        await fleet.end(upgrade_id, state)
    await look(fleet, campaigner)
    await look(fleet, campaigner, 1)

    assert await statuses(fleet, campaign) == {"CP1": "running", "CP2": "failed", "CP3": "lost"}


async def test_removed_stations(fleet):
    """Stations that are removed, before their turn or during it, end with that reason."""
    for identity in ("CP1", "CP2"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"rate": {"per_minute": 6000, "in_flight": 1}}))
    await look(fleet, campaigner)
    begun = "CP1" if (await statuses(fleet, campaign))["CP1"] == "running" else "CP2"
    for identity in (begun, *({"CP1", "CP2"} - {begun})):
        await fleet.store.remove_station(identity)
    await look(fleet, campaigner)
    await look(fleet, campaigner)

    assert set((await statuses(fleet, campaign)).values()) == {"skipped"}


async def test_came_after_all(fleet):
    """A lost station that is back on the new profile while the campaign runs counts as done."""
    for identity in ("CP1", "CP2"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    first = fleet.begun[0]
    await fleet.end(first, LOST)
    lost = (await fleet.store.upgrade(first)).identity
    await look(fleet, campaigner)
    assert (await statuses(fleet, campaign))[lost] == "lost"
    fleet.connected[lost] = 2
    await look(fleet, campaigner)
    assert (await statuses(fleet, campaign))[lost] == "lost", (
        "it may have reconnected only: no boot is proved"
    )
    await fleet.store.raise_floor(lost, SecurityProfile.TLS_BASIC)
    await look(fleet, campaigner)

    assert (await statuses(fleet, campaign))[lost] == "done"


# -- what people ask for ------------------------------------------------------------------------------------
async def test_commands(fleet):
    """Pause and resume are kept, also over a restart; what has no meaning is refused with what is."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    assert (await campaigner.tell(campaign.id, Pause())).status == "paused"
    campaigner = await new(fleet)
    await look(fleet, campaigner)
    assert fleet.begun == []
    with pytest.raises(BadInput, match="the campaign is paused"):
        await campaigner.tell(campaign.id, Pause())
    assert (await campaigner.tell(campaign.id, Resume())).status == "running"
    await look(fleet, campaigner)
    assert len(fleet.begun) == 1


async def test_retry_of_a_campaign_that_has_ended(fleet):
    """Retry opens it again, with a new upgrade for those that failed; other commands are refused."""
    for identity in ("CP1", "CP2"):
        await fleet.add(identity)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    await fleet.end(fleet.begun[0], REFUSED)
    await fleet.end(fleet.begun[1], DONE)
    await look(fleet, campaigner)
    campaigner = await new(fleet)
    with pytest.raises(BadInput, match="has ended"):
        await campaigner.tell(campaign.id, Abort())
    assert (await campaigner.tell(campaign.id, Retry())).ended_at is None
    await look(fleet, campaigner)

    assert len(set(fleet.begun)) == 3
    await fleet.end(fleet.begun[2], DONE)
    await look(fleet, campaigner)
    assert set((await statuses(fleet, campaign)).values()) == {"done"}
    with pytest.raises(BadInput, match="nothing to do"):
        await campaigner.tell(campaign.id, Retry())
    assert campaigner._held == {}


async def test_unknown(fleet):
    """A campaign nobody began cannot be told anything."""
    with pytest.raises(UnknownCampaign):
        await (await new(fleet)).tell("x", Pause())


async def test_a_campaign_of_nobody(fleet):
    """When no station can be raised nothing begins, and the first reason is told."""
    await fleet.add("CP1", profile=2)
    campaigner = await new(fleet)

    with pytest.raises(BadInput, match="none can be raised to profile 2; the first: is on profile 2 already"):
        await campaigner.begin(read_plan(PLAN))
    with pytest.raises(BadInput, match="of 0 chosen stations"):
        await campaigner.begin(read_plan(PLAN | {"select": "identity=X*"}))
    assert await fleet.store.campaigns() == []


async def test_one_bug_stops_one_campaign(fleet):
    """What nobody foresaw in one campaign is told to the loop, and the others go on."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    await fleet.add("CP1")
    await fleet.add("CP2")
    campaigner = await new(fleet)
    broken = await campaigner.begin(read_plan(PLAN | {"select": "identity=CP1"}))
    await campaigner.begin(read_plan(PLAN | {"select": "identity=CP2"}))
    campaigner._held[broken.id].run = None
    await look(fleet, campaigner)

    assert told == [f"error in campaign {broken.id}; it stands still"]
    assert len(fleet.begun) == 1


async def test_it_looks_by_itself(fleet):
    """Started, it looks again and again until it is stopped."""
    await fleet.add("CP1")
    campaigner = Campaigner(fleet, emit=fleet.events.append, now=lambda: fleet.now, look_seconds=0.001)
    await campaigner.start()
    await campaigner.begin(read_plan(PLAN))
    async with asyncio.timeout(10):
        while not fleet.begun:
            await asyncio.sleep(0)
    await campaigner.stop()
    await campaigner.stop()


# -- the dry run --------------------------------------------------------------------------------------------
async def test_plan(fleet):
    """The dry run says who can, who cannot and why, who is away, and what happened to others of the kind."""
    await fleet.add("CP1", model="Bad", site="de")
    await fleet.add("CP2", model="Bad", site="de")
    await fleet.add("CP3", profile=2, site="de")
    await fleet.add("CP4", site="fr")
    await fleet.add("CP5", profile=0, site="de")
    campaigner = await new(fleet)
    await campaigner.begin(read_plan(PLAN | {"select": "identity=CP1"}))
    await look(fleet, campaigner)
    await fleet.end(fleet.begun[0], REFUSED)
    await look(fleet, campaigner)
    del fleet.connected["CP2"]
    fleet.charges["CP1"] = True
    before = await fleet.store.campaigns()
    phases = [{"stations": 1}, {"percent": 100}]
    planned = await campaigner.plan(read_plan(PLAN | {"select": "site=de", "phases": phases}))

    rows = {row.identity: row for row in planned.stations}
    assert sorted(rows) == ["CP1", "CP2", "CP3", "CP5"]
    assert [rows[identity].can for identity in sorted(rows)] == [True, True, False, False]
    assert rows["CP3"].reason == "is on profile 2 already"
    assert "profile 0" in rows["CP5"].reason
    assert rows["CP2"].note == "is away now; 1 of this kind failed before: refused"
    assert rows["CP1"].note.startswith("is charging now: its turn comes when that has ended")
    assert [rows[identity].phase for identity in sorted(rows)] == [1, 2, None, None]
    assert planned.phases == (1, 2)
    assert await fleet.store.campaigns() == before


@pytest.mark.parametrize("select", ["sit=de", "not sit=de", "site=de or (floor=1 and not zone=x and sit!=a)"])
async def test_a_name_that_nobody_has(fleet, select):
    """A typing error chooses nobody silently, or behind `not` everybody: it is refused with the labels there are."""
    await fleet.add("CP1", site="de")
    await fleet.add("CP2", line="7")
    campaigner = await new(fleet)

    for ask in (campaigner.plan, campaigner.begin):
        with pytest.raises(BadInput, match=r"no station has a label .*sit") as refused:
            await ask(read_plan(PLAN | {"select": select}))
        assert "labels there are: line, site;" in refused.value.advice
    assert (await campaigner.plan(read_plan(PLAN | {"select": select, "continuous": True}))) is not None


async def enter_as_new(fleet, identity, stage):
    station = NewStation(
        identity=identity,
        serial_number=f"SN-{identity}",
        profile=SecurityProfile(1),
        password_hash=None,
        added_at=START,
    )
    entry = Onboarding(
        identity=identity,
        way=Way.LISTED,
        stage=stage,
        target=SecurityProfile(3),
        until=START,
        most_connections=3,
        added_at=START,
    )
    await fleet.store.add_onboarding(station, entry)
    facts = BootFacts(
        at=START,
        profile=SecurityProfile(1),
        vendor="V",
        model="M",
        firmware_version="2.1",
        serial_number=f"SN-{identity}",
        reason="PowerUp",
    )
    await fleet.store.record_boot(identity, facts)


async def test_what_is_known_of_kinds(fleet):
    """What upgrades have found out about the kinds of these stations is said, of each kind once; of no other kind."""
    for identity, model in (("CP1", "A"), ("CP2", "A"), ("CP3", "B")):
        await fleet.add(identity, model=model)
    for model in ("A", "C"):
        kind = Kind(
            vendor="V",
            model=model,
            firmware_version="2.1",
            facts=encode_facts(NOTHING),
            done=3,
            failed=1,
            reason="slot full",
            updated_at=START,
        )
        await fleet.store.save_kind(kind)
    planned = await (await new(fleet)).plan(read_plan(PLAN))
    rotated = await (await new(fleet)).plan(read_plan({**PLAN, "to": None, "kind": "passwords"}))

    assert list(planned.known) == ["V A 2.1"]
    assert "3 of this kind done, 1 failed (last: slot full)" in planned.known["V A 2.1"]
    assert rotated.known == {}


@pytest.mark.parametrize("stage", [Stage.OPEN, Stage.EXPIRED, Stage.RAISING])
async def test_new_stations(fleet, stage):
    """Who has no credentials of its own yet is left alone by every kind, and joins when it has them."""
    await fleet.add("CP1")
    await enter_as_new(fleet, "CP2", stage)
    for plan in (PLAN, {**PLAN, "to": None, "kind": "passwords"}):
        rows = (await (await new(fleet)).plan(read_plan(plan))).stations
        assert {row.identity: row.can for row in rows}["CP2"] is (stage is Stage.RAISING)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"continuous": True}))
    if stage is not Stage.RAISING:
        assert list(await statuses(fleet, campaign)) == ["CP1"]
        entry = await fleet.store.onboarding("CP2")
        await fleet.store.save_onboarding(replace(entry, stage=Stage.RAISING))
    for _ in range(4):
        await look(fleet, campaigner)

    assert sorted(await statuses(fleet, campaign)) == ["CP1", "CP2"]


async def test_many_new_stations(fleet, monkeypatch):
    """Of many stations the new ones are found together."""
    monkeypatch.setattr("ocppsec.csms.errands.objections._FEW", 1)
    monkeypatch.setattr("ocppsec.csms.errands.objections._PAGE", 1)
    await fleet.add("CP1")
    for identity, stage in (
        ("CP2", Stage.OPEN),
        ("CP3", Stage.OPEN),
        ("CP4", Stage.EXPIRED),
        ("CP5", Stage.DONE),
    ):
        await enter_as_new(fleet, identity, stage)
    rows = (await (await new(fleet)).plan(read_plan(PLAN))).stations

    assert [row.identity for row in rows if row.can] == ["CP1", "CP5"]


async def test_what_was_judged_is_kept(fleet):
    """A station that cannot be raised is in the campaign, with the reason, and never begun."""
    await fleet.add("CP1")
    await fleet.add("CP2", profile=2)
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)

    assert await statuses(fleet, campaign) == {"CP1": "running", "CP2": "skipped"}


async def test_facts(fleet):
    """What a selection sees: labels, and facts that no label can pretend; what is unknown is absent."""
    await fleet.store.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN",
            profile=SecurityProfile(1),
            password_hash=None,
            added_at=START,
            labels={"site": "de", "floor": "3"},
        )
    )
    facts = facts_of(await fleet.store.station("CP1"), connected=False)

    assert facts == {
        "identity": "CP1",
        "serial": "SN",
        "site": "de",
        "floor": "1",
        "target": "1",
        "connected": "no",
    }


async def test_the_id_of_an_upgrade_is_taken(fleet):
    """Two tries of one station have different upgrades, the same try has the same."""
    await fleet.add("CP1")
    await fleet.begin_upgrade("CP1", 2, upgrade_id="u1")
    with pytest.raises(UpgradeInProgress):
        await fleet.begin_upgrade("CP1", 2, upgrade_id="u2")


async def test_an_outage_of_ours_makes_nobody_away(fleet):
    """Who was waited for when we went down, and is not back yet when we are, is waited for still."""
    await fleet.add("CP1")
    fleet.connected.clear()
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"wait": {"away": "1h"}}))
    await look(fleet, campaigner)
    fleet.now += timedelta(days=1)
    campaigner = await new(fleet)
    await look(fleet, campaigner)
    assert await statuses(fleet, campaign) == {"CP1": "pending"}
    await look(fleet, campaigner, 600)

    assert await statuses(fleet, campaign) == {"CP1": "away"}


# -- late comers --------------------------------------------------------------------------------------------
async def test_late_comers_are_found_page_by_page(fleet, monkeypatch):
    """However a station came to match, it joins when its page has its turn; who cannot be helped does not."""
    monkeypatch.setattr("ocppsec.csms.late_comers.PAGE", 2)
    await fleet.add("CP1", site="de")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"select": "site=de", "continuous": True}))
    await fleet.add("CP2", site="de")
    await fleet.add("CP3", profile=2, site="de")
    await fleet.add("CP4", site="fr")
    await fleet.add("CP5", site="fr")
    await fleet.store.set_labels("CP5", {"site": "de"})
    for _ in range(10):
        await look(fleet, campaigner)

    assert sorted(await statuses(fleet, campaign)) == ["CP1", "CP2", "CP5"]
    assert len(fleet.begun) == 3
    assert [line.what for line in await fleet.store.campaign_lines(campaign.id)] == ["begun", "late", "late"]


async def test_late_comers_after_a_restart(fleet):
    """Who came to match while no process was there joins all the same, once."""
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN | {"continuous": True}))
    await fleet.add("CP1")
    for _ in range(3):
        await look(fleet, await new(fleet), 3)
    assert list(await statuses(fleet, campaign)) == ["CP1"]
    assert len(fleet.begun) == 1
    campaigner = await new(fleet)
    assert (await campaigner.tell(campaign.id, Finish())).status == "running"
    await fleet.add("CP2")
    await look(fleet, campaigner, 3)

    assert list(await statuses(fleet, campaign)) == ["CP1"]


async def test_until_is_over(fleet):
    """A time that has passed already is a mistake."""
    over = (START - timedelta(seconds=1)).isoformat()
    with pytest.raises(BadInput, match="until is over"):
        await (await new(fleet)).begin(read_plan(PLAN | {"continuous": True, "until": over}))


# -- what a plan says -----------------------------------------------------------------------------------------
async def test_not_while_charging(fleet):
    """Who is known to charge is not begun; who is not known to is."""
    for identity, known in (("CP1", True), ("CP2", False), ("CP3", None)):
        await fleet.add(identity)
        fleet.charges[identity] = known
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    assert (await statuses(fleet, campaign)) == {"CP1": "pending", "CP2": "running", "CP3": "running"}
    fleet.charges["CP1"] = False
    await look(fleet, campaigner)

    assert (await statuses(fleet, campaign))["CP1"] == "running"


async def test_deadlines(fleet):
    """The plan's go over those of the configuration; the others stay."""
    fleet.configuration = SimpleNamespace(upgrade_deadlines=Deadlines(csr=11, boot=12))
    await fleet.add("CP1")
    campaigner = await new(fleet)
    await campaigner.begin(read_plan(PLAN | {"deadlines": {"boot": "1h"}}))
    await look(fleet, campaigner)

    assert fleet.deadlines == [Deadlines(csr=11, boot=3600)]


# -- rows of other versions -----------------------------------------------------------------------------------
async def stored_by_another(fleet, change):
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    row = await fleet.store.campaign(campaign.id)
    (member,) = await fleet.store.campaign_members(campaign.id)
    await fleet.store.save_campaign(change(row, member))
    return campaign


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda row, _: CampaignChange(campaign=replace(row, state=row.state.replace('"version":2', '"version":9'))),
            id="a later version",
        ),
        pytest.param(lambda row, _: CampaignChange(campaign=replace(row, state="{}")), id="nothing"),
        pytest.param(
            lambda row, member: CampaignChange(campaign=row, members=(replace(member, state="x"),)),
            id="a station of it",
        ),
    ],
)  # fmt: skip
async def test_one_row_does_not_keep_the_doors_shut(fleet, change):
    """What another version wrote is given up with a reason, the others go on, and nobody can try it again."""
    campaign = await stored_by_another(fleet, change)
    await fleet.add("CP2")
    other = await (await new(fleet)).begin(read_plan(PLAN | {"select": "identity=CP2"}))
    campaigner = await new(fleet)

    ended = await fleet.store.campaign(campaign.id)
    assert (ended.status, ended.ended_at) == ("aborted", fleet.now)
    assert "begin it again" in ended.reason
    await look(fleet, campaigner)
    assert await statuses(fleet, other) == {"CP2": "running"}
    with pytest.raises(BadInput, match="another version"):
        await campaigner.tell(campaign.id, Retry())
    assert [one.can for one in (await campaigner.plan(read_plan(PLAN))).stations] == [True, True]


async def test_rows_of_the_first_version(fleet):
    """A campaign that was kept before there were kinds goes on."""
    await fleet.add("CP1")
    campaign = await (await new(fleet)).begin(read_plan(PLAN))
    first = (
        '{"plan":{"to":2,"select":"all","name":"","phases":[{"name":"","stations":null,"percent":100.0,"soak":0.0,'
        '"gate":"automatic","stop_at":null}],"rate":{"per_minute":6000.0,"most_per_minute":null,"grow_after":10,'
        '"in_flight":20},"window":null,"stop":{"failed":null,"failed_percent":5.0,"at_least":20,"lost":99},"retry":'
        '{"failed":0,"lost":0,"pause":600.0},"wait":{"away":86400.0}},"status":"running","reason":"","phase":0,'
        '"soaking_since":null,"approved":false,"rate":6000.0,"streak":0,"next_begin":null,"forgiven":{"done":0,'
        '"failed":0,"lost":0},"phase_base":{"done":0,"failed":0,"lost":0}}'
    )
    await fleet.store.save_campaign(CampaignChange(campaign=replace(campaign, state=first)))
    await look(fleet, await new(fleet))

    assert await statuses(fleet, campaign) == {"CP1": "running"}


async def test_an_upgrade_of_another_version(fleet):
    """An upgrade that failed, and whose state cannot be read, has failed: not lost, and the campaign goes on."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    upgrade = await fleet.store.upgrade(fleet.begun[0])
    failed = replace(upgrade, status=UpgradeStatus.FAILED, reason="why", state="{}", ended_at=fleet.now)
    await fleet.store.save_upgrade(UpgradeChange(upgrade=failed))
    await look(fleet, campaigner)

    assert await statuses(fleet, campaign) == {"CP1": "failed"}


# -- the store, and others on it ------------------------------------------------------------------------------
async def test_somebody_else_saved_it_and_the_store_is_away(fleet):
    """An outage in the moment in which the rows are read again loses no campaign."""
    await fleet.add("CP1")
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await fleet.store.save_campaign(CampaignChange(campaign=await fleet.store.campaign(campaign.id)))
    really = fleet.store.campaign

    async def away(_):
        raise StoreUnavailable("locked")

    fleet.store.campaign = away
    await look(fleet, campaigner)
    assert fleet.begun == []
    fleet.store.campaign = really
    await look(fleet, campaigner)
    await look(fleet, campaigner)
    assert len(fleet.begun) == 1


async def test_one_that_cannot_begin_holds_nobody_up(fleet):
    """An outage at one of many is told, and those beside it have begun; the next look begins the rest."""
    for number in range(5):
        await fleet.add(f"CP{number}")
    really, failing = fleet.begin_upgrade, ["CP2"]

    async def begin_upgrade(identity, to, **more):
        if identity in failing:
            raise StoreUnavailable("locked")
        return await really(identity, to, **more)

    fleet.begin_upgrade = begin_upgrade
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    assert len(fleet.begun) == 4
    failing.clear()
    await look(fleet, campaigner)

    assert len(set(fleet.begun)) == len(fleet.begun) == 5
    assert set((await statuses(fleet, campaign)).values()) == {"running"}


async def test_one_campaign_at_a_time(fleet):
    """A station that is under way in one campaign is busy for every other one, and has its turn there afterwards."""
    await fleet.add("CP1")
    campaigner = await new(fleet)

    async def busy(identity, *, keep):
        raise Busy("is being changed already")

    fleet.passwords = SimpleNamespace(rotate=busy)
    first = await campaigner.begin(read_plan({**PLAN, "to": None, "kind": "passwords"}))
    second = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    await look(fleet, campaigner)
    assert await statuses(fleet, first) == {"CP1": "running"}
    assert await statuses(fleet, second) == {"CP1": "pending"}
    errand = await fleet.store.errand(f"{first.id}-0-1")
    await fleet.store.save_errand(replace(errand, status=ErrandStatus.DONE))
    campaigner = await new(fleet)
    await look(fleet, campaigner)
    await look(fleet, campaigner)

    assert await statuses(fleet, second) == {"CP1": "running"}


async def test_our_own_doors_are_out_of_order(fleet):
    """What cannot be begun now for a reason of ours is begun later; what never can is skipped."""
    await fleet.add("CP1")
    really = fleet.begin_upgrade

    async def refuses(*given, **more):
        raise NotNow("its door does not answer")

    fleet.begin_upgrade = refuses
    campaigner = await new(fleet)
    campaign = await campaigner.begin(read_plan(PLAN))
    await look(fleet, campaigner)
    (member,) = await fleet.store.campaign_members(campaign.id)
    assert (member.status, member.reason) == ("pending", "its door does not answer")
    fleet.begin_upgrade = really
    await look(fleet, campaigner, 31)

    assert await statuses(fleet, campaign) == {"CP1": "running"}


def test_in_turn_all_of_them():
    """Some at a time, and everybody once before anybody twice; who has left is left out."""
    rota, members = Rota(), dict.fromkeys("abcde")
    taken = [rota.take(members, 2) for _ in range(3)]
    assert taken == [["a", "b"], ["c", "d"], ["e"]]
    first = rota.take(members, 2)
    del members["c"]

    assert [first, rota.take(members, 2), rota.take(members, 9)] == [["a", "b"], ["d"], ["e"]]
