"""Fetching from an address that somebody else has chosen."""

import asyncio
import gzip
import ssl

import httpx2
import pytest
import trustme

from ocppsec.csms.outward import Errand, Outward, Unanswered

PUBLIC = "9.9.9.9"


def outward(says, *, addresses=(PUBLIC,), inside=()):
    async def resolve(_host, _port):
        return list(addresses)

    return Outward(
        inside=frozenset(inside), whose="the settings", resolve=resolve, transport=httpx2.MockTransport(says)
    )


def errand(url="http://crl.example/a.crl?b=1", **more):
    return Errand(**{"url": url, "schemes": ("http", "https"), "limit": 100, "seconds": 5.0, **more})


def echo(request):
    lines = (request.method, str(request.url), request.headers["host"], request.extensions["sni_hostname"])
    return httpx2.Response(200, content="\n".join(lines).encode())


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("http://crl.example/a.crl?b=1", f"http://{PUBLIC}/a.crl?b=1", "crl.example"),
        ("https://crl.example:8443/", f"https://{PUBLIC}:8443/", "crl.example:8443"),
    ],
)
async def test_the_address_that_was_judged(url, target, host):
    """It is the one that is asked, under the name of the URL, for TLS too."""
    said = (await outward(echo).fetch(errand(url))).decode().split("\n")
    assert said == ["GET", target, host, "crl.example"]


async def test_posted():
    """What is to be posted is, as what it is."""

    def says(request):
        return httpx2.Response(200, content=request.headers["content-type"].encode() + request.content)

    assert await outward(says).fetch(errand(content=b"!", content_type="x/y")) == b"x/y!"


async def test_the_limit():
    """An answer of the limit is taken, one byte more is not."""

    def says(request):
        assert request.headers["accept-encoding"] == "identity"
        return httpx2.Response(200, content=b"x" * size[0])

    size = [100]
    assert len(await outward(says).fetch(errand())) == 100
    size[0] = 101
    with pytest.raises(Unanswered, match="more than 100 bytes"):
        await outward(says).fetch(errand())


async def test_what_is_packed_is_not_unpacked():
    """A few kilobytes could be gigabytes."""

    def says(_request):
        return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"x"))

    with pytest.raises(Unanswered, match="encoding"):
        await outward(says).fetch(errand())


async def test_one_address_inside_among_others():
    """Of several addresses the first public one is asked; of none, nobody."""
    assert PUBLIC.encode() in await outward(echo, addresses=["10.0.0.1", PUBLIC]).fetch(errand())
    with pytest.raises(Unanswered, match="not among the settings"):
        await outward(echo, addresses=["10.0.0.1", "::1"]).fetch(errand())
    assert await outward(echo, addresses=["10.0.0.1"], inside=["crl.example"]).fetch(errand())


@pytest.mark.parametrize("url", ["ldap://crl.example/", "http://", "http://a:b@crl.example/", "crl.example"])
async def test_no_url(url):
    """What is no plain URL is not asked."""
    with pytest.raises(Unanswered):
        await outward(echo).fetch(errand(url))


@pytest.mark.parametrize(("name", "good"), [("crl.example", True), ("other.example", False)])
async def test_tls(name, good):
    """Over https the certificate has to be the host's, though its address is what is connected to."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    async def resolve(_host, _port):
        return ["127.0.0.1"]

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://crl.example:{server.sockets[0].getsockname()[1]}/"
        made = Outward(
            inside=frozenset({"crl.example"}),
            whose="the settings",
            resolve=resolve,
            transport=httpx2.AsyncHTTPTransport(verify=trusting),
        )
        if good:
            assert await made.fetch(errand(url)) == b"ok"
        else:
            with pytest.raises(Unanswered, match="ConnectError"):
                await made.fetch(errand(url))
