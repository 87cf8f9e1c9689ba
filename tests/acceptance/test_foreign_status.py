"""A manufacturer's CA is asked whether it has revoked a certificate: `openssl` makes the lists and the answers."""

import asyncio
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from rig.manufacturer import Manufacturer, serving

from ocppsec.certificates.foreign_status import (
    Cause,
    ForeignIssuer,
    Good,
    Revoked,
    StatusPolicy,
    StatusRule,
    Unclear,
    refusal,
)
from ocppsec.csms.foreign_status import ForeignStatus

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


class World:
    """A manufacturer with two certificates, and our side that asks about them."""

    def __init__(self, directory):
        self.maker = Manufacturer(directory / "maker")
        self.events = []
        self.clock = [datetime.now(UTC)]

    def asks(self, *, policy=StatusPolicy.REQUIRED, seconds=5.0, inside=(), **rule):
        issuer = ForeignIssuer(
            name="maker", certificate=self.maker.certificate, rule=StatusRule(policy=policy, **rule)
        )
        return ForeignStatus(
            [issuer],
            inside=frozenset(inside),
            emit=self.events.append,
            now=lambda: self.clock[0],
            seconds=seconds,
        )

    async def verdict(self, status, certificate):
        return await status.verdict(certificate.public_bytes(Encoding.DER), self.maker.certificate)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@asynccontextmanager
async def running(status):
    task = asyncio.create_task(status.run())
    try:
        yield status
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def openssl_date(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")


# -- lists --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["ec", "rsa"])
async def test_a_list_tells(tmp_path, key):
    """Who is on the list is revoked, since when and why it says; who is not is good.  Both from memory."""
    world = World(tmp_path)
    world.maker = Manufacturer(tmp_path / key, key=key)
    good, bad = world.maker.issue("SN1"), world.maker.issue("SN2")
    world.maker.revoke("SN2")
    async with serving(world.maker.crl()) as (url, asked), running(world.asks(crl=url)) as status:
        assert isinstance(await world.verdict(status, good), Good)
        told = await world.verdict(status, bad)
        assert isinstance(told, Revoked)
        assert told.reason == "keyCompromise"
        assert abs(told.since - world.clock[0]) < timedelta(minutes=1)
        assert len(asked) == 1


async def test_the_certificate_says_where(world):
    """Without an address in the settings the certificate's own is asked, if its host may be asked."""
    async with serving(lambda: crl[0]) as (url, _):
        world.maker.point_to(crl=f"{url}/maker.crl")
        certificate = world.maker.issue("SN1")
        crl = [world.maker.crl()]
        async with running(world.asks()) as status:
            told = await world.verdict(status, certificate)
            assert told.cause is Cause.UNREACHABLE
            assert "inside of our networks" in told.reason
        async with running(world.asks(inside=["127.0.0.1"])) as status:
            assert isinstance(await world.verdict(status, certificate), Good)


async def test_a_list_that_ended(world):
    """Nothing is good by a list behind its end and the grace; revoked by it stays revoked."""
    good, bad = world.maker.issue("SN1"), world.maker.issue("SN2")
    world.maker.revoke("SN2")
    now = world.clock[0]
    dates = ("-crl_lastupdate", openssl_date(now - timedelta(days=3)), "-crl_nextupdate", openssl_date(now - timedelta(days=1)))  # fmt: skip
    async with serving(world.maker.crl(*dates)) as (url, _):
        async with running(world.asks(crl=url)) as status:
            told = await world.verdict(status, good)
            assert told.cause is Cause.STALE
            assert isinstance(await world.verdict(status, bad), Revoked)
        async with running(world.asks(crl=url, grace=timedelta(days=2))) as status:
            assert isinstance(await world.verdict(status, good), Good)


async def test_an_older_list_takes_nothing_back(world):
    """Who serves the list of yesterday again does not bring a revoked certificate back."""
    certificate = world.maker.issue("SN1")
    before = world.maker.crl()
    world.maker.revoke("SN1")
    lists = [world.maker.crl()]
    async with serving(lambda: lists[0]) as (url, asked), running(world.asks(crl=url)) as status:
        assert isinstance(await world.verdict(status, certificate), Revoked)
        lists[0] = before
        (shelf,) = status._shelves.values()
        shelf.tried.clear()
        shelf.wanted.set()
        await shelf.tried.wait()
        assert len(asked) == 2
        assert isinstance(await world.verdict(status, certificate), Revoked)


async def test_a_newer_list_counts(world):
    """A list that has grown old is fetched again, and the newer one is in force."""
    certificate = world.maker.issue("SN1")
    lists = [world.maker.crl("-crlhours", "1")]
    async with serving(lambda: lists[0]) as (url, _), running(world.asks(crl=url)) as status:
        assert isinstance(await world.verdict(status, certificate), Good)
        world.maker.revoke("SN1")
        lists[0] = world.maker.crl()
        world.clock[0] += timedelta(hours=2)
        assert isinstance(await world.verdict(status, certificate), Revoked)


async def test_a_list_is_kept_while_its_server_is_away(world):
    """A list in memory is good until its end, and then its server's silence is told, not its age alone."""
    certificate = world.maker.issue("SN1")
    async with serving(world.maker.crl("-crlhours", "2")) as (url, _):
        status = world.asks(crl=url)
        async with running(status):
            assert isinstance(await world.verdict(status, certificate), Good)
    async with running(status):
        world.clock[0] += timedelta(hours=1)
        assert isinstance(await world.verdict(status, certificate), Good)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"<html>maintenance</html>", "no CRL", id="a page"),
        pytest.param(b"", "no CRL", id="nothing"),
        pytest.param(b"-----BEGIN X509 CRL-----\njunk\n-----END X509 CRL-----\n", "no CRL", id="broken PEM"),
    ],
)
async def test_nonsense(world, body, words):
    """What is no list is none, and it is told once however often it comes."""
    certificate = world.maker.issue("SN1")
    async with serving(body) as (url, _), running(world.asks(crl=url)) as status:
        for _ in range(2):
            told = await world.verdict(status, certificate)
            assert told.cause is Cause.NONSENSE
            assert words in told.reason
    names = [event.name for event in world.events]
    assert names == ["foreign-list-failed", "foreign-status-unclear", "foreign-status-unclear"]
    assert not world.events[-1].counts


