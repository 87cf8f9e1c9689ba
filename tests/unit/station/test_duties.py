"""What a station sends unasked, against a CSMS that is a dict of answers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ocppsec.link.errors import CallRefused, CallTimedOut
from ocppsec.ocppj.messages import MessageTrigger, RegistrationStatus
from ocppsec.ocppj.schemas import check_request
from ocppsec.ocppj.times import to_wire
from ocppsec.station import happenings as told
from ocppsec.station.calendar import Duty
from ocppsec.station.charging import LONGEST
from ocppsec.station.config import Traits
from ocppsec.station.duties import Duties
from ocppsec.station.inner import Inner
from ocppsec.station.memory import PassingMemory
from ocppsec.station.reply import SendLog, SendReport
from ocppsec.station.reports import base

TIME = "2026-11-22T12:00:05.000Z"


class ScriptedCsms:
    """Answers every CALL from its script; remembers them all, each checked by its schema."""

    def __init__(self, **answers):
        self.calls = []
        self.answers = {
            "BootNotification": {"status": "Accepted", "currentTime": TIME, "interval": 300},
            "Heartbeat": {"currentTime": TIME},
            "SignCertificate": {"status": "Accepted"},
        } | answers

    async def call(self, action, payload, *, timeout):
        check_request(action, payload)
        self.calls.append((action, payload))
        answer = self.answers.get(action, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def actions(self):
        return [action for action, _ in self.calls]


@pytest.fixture
def happened():
    return []


@pytest.fixture
def inner(world, happened):
    memory = PassingMemory()
    ids = iter("abcdefgh")
    return Inner(
        world.situation.config,
        memory,
        clock=lambda: world.now,
        tell=happened.append,
        new_id=lambda: next(ids),
    )


def on(inner, csms, confirmed=None):
    calls = confirmed if confirmed is not None else []
    return Duties(inner, csms, lambda: calls.append(csms.actions[:]))


async def begun(inner, csms, confirmed=None):
    duties = on(inner, csms, confirmed)
    duties.begin()
    while duties.until_next() == 0:
        await duties.do_what_is_due()
    return duties


async def test_a_boot_says_who_and_why(inner):
    """B01.FR.01: serial number, model, vendor, firmware, and the reason."""
    csms = ScriptedCsms()
    await begun(inner, csms)
    assert csms.calls[0] == (
        "BootNotification",
        {
            "reason": "PowerUp",
            "chargingStation": {
                "model": "ocppsec-1",
                "vendorName": "ocppsec",
                "serialNumber": "SN-1",
                "firmwareVersion": "1.0.0",
            },
        },
    )


async def test_after_accepted_come_status_and_events(inner):
    """B01: then the station may say everything; the queued events are delivered (A04.FR.02)."""
    csms = ScriptedCsms()
    duties = await begun(inner, csms)
    assert csms.actions == ["BootNotification", "StatusNotification", "SecurityEventNotification"]
    assert csms.calls[2][1]["type"] == "StartupOfTheDevice"
    assert inner.kept.undelivered == ()
    assert 0 < duties.until_next() <= 300


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_before_accepted_nothing_else_is_sent(inner, status):
    """B02.FR.02, B03.FR.02: not even a security event; the next boot comes after the interval."""
    answer = {"status": status, "currentTime": TIME, "interval": 7}
    csms, confirmed = ScriptedCsms(BootNotification=answer), []
    duties = await begun(inner, csms, confirmed)
    assert csms.actions == ["BootNotification"]
    assert bool(confirmed) == (status == "Pending")
    assert 6 < duties.until_next() <= 7
    assert len(inner.kept.undelivered) == 1


async def test_an_interval_of_zero_is_the_stations_choice(inner):
    """B02.FR.05, B03.FR.05: it does not boot in a loop."""
    csms = ScriptedCsms(BootNotification={"status": "Rejected", "currentTime": TIME, "interval": 0})
    duties = await begun(inner, csms)
    assert duties.until_next() > 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(CallTimedOut("BootNotification", 30), id="silence"),
        pytest.param(CallRefused("InternalError", "", {}), id="CALLERROR"),
    ],
)
async def test_a_boot_without_an_answer_is_repeated(inner, answer):
    """And nothing else is sent before."""
    csms, confirmed = ScriptedCsms(BootNotification=answer), []
    duties = await begun(inner, csms, confirmed)
    assert (csms.actions, confirmed, inner.registration) == (["BootNotification"], [], None)
    assert duties.until_next() > 5


async def test_an_accepted_station_that_reconnects_does_not_boot(inner):
    """Part 4, 5.3: what was accepted stays so; it is confirmed before anything is sent."""
    inner.registration = RegistrationStatus.ACCEPTED
    csms, confirmed = ScriptedCsms(), []
    await begun(inner, csms, confirmed)
    assert csms.actions == ["SecurityEventNotification"]
    assert confirmed == [[]]


async def test_the_profile_is_confirmed_before_anything_else_is_sent(inner):
    """A05.FR.06 holds from the answer to the BootNotification on."""
    csms, confirmed = ScriptedCsms(), []
    await begun(inner, csms, confirmed)
    assert confirmed == [["BootNotification"]]


async def test_the_heartbeat_interval_is_the_csms_s(inner):
    """B01.FR.02: the interval of the answer, remembered as HeartbeatInterval."""
    csms = ScriptedCsms(BootNotification={"status": "Accepted", "currentTime": TIME, "interval": 42})
    duties = await begun(inner, csms)
    assert 41 < duties.calendar.wait(Duty.HEARTBEAT) <= 42
    assert inner.number("OCPPCommCtrlr", "HeartbeatInterval") == 42


async def test_an_event_that_was_not_taken_stays(inner):
    """A04.FR.02: CALLERROR or silence keep it in the queue; it is tried again later."""
    csms = ScriptedCsms(SecurityEventNotification=CallRefused("InternalError", "", {}))
    duties = await begun(inner, csms)
    assert csms.actions.count("SecurityEventNotification") == 1
    assert len(inner.kept.undelivered) == 1
    assert 0 < duties.until_next() <= 60


async def test_a_second_boot_without_a_reset_does_not_claim_one(inner):
    """B10.FR.10: after another slot connected, the reason is not the old one."""
    csms = ScriptedCsms()
    inner.keep(inner.kept.but(boot_reason="RemoteReset"))
    inner.boot_reason = "RemoteReset"
    await begun(inner, csms)
    inner.registration = None
    await begun(inner, csms)
    reasons = [payload["reason"] for action, payload in csms.calls if action == "BootNotification"]
    assert reasons == ["RemoteReset", "Unknown"]
    assert inner.kept.boot_reason == "PowerUp"


@pytest.mark.parametrize(
    ("time", "moved"),
    [
        pytest.param("2026-11-22T12:00:19Z", False, id="within the threshold"),
        pytest.param("2026-11-22T12:14:00Z", True, id="14 minutes behind"),
        pytest.param("1970-01-01T00:00:00Z", True, id="the CSMS lives in 1970"),
        pytest.param("2026-11-22T14:00:01+02:00", False, id="another offset"),
    ],
)
async def test_the_clock_follows_the_csms(inner, world, time, moved):
    """ClockCtrlr: by more than the threshold, with an event (SettingSystemTime)."""
    await begun(
        inner, ScriptedCsms(BootNotification={"status": "Accepted", "currentTime": time, "interval": 9})
    )
    assert (inner.now() != world.now) == moved
    assert ("SettingSystemTime" in [event.type for event in inner.kept.log]) == moved


async def test_a_time_that_is_none_moves_nothing(inner, world, happened):
    """It is told, and ignored."""
    await begun(
        inner, ScriptedCsms(BootNotification={"status": "Accepted", "currentTime": "noon", "interval": 9})
    )
    assert inner.now() == world.now
    assert any(isinstance(one, told.Dropped) for one in happened)


# -- certificates -----------------------------------------------------------------------------------------


async def asked(inner, **answers):
    csms = ScriptedCsms(**answers)
    duties = on(inner, csms)
    await duties.triggered(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
    return csms, duties


async def test_a_request_has_a_new_key_that_stays(inner):
    """A02.FR.02, 03, 05: kept under its name before the request leaves, and nowhere on the wire."""
    csms, _ = await asked(inner)
    ((action, payload),) = csms.calls
    assert (action, payload["certificateType"]) == ("SignCertificate", "ChargingStationCertificate")
    (request,) = inner.kept.requests
    assert request.csr == payload["csr"]
    key = inner.memory.key(request.key)
    assert b"PRIVATE KEY" in key
    assert "PRIVATE KEY" not in str(payload)


async def test_each_request_has_another_key(inner):
    """A02.FR.02."""
    first, _ = await asked(inner)
    second, _ = await asked(inner)
    assert first.calls[0][1]["csr"] != second.calls[0][1]["csr"]
    assert len(inner.kept.requests) == 2


async def test_a_rejected_request_is_forgotten_with_its_key(inner):
    """A02.FR.12: and it is not repeated."""
    _, duties = await asked(inner, SignCertificate={"status": "Rejected"})
    assert (inner.kept.requests, inner.memory._keys, inner.asking) == ((), {}, None)
    assert duties.until_next() is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": "Accepted"}, id="accepted"),
        pytest.param(CallTimedOut("SignCertificate", 30), id="silence"),
        pytest.param(CallRefused("InternalError", "", {}), id="CALLERROR"),
    ],
)
async def test_a_request_without_a_certificate_is_repeated(inner, answer):
    """A02.FR.17: after CertSigningWaitMinimum the same again."""
    csms, duties = await asked(inner, SignCertificate=answer)
    assert 59 < duties.until_next() <= 60
    await duties.certification.ask_again()
    assert csms.calls[0] == csms.calls[1]
    assert 119 < duties.until_next() <= 120


async def test_a_lost_connection_does_not_end_a_request(inner):
    """A02.FR.17 goes on where it was."""
    await asked(inner)
    inner.registration = RegistrationStatus.ACCEPTED
    duties = await begun(inner, ScriptedCsms())
    assert 59 < duties.calendar.wait(Duty.ASK_AGAIN) <= 60


async def test_a_certificate_ends_the_repetitions(inner):
    """A02.FR.20 for a bad one as well."""
    _, duties = await asked(inner)
    duties.certification.stop_asking()
    assert (duties.until_next(), inner.asking) == (None, None)


# -- on demand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "action", "said"),
    [
        pytest.param("Heartbeat", "Heartbeat", {}, id="heartbeat"),
        pytest.param(
            "LogStatusNotification", "LogStatusNotification", {"status": "Idle"}, id="F06.FR.15 log"
        ),
        pytest.param(
            "FirmwareStatusNotification", "FirmwareStatusNotification", {"status": "Idle"}, id="F06.FR.16"
        ),
        pytest.param(
            "StatusNotification", "StatusNotification", {"evseId": 1, "connectorId": 1}, id="status"
        ),
        pytest.param("BootNotification", "BootNotification", {"reason": "Triggered"}, id="boot"),
    ],
)
async def test_what_was_triggered_is_sent(inner, message, action, said):
    """F06.FR.10."""
    csms = ScriptedCsms()
    await on(inner, csms).triggered(MessageTrigger(message))
    assert csms.calls[0][0] == action
    assert said.items() <= csms.calls[0][1].items()


async def test_a_report_comes_in_numbered_pages(inner, world):
    """B07.FR.08 to 10: from 0, all but the last to be continued, every variable once, no password."""
    data = base("FullInventory", inner.kept, inner.situation())
    csms = ScriptedCsms()
    await on(inner, csms).report(SendReport(request_id=9, data=data))
    pages = [payload for _, payload in csms.calls]
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert [page.get("tbc", False) for page in pages] == [True] * (len(pages) - 1) + [False]
    assert sum(len(page["reportData"]) for page in pages) == len(inner.catalogue.definitions)
    assert {page["requestId"] for page in pages} == {9}
    assert "sixteen-letters-" not in str(pages)


async def test_a_configuration_report_has_what_can_be_set(inner):
    """B07.FR.07."""
    entries = base("ConfigurationInventory", inner.kept, inner.situation())
    assert {entry.variable_attribute[0].mutability for entry in entries} == {"ReadWrite", "WriteOnly"}


async def test_the_slots_a_station_has_are_in_its_report(inner):
    """LESSONS, stations in the field, 4: a CSMS asks for the valuesList."""
    entries = base("FullInventory", inner.kept, inner.situation())
    (entry,) = [entry for entry in entries if entry.variable.name == "NetworkConfigurationPriority"]
    assert entry.variable_characteristics.values_list == "1,2,3"


# -- memory -----------------------------------------------------------------------------------------------


async def test_keys_nobody_needs_any_more_are_destroyed(inner):
    """With the memory that named them."""
    inner.memory.save_key("stray", b"key")
    await asked(inner)
    assert len(inner.memory._keys) == 1


async def test_a_reboot_makes_the_stored_slots_current(inner, world):
    """B09: overwriting a slot has no effect before."""
    inner.keep(inner.kept.but(slots={1: world.profile(2)}, priority=(1,)))
    assert inner.connection.security_profile == 1
    inner.registration = RegistrationStatus.ACCEPTED
    inner.reload()
    assert inner.connection.security_profile == 2
    assert inner.registration is None


# -- A03: of its own accord -----------------------------------------------------------------------------------


@pytest.fixture
def owning(world, happened):
    """A station whose certificate ends in *days*, and lived as long before."""

    def made(days, *, organization="Example CSO"):
        begin, end = world.now - timedelta(days=days), world.now + timedelta(days=days)
        world_then = world.with_certificate(begin=begin, end=end)
        memory = PassingMemory()
        memory.save(world_then.kept)
        memory.save_key("key-1", b"")
        conf = world.config(traits=Traits(organization=organization))
        return Inner(conf, memory, clock=lambda: world.now, tell=happened.append, new_id=lambda: "a")

    return made


@pytest.mark.parametrize(
    ("days", "wait"),
    [
        pytest.param(400, 370, id="a month before the end"),
        pytest.param(3, 1, id="a short life: when a third is left"),
    ],
)
async def test_a_station_renews_its_certificate_in_time(owning, days, wait):
    """A03: nobody has to ask it; a certificate of a few days is not renewed on the day it came."""
    inner = owning(days)
    csms = ScriptedCsms()
    duties = await begun(inner, csms)
    assert "SignCertificate" not in csms.actions
    due = duties.calendar.wait(Duty.RENEW)
    assert wait * 86_400 - 10 < due <= wait * 86_400


async def test_a_certificate_that_is_due_is_asked_for_at_once(owning, world):
    """A03.FR.02: a new key pair, after the boot was accepted; tomorrow again when nothing came of it."""
    inner = owning(20)
    inner._clock = lambda: world.now + timedelta(days=19)
    csms = ScriptedCsms(
        BootNotification={"status": "Accepted", "currentTime": to_wire(inner.now()), "interval": 9}
    )
    duties = await begun(inner, csms)
    assert csms.actions.index("SignCertificate") > csms.actions.index("BootNotification")
    assert csms.actions.count("SignCertificate") == 1
    assert 86_000 < duties.calendar.wait(Duty.RENEW) <= 86_400


async def test_without_an_organization_nobody_is_asked(owning, world):
    """A02, precondition."""
    inner = owning(20, organization="")
    inner._clock = lambda: world.now + timedelta(days=19)
    csms = ScriptedCsms(
        BootNotification={"status": "Accepted", "currentTime": to_wire(inner.now()), "interval": 9}
    )
    await begun(inner, csms)
    assert "SignCertificate" not in csms.actions


async def test_while_pending_nothing_is_renewed(owning, world):
    """B02.FR.02: nobody has asked for it."""
    inner = owning(20)
    inner._clock = lambda: world.now + timedelta(days=19)
    csms = ScriptedCsms(
        BootNotification={"status": "Pending", "currentTime": to_wire(inner.now()), "interval": 9}
    )
    await begun(inner, csms)
    assert csms.actions == ["BootNotification"]


# -- N01: the log -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "retries", "expected"),
    [
        pytest.param([201], 2, ["Uploading", "Uploaded"], id="at once"),
        pytest.param([500, 201], 1, ["Uploading", "Uploaded"], id="the second time"),
        pytest.param([500, 500], 1, ["Uploading", "UploadFailure"], id="never"),
        pytest.param([403], 5, ["Uploading", "PermissionDenied"], id="forbidden is not tried again"),
    ],
)
async def test_the_upload_of_a_log_is_told(inner, answers, retries, expected):
    """N01.FR.07 to 10: how it begins and how it ends, with the id of the request; as often as was asked."""
    left = list(answers)

    async def serve(reader, writer):
        await reader.readuntil(b"line\n")
        writer.write(f"HTTP/1.1 {left.pop(0)} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    csms = ScriptedCsms()
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await on(inner, csms).log(
            SendLog(request_id=7, url=url, name="log.txt", text="line\n", retries=retries, retry_interval=0)
        )
    assert [payload for _, payload in csms.calls] == [{"status": one, "requestId": 7} for one in expected]
    assert left == []


# -- charging -----------------------------------------------------------------------------------------------
async def test_a_vehicle_that_is_always_charging(world, inner):
    """E01, E02, E06: one transaction after the other, each numbered from 0 without a gap, over a reconnect too."""
    inner.config = replace(inner.config, traits=Traits(meter_seconds=0.01))
    inner.registration = RegistrationStatus.ACCEPTED
    told_of = []
    for _ in range(3):  # connections
        csms = ScriptedCsms()
        duties = Duties(inner, csms, lambda: None)
        duties.begin()
        for _ in range(10):
            await duties.charging.tell()
        told_of += [payload for action, payload in csms.calls if action == "TransactionEvent"]
    assert Duty.METER in duties.calendar
    numbers = [event["seqNo"] for event in told_of]
    assert numbers == [*range(LONGEST), *range(10)]
    assert [event["eventType"] for event in told_of][:: LONGEST - 1] == ["Started", "Ended"]
    assert len({event["transactionInfo"]["transactionId"] for event in told_of}) == 2

    inner.reload()
    assert inner.transaction is None


async def test_most_stations_charge_nobody(inner):
    """Nothing is scheduled where the kind does not charge."""
    inner.registration = RegistrationStatus.ACCEPTED
    duties = Duties(inner, ScriptedCsms(), lambda: None)
    duties.begin()
    assert Duty.METER not in duties.calendar
