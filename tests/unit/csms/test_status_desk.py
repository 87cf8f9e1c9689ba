"""A station asks for the status of a certificate through us, and chooses whom we are to ask."""

import asyncio
import base64
import socket
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library

from ocppsec.certificates import ocsp
from ocppsec.certificates.hash_data import hash_data
from ocppsec.certificates.hierarchy import create_hierarchy, new_authority_key
from ocppsec.certificates.issue import issue_responder_certificate
from ocppsec.csms.status_desk import NoStatus, OCSPRequestData, StatusDesk

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PUBLIC = "9.9.9.9"


class Responder:
    """Somebody else's OCSP responder, reached over a transport in memory; `says` takes its place."""

    def __init__(self):
        self.hierarchy = create_hierarchy(organization="V2G", now=NOW)
        issuer, key = self.hierarchy.stations, new_authority_key()
        certificate = issue_responder_certificate(
            key.public_key(), issuer, now=NOW, lifetime=ocsp.RESPONDER_LIFETIME, serial=2**150
        )
        self.signs = ocsp.Responder(issuer=issuer.certificate, certificate=certificate, key=key)
        self.status = ocsp.Good()
        self.says = self.answer
        self.asked = []

    def answer(self, request):
        question = ocsp.read_question(request.content)
        return httpx2.Response(200, content=ocsp.answer(question, self.status, self.signs, now=NOW))

    async def handle(self, request):
        await request.aread()
        self.asked.append(request)
        said = self.says(request)
        return await said if asyncio.iscoroutine(said) else said

    def question(self, url="http://ocsp.example/v2g?a=1", algorithm="SHA256", **changed):
        """About the root's sub-CA, in the words of OCPP."""
        data = hash_data(self.hierarchy.servers.certificate, self.hierarchy.root.certificate, algorithm)
        known = {
            "hash_algorithm": algorithm,
            "issuer_name_hash": data.issuer_name_hash,
            "issuer_key_hash": data.issuer_key_hash,
            "serial_number": data.serial_number,
            "responder_url": url,
        }
        return OCSPRequestData(**(known | changed))


@pytest.fixture
def responder():
    return Responder()


@pytest.fixture
def desk(responder):
    def make(*, addresses=(PUBLIC,), inside=(), seconds=5.0, own=None, now=lambda: NOW):
        async def resolve(host, port):
            if not addresses:
                raise socket.gaierror("unknown")
            return list(addresses)

        async def none_of_ours(_request):
            return ocsp.UNAUTHORIZED

        return StatusDesk(
            own=own or none_of_ours,
            inside=frozenset(inside),
            now=now,
            resolve=resolve,
            transport=httpx2.MockTransport(responder.handle),
            seconds=seconds,
        )

    return make


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("status", [ocsp.Good(), ocsp.Revoked(NOW, "keyCompromise"), ocsp.Unknown()])
async def test_a_real_answer(responder, desk, algorithm, status):
    """The responder's whole answer comes back, whatever it says: M06 says nothing of validity itself."""
    responder.status = status
    result = await desk().ask(responder.question(algorithm=algorithm))
    said = library.load_der_ocsp_response(base64.b64decode(result))
    assert said.certificate_status.name == type(status).__name__.upper()
    assert said.hash_algorithm.name == algorithm.lower()


async def test_the_address_that_was_judged_is_asked(responder, desk):
    """The connection goes to the address that was looked at, under the name of the URL."""
    await desk().ask(responder.question())
    (request,) = responder.asked
    assert str(request.url) == f"http://{PUBLIC}/v2g?a=1"
    assert request.headers["host"] == "ocsp.example"
    assert request.headers["content-type"] == "application/ocsp-request"