async def test_a_list_of_somebody_else(world, tmp_path):
    """A list that another CA of the same name has signed is not believed."""
    certificate = world.maker.issue("SN1")
    impostor = Manufacturer(tmp_path / "impostor")
    async with serving(impostor.crl()) as (url, _), running(world.asks(crl=url)) as status:
        told = await world.verdict(status, certificate)
        assert told.cause is Cause.NONSENSE
        assert "signature" in told.reason


async def test_a_list_over_a_weak_hash(world):
    """A list signed over SHA-1 could be anybody's (A00.FR.504)."""
    certificate = world.maker.issue("SN1")
    async with (
        serving(world.maker.crl("-crldays", "7", "-md", "sha1")) as (url, _),
        running(world.asks(crl=url)) as status,
    ):
        told = await world.verdict(status, certificate)
        assert told.cause is Cause.NONSENSE
        assert "sha1" in told.reason


async def test_a_ca_that_may_not_sign_lists(tmp_path):
    """RFC 5280 6.3.3: without cRLSign in its certificate a CA's list does not count."""
    world = World(tmp_path)
    world.maker = Manufacturer(tmp_path / "limited", usage="keyCertSign")
    certificate = world.maker.issue("SN1")
    async with serving(world.maker.crl()) as (url, _), running(world.asks(crl=url)) as status:
        told = await world.verdict(status, certificate)
        assert told.cause is Cause.NONSENSE


# -- OCSP ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("delegated", [False, True])
async def test_a_responder_tells(world, delegated):
    """Good, revoked and unknown, signed by the CA or by whom it has appointed."""
    good, bad = world.maker.issue("SN1"), world.maker.issue("SN2")
    world.maker.issue("responder", kind="responder")
    world.maker.revoke("SN2")
    index = world.maker.directory / "index.txt"
    stranger = world.maker.issue("SN3")
    index.write_text("".join(line for line in index.read_text().splitlines(True) if "SN3" not in line))
    async with world.maker.responder(signer="responder" if delegated else "ca") as url:
        status = world.asks(ocsp=url)
        assert isinstance(await world.verdict(status, good), Good)
        told = await world.verdict(status, bad)
        assert isinstance(told, Revoked)
        assert told.reason == "keyCompromise"
        assert (await world.verdict(status, stranger)).cause is Cause.UNKNOWN


async def test_an_answer_is_kept_while_it_is_good(world):
    """The same certificate is not asked about again until the answer ends; then it is."""
    certificate = world.maker.issue("SN1")
    async with world.maker.responder() as url:
        status = world.asks(ocsp=url)
        assert isinstance(await world.verdict(status, certificate), Good)
    assert isinstance(await world.verdict(status, certificate), Good)
    world.clock[0] += timedelta(minutes=6)
    assert (await world.verdict(status, certificate)).cause is Cause.UNREACHABLE


