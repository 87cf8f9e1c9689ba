"""The API without sockets: the app in memory, over a CSMS that keeps everything in dictionaries."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from ocppsec.csms.certificate_office import CertificateOffice
from ocppsec.csms.entrance import OpenDoor
from ocppsec.csms.errors import BadInput, NotConnected
from ocppsec.csms.explain import explain
from ocppsec.csms.service import AddedStation, ConnectionInfo
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.stations import check_labels
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import (
    NewStation,
    Upgrade,
    UpgradeStatus,
    UpgradeStep,
)
from ocppsec.registry.store import NotRegistered
from ocppsec.web.access import Access
from ocppsec.web.api import create_app

TOKEN = "right-token-" + "x" * 32
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GENERATED = "Generated4Password4That4Is4Told4Only4Once"


class InMemoryCsms:
    """The facade's signatures over a `MemoryStore`; `answers` says how stations answer calls."""

    def __init__(self) -> None:
        self.store: Any = MemoryStore()
        self.events: list[Any] = []
        self.certificates = CertificateOffice(
            self.store, Sessions(), emit=self.events.append, now=lambda: NOW
        )
        self.renewer: Any = SimpleNamespace(open=lambda _identity: None)
        self.answers: dict[str, dict[str, Any] | Exception] = {}
        self.connections: dict[str, ConnectionInfo] = {}
        self.calls: list[tuple[str, str, dict[str, Any], float]] = []
        self.begun = 0
        self.authority = SimpleNamespace(
            root_pem="-----BEGIN CERTIFICATE-----\n",
            root_sha256="ab" * 32,
            root_certificate_path=Path("/s/root.pem"),
        )
        self.doors = (
            OpenDoor(name="ws", url="ws://h:1/ocpp", profiles=(0, 1)),
            OpenDoor(name="wss", url="wss://h:2/ocpp", profiles=(2,)),
            OpenDoor(name="mtls", url="wss://h:3/ocpp", profiles=(3,)),
        )
        self.unready: Exception | None = None

    async def ready(self) -> None:
        if self.unready:
            raise self.unready

    def connection(self, identity: str) -> ConnectionInfo | None:
        return self.connections.get(identity)

    def connections_count(self) -> dict[int, int]:
        return {1: 1, 3: 2}

    async def add_station(
        self, identity, *, serial_number=None, profile=1, password=None, labels=None
    ) -> AddedStation:
        if ":" in identity:
            raise BadInput("an identity has no colon", "choose another identity")
        if password is not None and len(password) < 16:
            raise BadInput("the password is too short", "leave it out to have one generated")
        station = await self.store.add_station(
            NewStation(
                identity=identity,
                serial_number=serial_number or identity,
                profile=SecurityProfile(profile),
                password_hash="hash",
                added_at=NOW,
                labels=labels or {},
            )
        )
        return AddedStation(station=station, generated_password=None if password else GENERATED)

    async def set_labels(self, identity, labels) -> None:
        check_labels(labels)
        await self.store.set_labels(identity, labels)

    async def remove_station(self, identity) -> bool:
        return await self.store.remove_station(identity)

    async def begin_upgrade(self, identity, to) -> Upgrade:
        if to == 0:
            raise BadInput("nobody is taken to profile 0")
        self.begun += 1
        upgrade = Upgrade(
            id=f"u{self.begun}",
            identity=identity,
            target=SecurityProfile(to),
            status=UpgradeStatus.OPEN,
            step="asking",
            reason="",
            state="{}",
            version=0,
            deadline=None,
            started_at=NOW,
        )
        return await self.store.begin_upgrade(upgrade, [UpgradeStep(at=NOW, step="begun")])

    async def call(self, identity, action, payload, *, timeout) -> dict[str, Any]:
        if await self.store.station(identity) is None:
            raise NotRegistered(identity)
        self.calls.append((identity, action, payload, timeout))
        answer = self.answers.get(identity) or NotConnected(f"{identity} is not connected", "look at why")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def why(self, identity):
        return await explain(self.store, identity, await self.store.station(identity), connected=None)


@dataclass
class World:
    csms: InMemoryCsms
    http: httpx2.AsyncClient
    bugs: list[tuple[str, Exception]] = field(default_factory=list)

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        return await self.http.request(method, path, **request)

    async def add(self, identity: str, **more: Any) -> httpx2.Response:
        return await self.ask("POST", "/api/v1/stations", json={"identity": identity, **more})


@pytest.fixture
def access() -> Access:
    return Access(token=TOKEN, hosts=frozenset({"localhost", "127.0.0.1", "[::1]"}), metrics_open=True)


@pytest.fixture
async def world(access: Access) -> AsyncIterator[World]:
    csms = InMemoryCsms()
    bugs: list[tuple[str, Exception]] = []
    app = create_app(
        csms,  # type: ignore[arg-type]
        access=access,
        metrics=lambda: b"ocppsec_connections 1\n",
        on_bug=lambda incident, error: bugs.append((incident, error)),
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as http:
        yield World(csms=csms, http=http, bugs=bugs)


@pytest.fixture
def strict_world(world: World, access: Access) -> World:
    """As `world`, with metrics for holders of the token only."""
    app = create_app(
        world.csms,  # type: ignore[arg-type]
        access=replace(access, metrics_open=False),
        metrics=lambda: b"",
        on_bug=lambda *_: None,
    )
    return World(
        csms=world.csms,
        http=httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost"),
    )


def problem(response: httpx2.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    return body


@pytest.fixture(name="problem")
def _problem():
    """Check that a response is problem details and give them."""
    return problem
