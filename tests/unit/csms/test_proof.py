"""What is proved of a door before a station is sent there."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest

from ocppsec.certificates.files import load_or_create
from ocppsec.csms import tls
from ocppsec.csms.proof import Prover
from ocppsec.csms.tls import Chain

NOW = datetime.now(UTC)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Listens:
    def __init__(self, port):
        self.port = port

    def address(self):
        return None if self.port is None else ("127.0.0.1", self.port)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    return [
        load_or_create(
            tmp_path_factory.mktemp(name),
            organization="CSO",
            hostname="csms.example",
            now=NOW,
        )
        for name in ("ours", "theirs")
    ]


def served(authority, *, required=False):
    files = authority.server_ec
    chain = Chain(certificate=files.chain, key=files.key, password=files.passphrase)
    anchors = authority.station_issuers_pem if required else None
    return tls.server_context([chain], client_anchors=anchors, required=required)


@pytest.fixture
async def open_door():
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield Listens(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("required", [False, True], ids=["profile 2", "profile 3"])
async def test_a_door_that_a_station_can_use(open_door, authorities, required):
    """It answers, and what it serves leads to the root under the name of the URL; with a client certificate asked too."""
    ours, _ = authorities
    objection = await Prover("csms.example").objection(
        open_door, served(ours, required=required), ours.root_pem
    )
    assert objection is None


@pytest.mark.parametrize("required", [False, True], ids=["profile 2", "profile 3"])
@pytest.mark.parametrize(
    ("hostname", "trusted", "said"),
    [
        pytest.param("csms.example", 1, "would refuse our certificate", id="another root"),
        pytest.param("other.example", 0, "would refuse our certificate", id="another name"),
    ],
)
async def test_what_a_station_would_refuse(open_door, authorities, hostname, trusted, said, required):
    """The station would have been sent to a door that it does not believe."""
    context = served(authorities[0], required=required)
    objection = await Prover(hostname).objection(open_door, context, authorities[trusted].root_pem)
    assert said in objection


async def test_a_door_with_which_no_handshake_comes_about(open_door, authorities):
    """It serves no certificate, or nothing at all."""
    prover, root = Prover("csms.example"), authorities[0].root_pem
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert "no handshake comes about" in await prover.objection(open_door, empty, root)
    assert "serves no certificate" in await prover.objection(open_door, None, root)


async def test_a_door_that_is_shut(authorities):
    """Nobody listens there, or listens no more."""
    ours, _ = authorities
    prover, context = Prover("csms.example"), served(ours)
    assert "does not answer" in await prover.objection(Listens(None), context, ours.root_pem)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert "does not answer" in await prover.objection(Listens(port), context, ours.root_pem)


async def test_a_proof_is_good_for_a_minute_and_for_what_was_proved(open_door, authorities, monkeypatch):
    """Many upgrades that begin at once make one handshake; another root, context or minute makes its own."""
    ours, theirs = authorities
    clock, met = Clock(), []
    prover, context = Prover("csms.example", clock), served(ours)
    monkeypatch.setattr("ocppsec.csms.proof.meet", lambda served, **named: met.append(named["root_pem"]))
    for _ in range(3):
        await prover.objection(open_door, context, ours.root_pem)
    assert met == [ours.root_pem]
    await prover.objection(open_door, context, theirs.root_pem)
    await prover.objection(open_door, served(ours), ours.root_pem)
    clock.now += 60
    await prover.objection(open_door, context, ours.root_pem)
    assert len(met) == 4
