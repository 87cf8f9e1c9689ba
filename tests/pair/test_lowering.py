"""From profile 3 down to 2 by name: our CSMS and our station, real sockets and real TLS."""

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest

from ocppsec.csms import evidence
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput
from ocppsec.csms.service import Csms
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import UpgradeStatus
from ocppsec.station.config import Edition, StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades.plan import Deadlines

IDENTITY = "CP1"
NONE, BASIC, TLS_BASIC, TLS_CLIENT = SecurityProfile
QUICK = Deadlines(report=5, boot=60, reset_pause=0.2, arrival=10)


class House:
    """One CSMS and one station on profile 3."""

    def __init__(self):
        self.store, self.events, self._tasks = MemoryStore(), [], []

    async def open(self, directory, edition):
        configuration = Configuration(
            state=directory,
            doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
            hostname="localhost",
            organization="CSO",
            upgrade_deadlines=QUICK,
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()
        added = await self.csms.add_station(IDENTITY, serial_number="SN-1")
        config = StationConfig(
            identity=IDENTITY,
            serial_number="SN-1",
            url=self.csms.url_for(1),
            password=added.generated_password,
            pace=0.02,
            traits=Traits(edition=edition, connection_attempts=2, back_off_minimum=1, back_off_range=1),
            reboot_seconds=0.1,
        )
        self.station = Station(
            config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.Random(1).random
        )
        self._tasks.append(asyncio.create_task(self.station.run()))
        await self.station.until(lambda station: station.accepted, timeout=60)
        assert (await self.end(await self.csms.begin_upgrade(IDENTITY, 3))).status is UpgradeStatus.DONE

    async def allow(self):
        item = {
            "attributeValue": "true",
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "AllowSecurityProfileDowngrade"},
        }
        answer = await self.csms.call(IDENTITY, "SetVariables", {"setVariableData": [item]}, timeout=5)
        assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"

    async def lower(self):
        return await self.end(
            await self.csms.begin_downgrade(IDENTITY, by="ops", reason="its certificate store is broken")
        )

    async def end(self, begun):
        async with asyncio.timeout(90):
            while (upgrade := await self.store.upgrade(begun.id)).status is UpgradeStatus.OPEN:
                await asyncio.sleep(0.02)
        return upgrade

    async def floor(self):
        return (await self.store.station(IDENTITY)).floor

    async def close(self):
        self.station.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.csms.stop()


@pytest.fixture
async def house(tmp_path, request):
    made = House()
    await made.open(tmp_path, getattr(request, "param", Edition.ERRATA))
    yield made
    await made.close()


async def test_down_and_up_again(house):
    """Where the station allows it, it boots on 2, with who and why kept and told; then it climbs to 3 as ever."""
    await house.allow()

    ended = await house.lower()

    assert ended.status is UpgradeStatus.DONE, ended.reason
    assert await house.floor() is TLS_BASIC
    assert house.csms.connection(IDENTITY).profile == 2
    station = await house.store.station(IDENTITY)
    assert (station.target, station.highest) == (TLS_BASIC, TLS_CLIENT)
    assert (await house.csms.rescue(IDENTITY)).open_doors == [2, 3]
    (row,) = await house.store.interventions(IDENTITY)
    assert (row.what, row.by, row.reason) == ("lower-floor", "ops", "its certificate store is broken")
    (event,) = [event for event in house.events if event.name == "intervened"]
    assert (event.identity, event.by, event.reason, event.security) == (IDENTITY, "ops", row.reason, True)

    raised = await house.end(await house.csms.begin_upgrade(IDENTITY, 3))
    assert raised.status is UpgradeStatus.DONE, raised.reason
    assert await house.floor() is TLS_CLIENT


