"""What a campaign does at one station: interrupted, lied to, killed, and always with a true end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms.errands import notes as stored
from ocppsec.csms.errands.kinds import doing_of
from ocppsec.csms.errands.notes import Notes
from ocppsec.csms.errands.rotating import Next, what_next
from ocppsec.csms.errors import BadInput, Busy, NotConnected
from ocppsec.csms.installed import Changed
from ocppsec.csms.passwords import Rotation, mark
from ocppsec.link.errors import CallRefused, CallTimedOut, LinkClosed
from ocppsec.profiles.password_change import Answer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import ErrandStatus, NewStation, Renewal
from ocppsec.registry.store import NotRegistered, StoreUnavailable, UpgradeInProgress
from ocppsec.upgrades.campaign.happenings import Ended, Gone, Outcome
from ocppsec.upgrades.campaign.plan import read_plan

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ROOT = {"pem": "given"}
ID = "c1-0-1"


class Fleet:
    """The CSMS as errands see it; one station, which does what the test says."""

    organization = "CSO"

    def __init__(self):
        self.store = MemoryStore()
        self.now = START
        self.events, self.hung_up = [], []
        self.upgrading = frozenset()
        self.profile, self.since = 1, START - timedelta(hours=1)
        self.installed = self.passwords = self.renewer = self

    def connection(self, identity):
        if self.profile is None:
            return None
        return SimpleNamespace(profile=self.profile, since=self.since, accepted=True)

    def hang_up(self, identity, reason):
        self.hung_up.append(identity)

    def comes_back(self):
        self.now += timedelta(seconds=1)
        self.profile, self.since = 1, self.now

    async def set_passwords(self, *hashes):
        before = (await self.store.admission_record("CP1")).password_hashes
        await self.store.replace_passwords("CP1", before, hashes)


@pytest.fixture
async def fleet():
    made = Fleet()
    await made.store.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN1",
            profile=SecurityProfile.BASIC,
            password_hash="old",
            added_at=START,
        )
    )
    yield made
    await made.store.close()


def doing(fleet, kind="passwords", **plan):
    read = read_plan({"kind": kind, "select": "all", "wait": {"answer": 100}, **plan})
    return doing_of(fleet, read, emit=fleet.events.append, now=lambda: fleet.now)


async def look(fleet, work, seconds=2):
    """What the campaign hears after so many seconds; an attempt that begins has come to its end then."""
    fleet.now += timedelta(seconds=seconds)
    heard = await work.ended("CP1", ID)
    await asyncio.gather(*(held.task for held in work._open.values() if held.task is not None))
    return heard


async def ended(fleet, work, looks=10):
    for _ in range(looks):
        if (heard := await look(fleet, work)) is not None:
            return heard
    return None


def as_it_says(answers):
    """A station whose calls end one after another as *answers* say."""

    async def holds(identity, certificate, use):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return holds


# -- any kind, shown with roots -------------------------------------------------------------------------------
@pytest.fixture
def rooted(fleet, monkeypatch):
    monkeypatch.setattr("ocppsec.csms.errands.roots.root_in", lambda pem: pem)
    fleet.is_ours = lambda certificate: False
    fleet.changed = Changed(status="Accepted", reason="", shown=True)

    async def change(identity, what, use):
        if isinstance(fleet.changed, Exception):
            raise fleet.changed
        return fleet.changed

    fleet.install = change
    fleet.withdraw = lambda *given: change(*given)
    fleet.holds = as_it_says([False] * 20)
    return fleet


@pytest.mark.parametrize(
    ("kind", "holds", "changed", "outcome", "says"),
    [
        pytest.param("install-root", True, None, Outcome.DONE, "", id="there already"),
        pytest.param("install-root", False, ("Accepted", True), Outcome.DONE, "", id="installed"),
        pytest.param("install-root", False, ("Accepted", False), Outcome.FAILED, "does not show", id="a lie"),
        pytest.param("install-root", False, ("Rejected", False), Outcome.FAILED, "Rejected", id="rejected"),
        pytest.param("install-root", False, ("Failed", True), Outcome.DONE, "", id="there all the same"),
        pytest.param("withdraw-root", False, None, Outcome.DONE, "", id="gone already"),
        pytest.param("withdraw-root", True, ("Accepted", False), Outcome.DONE, "", id="withdrawn"),
        pytest.param("withdraw-root", True, ("Accepted", True), Outcome.FAILED, "shows it still", id="stays"),
    ],
)
async def test_what_the_station_shows_counts(rooted, kind, holds, changed, outcome, says):
    """An answer is a hint: done is what GetInstalledCertificateIds shows."""
    rooted.holds = as_it_says([holds])
    rooted.changed = Changed(status=changed[0], reason="", shown=changed[1]) if changed else None
    work = doing(rooted, kind, root=ROOT)
    await work.begin("CP1", ID)
    heard = await ended(rooted, work)

    assert heard.outcome is outcome
    assert says in heard.reason
    assert [event.name for event in rooted.events][-1] == "errand-ended"


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        pytest.param(LinkClosed("gone"), Outcome.DONE, id="the connection ended"),
        pytest.param(CallTimedOut("X", 30), Outcome.DONE, id="no answer"),
        pytest.param(NotConnected("gone"), Outcome.DONE, id="went away"),
        pytest.param(Busy("another"), Outcome.DONE, id="busy"),
        pytest.param(StoreUnavailable("locked"), Outcome.DONE, id="store"),
        pytest.param(CallRefused("NotImplemented", "", {}), Outcome.FAILED, id="CALLERROR"),
        pytest.param(BadInput("cannot be"), Outcome.FAILED, id="cannot be"),
    ],
)
async def test_interrupted(rooted, trouble, outcome):
    """What passes is tried again and comes to a good end; what stays ends at once."""
    rooted.holds = as_it_says([trouble, True])
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)

    assert (await ended(rooted, work)).outcome is outcome


async def test_a_bug(rooted):
    """What nobody foresaw at one station is told to the loop, and ends by its time."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    rooted.holds = as_it_says([ZeroDivisionError()] * 100)
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)

    assert (await ended(rooted, work, looks=60)).outcome is Outcome.FAILED
    assert told[0] == f"error in errand {ID}"


