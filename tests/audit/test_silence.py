"""Whoever says nothing, or the same to everybody, has passed nothing."""

import asyncio
import contextlib

import pytest
from zoo.audits import LIMITS
from zoo.papers import papers, pki

from ocppsec.audit.finding import Verdict
from ocppsec.audit.run import NotReachable, Selection, UnknownCheck, audit_csms
from ocppsec.audit.target import Target, doors


async def says_nothing(reader, writer):
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass


async def hangs_up(reader, writer):
    writer.close()


async def answers_401(reader, writer):
    await reader.read(65536)
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def breaks(reader, writer):
    await reader.read(65536)
    writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def talks_garbage(reader, writer):
    writer.write(b"\x00\x01SMTP ready?\r\n" * 10)
    writer.close()


async def upgrades_and_falls_silent(reader, writer):
    await reader.read(65536)
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: ocpp2.0.1\r\nSec-WebSocket-Accept: x\r\n\r\n"
    )
    await says_nothing(reader, writer)


@contextlib.asynccontextmanager
async def listening(behave):
    async def guarded(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def target(scheme, port, **more):
    other = {"ws": {"wss": f"wss://localhost:{port}/ocpp"}, "wss": {"ws": f"ws://localhost:{port}/ocpp"}}[
        scheme
    ]
    return Target(
        **doors(f"{scheme}://localhost:{port}/ocpp", **other),
        identity="CS1",
        password="some-password-of-16",
        other_identity="CS2",
        roots=pki().root_pem,
        papers=papers(pki().mine),
        expired=papers(pki().expired),
        never_booted=True,
        operator=True,
        destructive=True,
        **more,
    )


QUICK = type(LIMITS)(pause=0, patience=0.04)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("behave", [says_nothing, hangs_up, answers_401, breaks, talks_garbage])
async def test_no_pass_without_an_answer(behave, scheme):
    """A server that answers nothing, or refuses everybody, gets no pass at all."""
    async with listening(behave) as port:
        report = await audit_csms(target(scheme, port), limits=QUICK)
    assert report.counts()[Verdict.PASS] == 0, [
        (one.about.id, one.why) for one in report.findings if one.verdict is Verdict.PASS
    ]


async def test_a_silent_session_passes_only_what_was_seen():
    """Whoever upgrades everybody and then says nothing fails the first page and passes nothing about sessions."""
    async with listening(upgrades_and_falls_silent) as port:
        report = await audit_csms(target("ws", port), limits=QUICK)
    assert report.of("first.authenticated-socket").verdict is Verdict.FAIL
    passes = {one.about.id for one in report.findings if one.verdict is Verdict.PASS}
    assert passes <= {"auth.right-password", "connection.subprotocol-choice", "auth.scheme-case"}, passes


async def test_nothing_listens():
    """No server is no audit: neither a pass nor a fail."""
    async with listening(hangs_up) as port:
        pass
    with pytest.raises(NotReachable):
        await audit_csms(target("ws", port), limits=QUICK)


async def test_a_typo_is_no_empty_audit():
    """--only with a name there is not raises, instead of passing with no checks."""
    with pytest.raises(UnknownCheck):
        await audit_csms(target("ws", 1), selection=Selection(only=("tsl",)))