@pytest.mark.parametrize(
    ("house", "said"),
    [
        pytest.param(Edition.ERRATA, "is off", id="switch off"),
        pytest.param(Edition.THIRD, "does not have", id="no switch"),
    ],
    indirect=["house"],
)
async def test_not_where_the_station_does_not_allow_it(house, said):
    """Nothing is changed, at the station or here, and the floor has not moved for a moment."""
    ended = await house.lower()
    assert ended.status is UpgradeStatus.FAILED
    assert said in ended.reason
    assert "Nothing was changed" in ended.reason
    assert await house.floor() is TLS_CLIENT
    assert await house.store.interventions(IDENTITY) == []
    assert house.csms.connection(IDENTITY).profile == 3


async def test_without_a_password_nobody_is_lowered(house):
    """Profile 2 needs one: that is said before anything is begun."""
    record = await house.store.admission_record(IDENTITY)
    await house.store.replace_passwords(IDENTITY, record.password_hashes, ())
    with pytest.raises(BadInput, match="no password"):
        await house.csms.begin_downgrade(IDENTITY, by="ops", reason="broken")


async def test_who_never_was_on_3_is_not_lowered(house):
    """That is said before anything is begun; its target stays what it was."""
    await house.csms.add_station("CP2")
    with pytest.raises(BadInput, match="is on profile 1: only a station on profile 3"):
        await house.csms.begin_downgrade("CP2", by="ops", reason="broken")
    assert (await house.store.station("CP2")).target == 1
    assert await house.store.upgrades("CP2") == []


async def test_a_station_that_comes_back_on_3_keeps_its_floor(house):
    """It took everything and cannot use profile 2: its boot on 3 takes the floor up again."""
    await house.allow()
    await house.store.set_password_hash(IDENTITY, "another password")
    ended = await house.lower()
    assert ended.status is UpgradeStatus.FAILED
    assert "booted on profile 3 again" in ended.reason
    assert await house.floor() is TLS_CLIENT
    assert house.csms.connection(IDENTITY).profile == 3


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param(
            "SetNetworkProfile",
            {
                "configurationSlot": 2,
                "connectionData": {
                    "ocppVersion": "OCPP20",
                    "ocppTransport": "JSON",
                    "ocppCsmsUrl": "wss://localhost:1/ocpp",
                    "messageTimeout": 30,
                    "securityProfile": 2,
                    "ocppInterface": "Wired0",
                },
            },
            id="below the floor",
        ),
        pytest.param(
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "a-password-of-my-own",
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
            id="password",
        ),
    ],
)
async def test_nobody_is_locked_out_by_hand(house, action, payload):
    """A call that the station could not come back from is not sent, whoever asks for it."""
    await house.allow()

    with pytest.raises(BadInput, match="would"):
        await house.csms.call(IDENTITY, action, payload, timeout=5)

    await house.csms.call(IDENTITY, "Reset", {"type": "Immediate"}, timeout=5)
    await house.station.until(lambda station: not station.accepted, timeout=10)
    await house.station.until(lambda station: station.accepted, timeout=30)
    assert house.csms.connection(IDENTITY).profile == 3


async def test_what_was_said_is_evidence(house):
    """Each request of the upgrade and the station's answer to it, certificates by their hash."""
    (upgrade,) = await house.store.upgrades(IDENTITY)
    found = await evidence.of_upgrade(house.store, upgrade)
    said = [message for step in found["steps"] for message in step["messages"]]

    asked = [message["action"] for message in said if message["from"] == "csms"]
    answered = [message["result of"] for message in said if "result of" in message]
    assert {"GetVariables", "InstallCertificate", "SetNetworkProfile", "SetVariables", "Reset"} <= set(asked)
    assert set(asked) == set(answered)
    assert len(asked) == len(answered)
    (signed,) = [message for message in said if message.get("action") == "CertificateSigned"]
    assert signed["payload"]["certificateChain"].startswith("sha256:")
    assert any(message.get("action") == "SignCertificate" for message in said)
    assert "BEGIN CERTIFICATE" not in json.dumps(found)