async def test_two_attempts_keep_apart(rooted):
    """Looked at often, it is not attempted more often than the pause allows."""
    answers = [LinkClosed("gone")] * 50
    rooted.holds = as_it_says(answers)
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)
    for _ in range(10):
        await look(rooted, work, 0.5)

    assert 50 - len(answers) <= 3


async def test_away_for_too_long(rooted):
    """Nothing is done for who does not come, and that is said when its time is over."""
    rooted.profile = None
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)
    heard = await ended(rooted, work, looks=60)

    assert (heard.outcome, rooted.now - START > timedelta(seconds=99)) == (Outcome.FAILED, True)
    assert "was away" in heard.reason


async def test_busy_with_an_upgrade(rooted):
    """Nothing is begun while an upgrade is open, and nothing sent when one begins meanwhile."""
    rooted.upgrading = frozenset({"CP1"})
    work = doing(rooted, "install-root", root=ROOT)
    with pytest.raises(UpgradeInProgress):
        await work.begin("CP1", ID)
    rooted.upgrading = frozenset()
    await work.begin("CP1", ID)
    rooted.upgrading = frozenset({"CP1"})
    assert await ended(rooted, work) is None
    rooted.upgrading = frozenset()
    assert (await ended(rooted, work)).outcome is Outcome.DONE


async def test_removed(rooted):
    """A station that is removed, before its errand or during it, is gone, and soon."""
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)
    rooted.profile = None
    await look(rooted, work)
    await rooted.store.remove_station("CP1")

    assert await ended(rooted, work, looks=3) == Gone("CP1")
    with pytest.raises(NotRegistered):
        await work.begin("CP1", "c1-0-2")


async def test_of_another_version(rooted):
    """A row that cannot be read ends with that reason, and holds nobody up."""
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)
    row = await rooted.store.errand(ID)
    newer = stored.encode(Notes(version=9))
    await rooted.store.save_errand(replace(row, state=newer))

    heard = await ended(rooted, work)
    assert heard == Ended("CP1", Outcome.FAILED, "stored errand has version 9, this program reads 1")


async def test_killed(rooted):
    """A process that finds an errand open goes on with it; one that finds it ended does nothing more."""
    rooted.holds = as_it_says([LinkClosed("gone"), False])
    first = doing(rooted, "install-root", root=ROOT)
    await first.begin("CP1", ID)
    await look(rooted, first)
    second = doing(rooted, "install-root", root=ROOT)
    await second.begin("CP1", ID)
    heard = await ended(rooted, second)

    assert heard.outcome is Outcome.DONE
    assert await doing(rooted, "install-root", root=ROOT).ended("CP1", ID) == heard
    steps = stored.decode((await rooted.store.errand(ID)).state).steps
    assert [step.step for step in steps] == ["interrupted", "install", "answered", "done"]