async def test_what_is_known_is_not_asked_again(responder, desk):
    """One certificate is asked about once while the answer is good, by whomever; then again."""
    clock = [NOW]
    made = desk(now=lambda: clock[0])
    first = await made.ask(responder.question())
    assert await made.ask(responder.question()) == first
    assert len(responder.asked) == 1
    clock[0] = NOW + ocsp.ANSWER_LIFETIME + timedelta(seconds=1)
    await made.ask(responder.question())
    assert len(responder.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://ocsp.example/",
        "ftp://ocsp.example/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "//ocsp.example",
        "",
        "http://user:secret@ocsp.example/",
        "http://ocsp.example:99999/",
        "http://[::1",
    ],
)
async def test_urls_that_are_not_asked(responder, desk, url):
    """Only plain http:// of a host is asked."""
    with pytest.raises(NoStatus):
        await desk().ask(responder.question(url))
    assert responder.asked == []


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="ourselves"),
        pytest.param("::1", id="ourselves, IPv6"),
        pytest.param("10.1.2.3", id="private"),
        pytest.param("192.168.0.1", id="the router"),
        pytest.param("169.254.169.254", id="the cloud's metadata"),
        pytest.param("fe80::1", id="link local"),
        pytest.param("fd00::1", id="private, IPv6"),
        pytest.param("::ffff:127.0.0.1", id="mapped"),
        pytest.param("0.0.0.0", id="any"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("100.64.0.1", id="carrier"),
    ],
)
async def test_nobody_inside_is_asked(responder, desk, address):
    """A station cannot make us talk to our own networks, unless the operator listed the host."""
    with pytest.raises(NoStatus, match="inside"):
        await desk(addresses=[address]).ask(responder.question())
    assert responder.asked == []

    await desk(addresses=[address], inside=["ocsp.example"]).ask(responder.question())
    assert len(responder.asked) == 1


async def test_no_such_host(responder, desk):
    """A name without an address is told as such."""
    with pytest.raises(NoStatus, match="no address"):
        await desk(addresses=[]).ask(responder.question())


async def silence(_request):
    await asyncio.sleep(30)


def refuse(_request):
    raise httpx2.ConnectError("refused")


@pytest.mark.parametrize(
    ("says", "why"),
    [
        pytest.param(lambda _: httpx2.Response(302, headers={"Location": "http://10.0.0.1/"}), "302", id="redirect"),
        pytest.param(lambda _: httpx2.Response(500), "500", id="broken"),
        pytest.param(lambda _: httpx2.Response(200, content=b"junk"), "no OCSP response", id="junk"),
        pytest.param(lambda _: httpx2.Response(200, content=b""), "no OCSP response", id="empty"),
        pytest.param(lambda _: httpx2.Response(200, content=b"x" * 4126), "more than 4125", id="too large"),
        pytest.param(lambda _: httpx2.Response(200, content=ocsp.TRY_LATER), "try_later", id="busy"),
        pytest.param(lambda _: httpx2.Response(200, content=ocsp.UNAUTHORIZED), "unauthorized", id="not its CA"),
        pytest.param(refuse, "ConnectError", id="nobody there"),
        pytest.param(silence, "no answer within", id="silent"),
    ],
)  # fmt: skip
async def test_what_a_responder_does_wrong(responder, desk, says, why):
    """Each is Failed, with why; nothing of it is passed on."""
    responder.says = says
    with pytest.raises(NoStatus, match=why):
        await desk(seconds=0.2).ask(responder.question())


async def test_an_answer_to_another_question(responder, desk):
    """A good answer about another certificate is none."""
    builder = library.OCSPRequestBuilder().add_certificate(
        responder.hierarchy.stations.certificate, responder.hierarchy.root.certificate, SHA256()
    )
    other = ocsp.read_question(builder.build().public_bytes(Encoding.DER))
    responder.says = lambda _: httpx2.Response(
        200, content=ocsp.answer(other, ocsp.Good(), responder.signs, now=NOW)
    )
    with pytest.raises(NoStatus, match="another question"):
        await desk().ask(responder.question())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"issuer_name_hash": "zz"}, id="no hex"),
        pytest.param({"issuer_key_hash": "ab"}, id="too short"),
        pytest.param({"serial_number": ""}, id="no serial"),
        pytest.param({"serial_number": "0x1G"}, id="serial of no hex"),
    ],
)
async def test_hash_data_that_name_nothing(responder, desk, changed):
    """What names no certificate is not asked about."""
    with pytest.raises(NoStatus):
        await desk().ask(responder.question(**changed))
    assert responder.asked == []


async def test_few_at_once(responder, desk):
    """However many stations ask, eight questions are under way; the others wait their turn or are told."""
    under_way, most = [0], [0]

    async def slow(request):
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        await asyncio.sleep(0.01)
        under_way[0] -= 1
        return responder.answer(request)

    responder.says = slow
    made = desk()
    await asyncio.gather(*(made.ask(responder.question(serial_number=f"{n:X}")) for n in range(1, 41)))
    assert (most[0], len(responder.asked)) == (8, 40)


async def test_our_own_certificates_are_asked_inside(responder, desk):
    """What our own CA has issued is answered by ourselves, without the network."""

    async def own(request):
        question = ocsp.read_question(request)
        return ocsp.answer(question, ocsp.Good(), responder.signs, now=NOW)

    assert await desk(own=own, addresses=[]).ask(responder.question())
    assert responder.asked == []
