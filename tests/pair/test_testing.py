"""What users of other CSMSs get: a station in one line, a PKI for it, and fixtures; against a CSMS of their kind."""

import asyncio
import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from websockets.asyncio.server import serve

from ocppsec.station import happenings as told
from ocppsec.station.testing import PASSWORD, NotAccepted, TestAuthority, a_station

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "simulate.md"


@pytest.fixture(scope="module")
def authority():
    return TestAuthority.create("Some CSO")


@asynccontextmanager
async def csms(context=None, *, status="Accepted", refuses=False):
    """Answers every CALL with as little as there is to say."""

    async def converse(connection):
        async for message in connection:
            _, call_id, action, _ = json.loads(message)
            boot = {"status": status, "currentTime": "2026-11-22T12:00:00Z", "interval": 300}
            await connection.send(json.dumps([3, call_id, boot if action == "BootNotification" else {}]))

    def check(connection, request):
        seen.append(request.headers.get("Authorization"))
        return connection.respond(403, "not you\n") if refuses else None

    seen = []
    server = await serve(
        converse, "localhost", 0, ssl=context, subprotocols=["ocpp2.0.1"], process_request=check
    )
    async with server:
        scheme = "ws" if context is None else "wss"
        yield f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/ocpp", seen


@pytest.mark.parametrize("profile", [1, 2, 3])
async def test_a_station_on_any_profile_is_one_line(authority, tmp_path, profile):
    """With what that profile asks for: a password, the root, a certificate."""
    context = authority.server_context(tmp_path, profile=profile) if profile > 1 else None
    async with csms(context) as (url, seen):
        station = await a_station(url, profile=profile, authority=authority)
        assert (station.accepted, station.profile) == (True, profile)
        assert (seen[0] is None) == (profile == 3)
        assert [type(happening) for happening in station.of(told.Dialling, told.Connected)] == [
            told.Dialling,
            told.Connected,
        ]
        await station.stop()
        await station.stop()
        assert isinstance(station.happened[-1], told.Stopped)


async def test_it_is_a_context_too(authority):
    """At its end the station has hung up."""
    async with csms() as (url, _):
        async with await a_station(url, profile=1) as station:
            await station.until(lambda s: s.accepted, timeout=1)
        assert not station.accepted


@pytest.mark.parametrize(
    ("how", "words"),
    [
        pytest.param(
            {"refuses": True},
            "TEST001 was not accepted within 0.5 s: the CSMS refused: 403 not you",
            id="refused",
        ),
        pytest.param({"status": "Pending"}, "its boot was answered Pending", id="pending"),
    ],
)
async def test_a_station_that_is_not_let_in_says_why(how, words):
    """In the words of the CSMS; a test fails with them."""
    async with csms(**how) as (url, _):
        with pytest.raises(NotAccepted, match=re.escape(words)):
            await a_station(url, profile=1, wait=0.5)


async def test_nobody_there_is_told_too():
    """By stage and reason."""
    async with csms() as (url, _):
        pass
    with pytest.raises(NotAccepted, match=r"no connection \(tcp\)"):
        await a_station(url, profile=1, wait=0.3)


async def test_not_to_wait_is_possible():
    """A station against a CSMS that comes later."""
    async with csms() as (url, _):
        station = await a_station(url, profile=1, wait=None)
        assert not station.accepted
        await station.until(lambda s: s.accepted)
        await station.stop()


async def test_what_it_learned_outlives_it(tmp_path):
    """With a directory of its own, the next station of that name carries on where it was."""
    async with csms() as (url, _):
        async with await a_station(url, profile=1, state=tmp_path / "s") as first:
            remembered = first.station.remembered
        async with await a_station(url, profile=1, state=tmp_path / "s") as second:
            assert second.station.remembered.log[: len(remembered.log)] == remembered.log


async def test_a_manner_is_one_word_more(authority):
    """The same CSMS, a wrong password."""
    async with csms() as (url, seen):
        for manners in ([], ["no-password"]):
            async with await a_station(url, profile=1, manners=manners):
                await asyncio.sleep(0)
    assert [authorization is None for authorization in seen] == [False, True]
    assert PASSWORD not in str(seen)


def test_a_certificate_is_made_out_to_the_serial_number(authority):
    """By the operator's name, for as long as is asked."""
    issued = authority.station_certificate("SN-7", lifetime=timedelta(days=5))
    leaf = x509.load_pem_x509_certificates(issued.chain_pem.encode())[0]
    assert leaf.subject.rfc4514_string() == "CN=SN-7,O=Some CSO"
    assert timedelta(days=4) < leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=6)


def test_the_key_of_the_server_is_for_us_alone(authority, tmp_path):
    """Mode 0600, from its first byte on."""
    _, key = authority.server_files(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_example_of_the_howto_runs(tmp_path):
    """As a user would run it, in a process of its own, with the plugin that the installed package brings."""
    example = re.search(r"```python\n(# test_my_csms\.py\n.*?)```", HOWTO.read_text(), re.DOTALL)
    assert example is not None
    (tmp_path / "test_my_csms.py").write_text(example[1])
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "ocppsec.station.pytest_plugin", "-p", "no:cacheprovider",
            "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error", "test_my_csms.py",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_plugin_imports_nothing_before_it_is_asked():
    """It is loaded in every run of pytest where ocppsec is installed."""
    program = (
        "import sys, ocppsec.station.pytest_plugin\n"
        "print([name for name in ('cryptography', 'picows', 'ocppsec.station.station') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