async def test_an_outage_of_ours(rooted):
    """A station that has not found its way back when we are there again is no lost one yet; it is waited for anew."""
    rooted.profile = None
    work = doing(rooted, "install-root", root=ROOT)
    await work.begin("CP1", ID)
    await look(rooted, work)
    after = doing(rooted, "install-root", root=ROOT)
    assert await look(rooted, after, 5000) is None
    rooted.comes_back()
    assert (await ended(rooted, after)).outcome is Outcome.DONE


async def test_waited_for_anew_within_bounds(rooted):
    """After an outage as well a station that does not come has failed in the end, long times or short."""
    rooted.profile = None
    work = doing(rooted, "install-root", root=ROOT, wait={"answer": "30d"})
    await work.begin("CP1", ID)
    rooted.now += timedelta(days=31)
    after = doing(rooted, "install-root", root=ROOT, wait={"answer": "30d"})
    await look(rooted, after)
    assert await look(rooted, after, 599) is None
    await look(rooted, after, 2)

    assert (await look(rooted, after)).outcome is Outcome.FAILED


# -- passwords ------------------------------------------------------------------------------------------------
SENT = Notes(mark="new", tries=1)
TRIED = Notes(mark="new", tries=3)
AWAY = Notes(mark="new", tries=1, hung_up=True)


@pytest.mark.parametrize(
    ("notes", "marks", "came", "expected"),
    [
        pytest.param(Notes(), ["old"], False, Next.SEND, id="nothing sent"),
        pytest.param(SENT, ["new"], False, Next.HANG_UP, id="accepted is a hint"),
        pytest.param(SENT, ["new"], True, Next.PROVEN, id="in with it"),
        pytest.param(SENT, ["new", "later"], True, Next.PROVEN, id="in with it, another pending"),
        pytest.param(AWAY, ["new"], False, Next.WAIT, id="sent away once"),
        pytest.param(SENT, ["old", "new"], False, Next.HANG_UP, id="no answer"),
        pytest.param(AWAY, ["old", "new"], False, Next.WAIT, id="no answer, sent away"),
        pytest.param(SENT, ["old", "new"], True, Next.SEND, id="in with the old one"),
        pytest.param(TRIED, ["old", "new"], True, Next.GIVE_UP, id="in with the old one, three times"),
        pytest.param(SENT, ["old"], False, Next.SEND, id="killed behind a rejection"),
        pytest.param(TRIED, ["old"], False, Next.GIVE_UP, id="rejected three times"),
    ],
)
def test_what_next(notes, marks, came, expected):
    """From what was sent, what is valid, and whether the station has logged in since."""
    assert what_next(notes, marks, came=came) is expected


def test_nobody_is_sent_away_who_restarts():
    """A station that was told to restart is left to it."""
    assert what_next(SENT, ["old", "new"], came=False, may_hang_up=False) is Next.WAIT


def rotates(fleet, *answers):
    """The password office: what it keeps, and how each change ends."""
    left = list(answers)

    async def rotate(identity, *, keep):
        answer, new = left.pop(0), f"new{len(left)}"
        if answer is Busy:
            raise Busy("is being changed already")
        await keep(mark(new))
        hashes = (await fleet.store.admission_record(identity)).password_hashes
        match answer:
            case Answer.ACCEPTED:
                await fleet.set_passwords(new)
            case Answer.UNKNOWN | Answer.REBOOT_REQUIRED:
                await fleet.set_passwords(hashes[0], new, *hashes[1:])
        return Rotation(outcome=answer, detail=f"{answer} it was")

    fleet.rotate = rotate
    return left


async def test_rotated(fleet):
    """Accepted, sent away, back: only then it is done."""
    rotates(fleet, Answer.ACCEPTED)
    work = doing(fleet)
    await work.begin("CP1", ID)
    assert await ended(fleet, work, looks=5) is None
    assert fleet.hung_up == ["CP1"]
    fleet.comes_back()

    assert (await ended(fleet, work)).outcome is Outcome.DONE


async def test_rotated_and_not_back(fleet):
    """A station that does not come back with what it has accepted is lost, not done; later it may come after all."""
    rotates(fleet, Answer.ACCEPTED)
    work = doing(fleet)
    await work.begin("CP1", ID)
    await look(fleet, work)
    fleet.profile = None
    heard = await ended(fleet, work, looks=60)

    assert heard.outcome is Outcome.LOST
    assert "has not come back" in heard.reason
    assert not await work.came_after_all("CP1", ID)
    fleet.comes_back()
    assert await work.came_after_all("CP1", ID)


async def test_in_by_a_certificate(fleet):
    """A connection that needed no password proves none."""
    rotates(fleet, Answer.ACCEPTED)
    work = doing(fleet)
    await work.begin("CP1", ID)
    await look(fleet, work)
    fleet.comes_back()
    fleet.profile = 3

    assert await ended(fleet, work, looks=5) is None
    assert not await work.came_after_all("CP1", ID)