async def test_an_appointed_responder_needs_the_purpose(world):
    """A certificate of the same CA that is not for OCSP signing, such as a station's, signs no answers."""
    certificate = world.maker.issue("SN1")
    world.maker.issue("SN2")
    async with world.maker.responder(signer="SN2") as url:
        told = await world.verdict(world.asks(ocsp=url), certificate)
        assert told.cause is Cause.NONSENSE


async def test_a_responder_of_another_ca(world, tmp_path):
    """An answer that another CA has signed is not believed."""
    certificate = world.maker.issue("SN1")
    impostor = Manufacturer(tmp_path / "impostor")
    impostor.issue("responder", kind="responder")
    for file in ("responder.pem", "responder.key"):
        shutil.copy(impostor.directory / file, world.maker.directory / file)
    async with world.maker.responder(signer="responder") as url:
        told = await world.verdict(world.asks(ocsp=url), certificate)
        assert told.cause is Cause.NONSENSE


async def test_an_old_answer(world):
    """An answer behind its end is stale, and what it says of a revoked one is still true."""
    certificate, revoked = world.maker.issue("SN1"), world.maker.issue("SN2")
    world.maker.revoke("SN2")
    async with world.maker.responder() as url:
        world.clock[0] += timedelta(hours=1)
        status = world.asks(ocsp=url)
        assert (await world.verdict(status, certificate)).cause is Cause.STALE
        assert isinstance(await world.verdict(status, revoked), Revoked)


async def test_an_answer_of_the_future(world):
    """A responder whose clock is an hour ahead says what nobody can know."""
    certificate = world.maker.issue("SN1")
    async with world.maker.responder() as url:
        world.clock[0] -= timedelta(hours=1)
        assert (await world.verdict(world.asks(ocsp=url), certificate)).cause is Cause.NONSENSE


# -- silence ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["crl", "ocsp"])
@pytest.mark.parametrize(
    "server",
    [
        pytest.param({"silent": True}, id="silent"),
        pytest.param({"status": "503 Unavailable"}, id="broken"),
        pytest.param({"status": "302 Found"}, id="redirect"),
        pytest.param(None, id="nobody there"),
    ],
)
async def test_who_cannot_be_reached(world, way, server):
    """Silence is told as such in time, and only *when-reachable* lets in then."""
    certificate = world.maker.issue("SN1")
    async with AsyncExitStack() as stack:
        url = "http://127.0.0.1:9"
        if server is not None:
            url, _ = await stack.enter_async_context(serving(**server))
        status = await stack.enter_async_context(running(world.asks(seconds=0.3, **{way: url})))
        async with asyncio.timeout(5):
            told = await world.verdict(status, certificate)
    assert isinstance(told, Unclear)
    assert told.cause is Cause.UNREACHABLE
    assert refusal(told, StatusPolicy.REQUIRED) is not None
    assert refusal(told, StatusPolicy.WHEN_REACHABLE) is None


async def test_ocsp_helps_where_the_list_does_not(world):
    """When the list cannot be had the responder is asked; what it says counts."""
    certificate = world.maker.issue("SN1")
    world.maker.revoke("SN1")
    async with (
        world.maker.responder() as ocsp,
        running(world.asks(crl="http://127.0.0.1:9/", ocsp=ocsp)) as status,
    ):
        assert isinstance(await world.verdict(status, certificate), Revoked)


# -- nobody to ask ------------------------------------------------------------------------------------------
async def test_nobody_says_where_to_ask(world):
    """A certificate and settings that name nobody: refused even when reachable would do."""
    certificate = world.maker.issue("SN1")
    told = await world.verdict(world.asks(), certificate)
    assert told.cause is Cause.NO_SOURCE
    assert refusal(told, StatusPolicy.WHEN_REACHABLE) is not None


async def test_another_ca(world, tmp_path):
    """Of a CA that nobody named, and of a certificate that is not the CA's, nothing is known."""
    other = Manufacturer(tmp_path / "other")
    certificate = other.issue("SN1")
    status = world.asks()
    der = certificate.public_bytes(Encoding.DER)
    assert (await status.verdict(der, other.certificate)).cause is Cause.NO_SOURCE
    assert (await status.verdict(der, world.maker.certificate)).cause is Cause.NONSENSE
    assert (await status.verdict(b"junk", world.maker.certificate)).cause is Cause.NONSENSE


async def test_off(world):
    """Off asks nobody."""
    certificate = world.maker.issue("SN1")
    async with serving() as (url, asked), running(world.asks(policy=StatusPolicy.OFF, crl=url)) as status:
        told = await world.verdict(status, certificate)
        assert refusal(told, StatusPolicy.OFF) is None
        assert asked == []
