"""Each defect of a station is found by the check made for it; sound ones, on two stacks, show no finding."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime

import pytest
from zoo.station import DEFECTS, PASSWORD, SERIAL, ZooStation

from ocppsec.audit.finding import Verdict
from ocppsec.audit.run import Limits, NotReachable, Selection
from ocppsec.audit.stations.lab import Subject
from ocppsec.audit.stations.run import audit_station
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station

ZOO = Subject(identity="ST1", password=PASSWORD, serial_number=SERIAL, destructive=True)
NOT_THERE = {
    "slots.new-root",
    "roots.signed-by-old",  # both without AdditionalRootCertificateCheck
    "server.wildcard",  # there is no wildcard for localhost
}
FIRST = ("password.header", "boot.waits", "roots.installed", "slots.upgrade-to-2")
"""The way to profile 2."""
IN_SECONDS = ("connection.back-off", "certificate.asks-again")
"""They wait as long as the variables say, so they are run where they are judged, and with a station that waits."""


def way_to(check):
    """What has to run for *check* to mean something; without it each of many audits would be a whole one."""
    area = check.partition(".")[0]
    if area == "server":
        return (*FIRST, "server")
    if area == "certificate" or check == "slots.upgrade-to-3":
        return (*FIRST, "certificate", check)
    return (*FIRST, check)


async def audit(make, subject=ZOO, *, patience=3.0, waiting=(), only=()):
    """Audit the station that *make* gives for the URL it has to dial."""
    running = []
    skipped = tuple(check for check in IN_SECONDS if check not in waiting)
    selection = Selection(only=only, skip=skipped)

    def ready(lab):
        running.append(asyncio.get_running_loop().create_task(make(lab.urls["ws"]).run()))

    try:
        limits = Limits(pause=0, patience=patience)
        return await audit_station(subject, limits=limits, selection=selection, ready=ready)
    finally:
        for task in running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def left(report):
    return {
        one.about.id: (one.verdict, one.why) for one in report.findings if one.verdict is not Verdict.PASS
    }


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defect_is_found_by_its_check(tmp_path, defect):
    """The check made for the defect fails, with a reason and a remedy."""
    check, _ = DEFECTS[defect]
    make = lambda url: ZooStation(tmp_path, url, defect=defect)  # noqa: E731
    report = await audit(make, waiting=[check], only=way_to(check))
    finding = report.of(check)
    assert finding.verdict is Verdict.FAIL, (finding.verdict, finding.why)
    assert finding.why
    assert finding.remedy


async def test_a_sound_foreign_station_shows_no_finding(tmp_path):
    """A station on mobilityhouse's stack passes everything this audit looks at."""
    report = await audit(lambda url: ZooStation(tmp_path, url), patience=10.0)
    assert left(report).keys() <= NOT_THERE, left(report)


async def test_a_sound_station_with_one_root_shows_no_finding(tmp_path):
    """AdditionalRootCertificateCheck, done right."""
    report = await audit(lambda url: ZooStation(tmp_path, url, one_root=True), patience=10.0)
    no_second_root = {"roots.deleted"}
    assert left(report).keys() <= {"server.wildcard"} | no_second_root, left(report)


@pytest.mark.slow
async def test_a_sound_station_that_waits_shows_no_finding(tmp_path):
    """Waits in seconds, and doubled, as its variables say."""
    only = (*FIRST, *IN_SECONDS)
    report = await audit(
        lambda url: ZooStation(tmp_path, url, waits=True), patience=10.0, waiting=IN_SECONDS, only=only
    )
    assert not left(report), left(report)


@pytest.mark.parametrize("one_root", [False, True], ids=["many roots", "one root"])
async def test_our_own_station_shows_no_finding(one_root):
    """The simulated station, judged like any other."""

    def ours(url):
        config = StationConfig(
            identity="ST1",
            serial_number=SERIAL,
            url=url,
            password=PASSWORD,
            pace=0.05,
            reboot_seconds=0.1,
            traits=Traits(
                back_off_minimum=10, back_off_range=0, connection_attempts=2, additional_root_check=one_root
            ),
        )
        return Station(config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.random)

    made = []
    report = await audit(lambda url: made.append(ours(url)) or made[0], patience=10.0)
    expected = {"server.wildcard", "roots.deleted"} if one_root else NOT_THERE
    assert left(report).keys() <= expected, left(report)
    kept = made[0].remembered.variables
    assert kept["OCPPCommCtrlr.RetryBackOffWaitMinimum"] == "10", "as it was before the audit hurried it"


async def test_a_station_that_answers_nothing_passes_nothing_it_was_asked(tmp_path):
    """Only what its first request showed is a pass; every question without an answer is none."""
    report = await audit(lambda url: ZooStation(tmp_path, url, hears_nothing=True), patience=0.2)
    passes = {one.about.id for one in report.findings if one.verdict is Verdict.PASS}
    assert passes == {"password.header"}
    assert report.of("boot.waits").verdict is Verdict.FAIL


async def test_no_station_is_no_audit(tmp_path):
    """Where nobody comes there is neither a pass nor a fail."""
    with pytest.raises(NotReachable):
        await audit_station(ZOO, limits=Limits(patience=0.1))


async def test_a_station_is_not_changed_without_leave(tmp_path):
    """Without --destructive nothing is set, installed or deleted."""
    careful = Subject(identity="ST1", password=PASSWORD, serial_number=SERIAL)
    station = []

    def make(url):
        station.append(ZooStation(tmp_path, url))
        return station[0]

    report = await audit(make, careful)
    assert not list(tmp_path.glob("root-*"))
    assert station[0].password == PASSWORD
    assert report.of("roots.installed").verdict is Verdict.NOT_TESTED
    assert report.of("password.change").verdict is Verdict.NOT_TESTED