async def test_rejected(fleet):
    """A station that refuses has failed, with what it said, and keeps the old password."""
    rotates(fleet, Answer.REJECTED)
    work = doing(fleet)
    await work.begin("CP1", ID)

    assert await ended(fleet, work) == Ended("CP1", Outcome.FAILED, "rejected it was")
    assert fleet.hung_up == []


async def test_keeps_to_the_old_one(fleet):
    """A station that accepts nothing and comes with the old one again is given up; the old one is valid."""
    left = rotates(fleet, *[Answer.UNKNOWN] * 5)
    work = doing(fleet)
    await work.begin("CP1", ID)
    heard = None
    for _ in range(12):
        heard = heard or await look(fleet, work)
        fleet.comes_back()

    assert heard.outcome is Outcome.FAILED
    assert "keeps to its old password" in heard.reason
    assert len(left) == 2
    assert (await fleet.store.admission_record("CP1")).password_hashes[0] == "old"


async def test_busy_with_another_change(fleet):
    """Somebody else changes the password in this moment: it is waited for."""
    rotates(fleet, Busy, Answer.ACCEPTED)
    work = doing(fleet)
    await work.begin("CP1", ID)
    await look(fleet, work)
    await look(fleet, work)
    fleet.comes_back()

    assert (await ended(fleet, work)).outcome is Outcome.DONE


async def test_who_uses_no_password(fleet):
    """Who connects by certificate, or by nothing, has no password to rotate."""
    station = await fleet.store.station("CP1")
    on = {profile: replace(station, identity=f"CP{profile}", observed=profile) for profile in range(4)}
    found = await doing(fleet).objections(list(on.values()))

    assert sorted(found) == ["CP0", "CP3"]


# -- renewals -------------------------------------------------------------------------------------------------
def renewal(**changed):
    new = Renewal(
        id="r1",
        identity="CP1",
        fingerprint="f",
        open=True,
        step="waits for SignCertificate",
        reason="",
        failures=2,
        state="",
        version=0,
        deadline=None,
        started_at=START,
    )
    return replace(new, **changed)


@pytest.fixture
async def renewing(fleet):
    """The renewer goes as far as the test says; the errand has asked it."""
    await fleet.store.begin_renewal(renewal())
    fleet.known = renewal()

    async def renew(identity):
        return renewal()

    fleet.renew = renew
    fleet.open = lambda identity: fleet.known
    work = doing(fleet, "renew")
    await work.begin("CP1", ID)
    await look(fleet, work)
    return work


async def test_renewed(fleet, renewing):
    """Done is what the renewer has closed without a reason: a handshake has shown it."""
    assert await ended(fleet, renewing, looks=3) is None
    fleet.known = None
    await fleet.store.save_renewal(renewal(open=False))

    assert (await ended(fleet, renewing)).outcome is Outcome.DONE


async def test_stuck(fleet, renewing):
    """One more failure than before is a failure of this campaign; if it comes to a good end later, that counts."""
    fleet.known = renewal(failures=3, step="stuck: signs", reason="our CA could not sign")
    heard = await ended(fleet, renewing)

    assert heard.outcome is Outcome.FAILED
    assert heard.reason.startswith("stuck: signs: our CA could not sign")
    assert not await renewing.came_after_all("CP1", ID)
    await fleet.store.save_renewal(renewal(open=False))
    assert await renewing.came_after_all("CP1", ID)


async def test_gone_while_it_was_renewed(fleet, renewing):
    """Who went away with a renewal open and does not come back is lost."""
    fleet.profile = None

    assert (await ended(fleet, renewing, looks=60)).outcome is Outcome.LOST


async def test_given_up_by_the_renewer(fleet, renewing):
    """A renewal that was ended with a reason is a failure."""
    fleet.known = None
    await fleet.store.save_renewal(renewal(open=False, reason="of another version"))

    assert await ended(fleet, renewing) == Ended("CP1", Outcome.FAILED, "of another version")


async def test_the_rows_tell_the_same(fleet, renewing):
    """What was told is in the row: kind, end and steps."""
    fleet.known = None
    await fleet.store.save_renewal(renewal(open=False))
    await ended(fleet, renewing)
    row = await fleet.store.errand(ID)

    assert (row.kind, row.status, row.ended_at) == (
        "renew",
        ErrandStatus.DONE,
        fleet.now - timedelta(seconds=2),
    )
    assert [step.step for step in stored.decode(row.state).steps] == ["asked for", "proven", "done"]
