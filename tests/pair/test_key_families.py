"""The profile 3 door with keys of both families on every side: CA, server and station; real TLS."""

import asyncio
import base64
import os
import ssl
from datetime import timedelta
from functools import cache
from urllib.parse import urlsplit

import pytest

from ocppsec.certificates.custody import Custody
from ocppsec.certificates.keys import KeyFamily, new_key, save_key
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.registry.memory import MemoryStore

SUITES = ["ECDHE-ECDSA-AES256-GCM-SHA384", "AES128-GCM-SHA256"]
"""Of A00.FR.318: the first needs the server's EC certificate, the second its RSA one."""
key_of = cache(new_key)


@pytest.fixture(scope="module", params=[KeyFamily.EC_P384, KeyFamily.RSA_2048])
def family(request):
    """Of the CA's keys."""
    return request.param


@pytest.fixture
async def csms(tmp_path, family):
    configuration = Configuration(
        state=tmp_path / "state",
        doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
        hostname="localhost",
        organization="CSO",
        custody=Custody(family=family),
        certificate_lifetime=timedelta(days=90),
    )
    csms = Csms(configuration, MemoryStore(), emit=lambda _: None)
    await csms.start()
    yield csms
    await csms.stop()


@pytest.fixture
def certified(csms, tmp_path):
    """A TLS client with the certificate that our CA gave a station, for a key of a family."""

    async def certified(identity, family):
        await csms.add_station(identity, profile=3)
        key = key_of(family)
        csr = make_request(key, common_name=identity, organization="CSO")
        chain = (await csms._certifier.certify(identity, csr)).chain
        save_key(tmp_path / "key.pem", key)
        (tmp_path / "chain.pem").write_text(chain)

        def context(suite):
            context = ssl.create_default_context(cadata=csms.authority.root_pem)
            context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
            if suite is not None:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(suite)
            return context

        return context

    return certified


async def enter(url, identity, context):
    """The status line at *url*, and the suite."""
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context)
    nonce = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {url.path}/{identity} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n".encode()
    )
    status = (await asyncio.wait_for(reader.readline(), 10)).decode()
    suite = writer.get_extra_info("cipher")[0]
    writer.close()
    return status, suite


@pytest.mark.parametrize("station", list(KeyFamily))
async def test_every_mixture_enters(csms, certified, station):
    """TLS 1.3, and TLS 1.2 with a suite of each kind of server certificate."""
    context = await certified("CP1", station)
    url = urlsplit(csms.url_for(3))
    for suite in (None, *SUITES):
        status, used = await enter(url, "CP1", context(suite))
        assert " 101 " in status
        assert suite in {None, used}
