"""A few fixed seeds of `python -m tests.chaos`; and the watch itself, which must see what it is there for."""

import asyncio
import json
from collections import Counter
from types import SimpleNamespace

import pytest
from course import PARTS, Course, run
from faults import Faults, FaultyStore
from watch import Watch
from wire import Wire

from ocppsec.events import ConnectionRefused, HandshakeFailed
from ocppsec.ocppj.frames import CallResult, encode
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.store import StoreUnavailable
from ocppsec.station import happenings

NONE, BASIC, TLS_BASIC, TLS_CLIENT = SecurityProfile
SEEDS = (3009, 3019, 3025, 4008, 4322)
"""All that a course can be made of is in one of them, and none of them is long."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seed(seed, tmp_path):
    """Killed, cut off and without a database at the points of the seed, every invariant holds."""
    told = await run(seed, tmp_path)

    assert told.wrong == [], "\n".join([*told.wrong, "faults:", *told.faults])
    assert told.faults, "nothing went wrong, so nothing was shown"


# -- the harness itself -------------------------------------------------------------------------------------
def test_a_seed_replays():
    """The same seed breaks the same things at the same points, another seed others; the purse is finite."""

    def struck(seed, *chosen):
        faults = Faults(seed)
        for where in chosen:
            faults.choose(where, [1, 2])
        with faults.trouble("raise to 3"):
            purse = faults.left["cut"]
            for number in range(2000):
                faults.strikes("cut", f"place {number % 7}", 0.2)
        faults.strikes("cut", "behind it", 1.0)
        return faults.told, purse

    told, purse = struck(1)
    assert (told, purse) == struck(1, "another", "choice")
    assert told != struck(2)[0]
    assert len(told) == 1 + purse > 1


def test_the_fixed_seeds_leave_no_part_out():
    """Newcomers, passwords, by way of 2, and everything that follows behind profile 3."""
    parts = {part for seed in SEEDS for part in str(Course.of(Faults(seed))).split(", ")}
    assert parts == {part for table in PARTS.values() for part in table}


def test_all_courses_come_about():
    """Every part of a course is chosen about as often as the others of its table."""
    courses = [Course.of(Faults(seed)) for seed in range(1000)]
    for number, table in enumerate(PARTS.values()):
        counted = Counter(str(course).split(", ")[number] for course in courses)
        assert set(counted) == set(table)
        assert min(counted.values()) > 0.75 * max(counted.values())


class Link:
    """Writes down what leaves, and whether it was broken."""

    closed = False

    def __init__(self):
        self.left, self.broken = [], False
        self._transport = SimpleNamespace(send=lambda _kind, message, *_: self.left.append(message))

    def answer(self, call_id, payload):
        self._transport.send(None, encode(CallResult(call_id, payload)))

    def refuse(self, call_id, code, _description):
        self.left.append(f"refused {code}")

    def abort(self, _reason):
        self.broken = True


@pytest.mark.parametrize(
    ("strikes", "done", "left", "broken"),
    [
        pytest.param("", True, ["right"], False, id="nothing"),
        pytest.param("break before Reset", False, [], True, id="broken before it arrives"),
        pytest.param("break before the answer to Reset", True, [], True, id="broken before the answer"),
        pytest.param("break after the answer to Reset", True, ["right"], True, id="broken after the answer"),
        pytest.param("refusal Reset", False, ["refused InternalError"], False, id="refused"),
        pytest.param("lie Reset", False, ["Accepted"], False, id="a lie"),
        pytest.param("answer lost Reset", True, [], False, id="lost"),
        pytest.param("answer late Reset", True, [], False, id="late"),
        pytest.param("answer doubled Reset", True, ["right", "right"], False, id="doubled"),
    ],
)
async def test_what_a_message_meets(strikes, done, left, broken, monkeypatch):
    """Each fault does what its name says, and nothing else."""
    wire, link, arrived = Wire("CP1", Faults(0)), Link(), []
    wire.strikes = lambda kind, where, _chance: f"{kind} {where}" == strikes
    monkeypatch.setattr("wire.send_raw", lambda link, message: link.left.append(message))

    class Station:
        def on_call(self, link, call):
            arrived.append(call.action)
            link.answer(call.id, {"status": "right"})

    wire._listening(Station()).on_call(link, SimpleNamespace(id="1", action="Reset"))
    await asyncio.sleep(0)
    said = [json.loads(one)[2]["status"] if one.startswith("[") else one for one in link.left]
    assert (bool(arrived), said, link.broken) == (done, left, broken)


async def test_the_store_is_away():
    """A locked store has done nothing; one whose answer is lost has; a dead one does nothing ever."""
    faults, inner = Faults(0, outage=50), MemoryStore()
    faults.strikes = lambda kind, where, chance: True
    store = FaultyStore(inner, faults, Watch())
    for how, done in (("locked", 0), ("lost", 1)):
        faults.choose = lambda where, options, how=how: how
        with pytest.raises(StoreUnavailable):
            await store.begin_campaign(SimpleNamespace(id=how), [])
        assert len(inner._campaigns) == done
    store.dead = True
    with pytest.raises(StoreUnavailable):
        await store.begin_campaign(SimpleNamespace(id="dead"), [])
    assert "dead" not in inner._campaigns


def record(identity, floor):
    return SimpleNamespace(identity=identity, floor=floor)


def refusal(reason):
    return ConnectionRefused(
        door="ws",
        address="127.0.0.1",
        identity="CP1",
        reason=reason,
        status=401,
        presented="",
        expected="",
        advice="",
    )


def handshake(reason):
    return HandshakeFailed(door="mtls", address="127.0.0.1", reason=reason, advice="")


def failed(reason):
    return happenings.ConnectFailed(slot=1, profile=3, stage="tls", reason=reason)


@pytest.mark.parametrize(
    ("happens", "broken"),
    [
        pytest.param(
            lambda watch: watch.stored("raise_floor", ("CP1", TLS_BASIC), BASIC),
            "without a boot",
            id="no boot",
        ),
        pytest.param(
            lambda watch: (
                watch.stored("record_boot", ("CP1", SimpleNamespace(profile=BASIC)), None),
                watch.stored("raise_floor", ("CP1", TLS_BASIC), BASIC),
            ),
            "without a boot",
            id="a boot on a lower profile",
        ),
        pytest.param(
            lambda watch: (
                watch.stored("record_boot", ("CP1", SimpleNamespace(profile=TLS_BASIC)), None),
                watch.stored("raise_floor", ("CP1", TLS_BASIC), BASIC),
            ),
            None,
            id="a boot there",
        ),
        pytest.param(
            lambda watch: (
                watch.stored("station", (), record("CP1", TLS_BASIC)),
                watch.stored("admission_record", (), record("CP1", BASIC)),
            ),
            "fell",
            id="a floor that falls",
        ),
        pytest.param(
            lambda watch: (
                watch.may_fall.add("CP1"),
                watch.stored("station", (), record("CP1", TLS_CLIENT)),
                watch.stored("lower_floor", (record("CP1", TLS_BASIC),), TLS_CLIENT),
                watch.stored("station", (), record("CP1", TLS_BASIC)),
                watch.stored("lower_floor", (record("CP1", TLS_BASIC),), TLS_BASIC),
            ),
            None,
            id="the one step down, once more than needed",
        ),
        pytest.param(
            lambda watch: (
                watch.may_fall.add("CP1"),
                watch.stored("record_boot", ("CP1", SimpleNamespace(profile=TLS_CLIENT)), None),
                watch.stored("lower_floor", (record("CP1", TLS_BASIC),), TLS_CLIENT),
                watch.stored("raise_floor", ("CP1", TLS_CLIENT), TLS_BASIC),
            ),
            "without a boot",
            id="up again on an old boot",
        ),
        pytest.param(
            lambda watch: (
                watch.stored("station", (), record("CP1", TLS_CLIENT)),
                watch.stored("lower_floor", (record("CP1", TLS_BASIC),), TLS_CLIENT),
            ),
            "nobody asked",
            id="another step down",
        ),
        pytest.param(
            lambda watch: [
                watch.stored("begin_upgrade", (SimpleNamespace(id="u1"),), None) for _ in range(2)
            ],
            "begun twice",
            id="twice",
        ),
        pytest.param(lambda watch: watch.event(refusal("wrong-password")), "was refused", id="refused"),
        pytest.param(lambda watch: watch.event(refusal("store-unavailable")), None, id="our own outage"),
        pytest.param(
            lambda watch: (watch.new.add("CP1"), watch.event(refusal("onboarding-in-use"))),
            None,
            id="a new station that is there already",
        ),
        pytest.param(
            lambda watch: watch.event(refusal("onboarding-in-use")), "was refused", id="one that is not new"
        ),
        pytest.param(
            lambda watch: watch.lived("CP1", failed("certificate verify failed: the server's certificate")),
            "InvalidCsmsCertificate",
            id="doors it cannot believe",
        ),
        pytest.param(
            lambda watch: watch.lived("CP1", failed("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")),
            "FailedToAuthenticateAtCsms",
            id="doors that do not believe it",
        ),
        pytest.param(
            lambda watch: watch.event(
                handshake("CERTIFICATE_VERIFY_FAILED: unable to get issuer certificate")
            ),
            "believed no more",
            id="a certificate that the door does not believe",
        ),
        pytest.param(
            lambda watch: (
                setattr(watch, "let_behind", True),
                watch.event(handshake("CERTIFICATE_VERIFY_FAILED: unable to get issuer certificate")),
            ),
            None,
            id="one that was let behind by name",
        ),
        pytest.param(lambda watch: watch.event(handshake("UNEXPECTED_EOF")), None, id="one who hung up"),
        pytest.param(lambda watch: watch.lived("CP1", failed("connection reset")), None, id="a broken line"),
        pytest.param(lambda watch: watch.roots("CP1", 2, ["a"], ["b"]), "no root", id="the root is gone"),
        pytest.param(
            lambda watch: watch.roots("CP1", 3, ["a", "b"], ["b", "c"]), None, id="one root is enough"
        ),
        pytest.param(lambda watch: watch.roots("CP1", 1, [], ["b"]), None, id="no door needs a root yet"),
    ],
)
def test_the_watch_sees_it(happens, broken):
    """Each invariant is noticed when it does not hold, and only then."""
    watch = Watch()
    watch.honest.add("CP1")
    happens(watch)

    if broken is None:
        assert watch.broken == []
    else:
        assert len(watch.broken) == 1
        assert broken in watch.broken[0]
