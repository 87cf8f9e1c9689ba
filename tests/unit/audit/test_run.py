"""The runner: needs, limits, turns, and checks that break."""

import asyncio

import pytest

from ocppsec.audit.checks.check import check
from ocppsec.audit.finding import Exchange, Need, Severity, Verdict, passed
from ocppsec.audit.run import Limits, Selection, UnknownCheck, run


class Bench:
    """A laboratory that only remembers."""

    def __init__(self):
        self.trail = []
        self.ran = []
        self.tidied = 0

    async def tidy(self):
        self.tidied += 1


def made(name, body=None, **more):
    @check(id=name, title="It is so", severity=Severity.LOW, remedy="Mend it.", **more)
    async def one(bench):
        bench.ran.append(name)
        bench.trail.append(Exchange(sent=name, received="ok"))
        if body is not None:
            await body()
        return passed("seen")

    return one


async def reported(*checks, limits=None, has=lambda _need: False):
    bench = Bench()
    limits = limits or Limits(pause=0)
    report = await run(bench, checks, subject="x", kind="csms", has=has, limits=limits)
    return report, bench


async def test_what_is_missing_is_said_and_not_run():
    """A check without what it needs is not tested, with the way to give it."""
    report, bench = await reported(made("a.one", needs=(Need.ROOT,)))
    assert report.of("a.one").verdict is Verdict.NOT_TESTED
    assert "--root" in report.of("a.one").why
    assert bench.ran == []


async def test_a_check_that_breaks_is_no_pass():
    """A bug of ours is inconclusive, and the other checks still run."""

    async def breaks():
        raise KeyError("oops")

    report, _ = await reported(made("a.one", breaks), made("a.two"))
    assert report.of("a.one").verdict is Verdict.INCONCLUSIVE
    assert "bug" in report.of("a.one").why
    assert report.of("a.two").verdict is Verdict.PASS


async def test_a_check_that_hangs_is_ended():
    """After its time it is inconclusive."""

    async def hangs():
        await asyncio.Event().wait()

    report, _ = await reported(made("a.one", hangs), limits=Limits(pause=0, check_seconds=0.01))
    assert report.of("a.one").verdict is Verdict.INCONCLUSIVE


async def test_what_comes_after_the_time_is_not_tested():
    """A whole audit has an end; what did not run is no pass."""
    report, bench = await reported(made("a.one"), limits=Limits(pause=0, total_seconds=-1))
    assert report.of("a.one").verdict is Verdict.NOT_TESTED
    assert bench.ran == []


async def test_checks_run_in_their_turns_and_are_told_in_their_order():
    """What spoils things runs last; the report keeps the order of the list."""
    report, bench = await reported(made("a.last", turn=1), made("a.mid"), made("a.first", turn=-1))
    assert bench.ran == ["a.first", "a.mid", "a.last"]
    assert [one.about.id for one in report.findings] == ["a.last", "a.mid", "a.first"]


async def test_evidence_belongs_to_its_check():
    """Nothing of the check before is in a finding; each leaves a tidy place."""
    report, bench = await reported(made("a.one"), made("a.two"))
    assert [one.evidence[0].sent for one in report.findings] == ["a.one", "a.two"]
    assert all(len(one.evidence) == 1 for one in report.findings)
    assert bench.tidied == 2


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        pytest.param(Selection(), ["a.one", "a.two", "b.one"], id="all"),
        pytest.param(Selection(only=("a",)), ["a.one", "a.two"], id="an area"),
        pytest.param(Selection(only=("a",), skip=("a.two",)), ["a.one"], id="an area but one"),
        pytest.param(Selection(skip=("a",)), ["b.one"], id="not an area"),
    ],
)
def test_checks_are_chosen_by_name_or_area(selection, chosen):
    """--only and --skip."""
    checks = [made("a.one"), made("a.two"), made("b.one")]
    selection.check_names(checks)
    assert [one.about.id for one in checks if one in selection] == chosen


def test_a_name_there_is_not_is_an_error():
    """A typo must not look like a passed audit."""
    with pytest.raises(UnknownCheck):
        Selection(skip=("a.tow",)).check_names([made("a.two")])
