"""Uploads, against a file server of a few lines on loopback."""

import asyncio
import ssl

import pytest

from ocppsec.station.reply import SendLog
from ocppsec.station.security_log import Upload, upload
from ocppsec.station.tls import upload_context


@pytest.fixture(scope="module")
def trust():
    return upload_context(())


def log(url):
    return SendLog(request_id=1, url=url, name="log.txt", text="one line\n", retries=0, retry_interval=0)


async def uploaded(trust, status, path="/logs/"):
    """What became of it, and what the server was sent."""
    heard = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append((head.split(b" ")[:2], await reader.readexactly(9)))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await upload(log(f"http://127.0.0.1:{port}{path}"), trust), heard


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, Upload.UPLOADED),
        (403, Upload.PERMISSION_DENIED),
        (401, Upload.PERMISSION_DENIED),
        (500, Upload.UPLOAD_FAILURE),
    ],
)
async def test_the_answer_of_the_file_server_is_told(trust, status, expected):
    """N01.FR.07 to 10."""
    outcome, heard = await uploaded(trust, status)
    assert (outcome, heard) == (expected, [([b"PUT", b"/logs/log.txt"], b"one line\n")])


async def test_a_location_that_is_a_file_is_used_as_it_is(trust):
    """Only a directory gets the file's name behind it."""
    _, heard = await uploaded(trust, 200, "/here.txt")
    assert heard[0][0] == [b"PUT", b"/here.txt"]


async def test_other_ways_than_http_are_not_supported(trust):
    """N01.FR.14: HTTP and HTTPS; FTP is told, not tried."""
    assert await upload(log("ftp://files.example.com/"), trust) == Upload.NOT_SUPPORTED_OPERATION


async def test_nobody_there_is_a_failed_upload(trust):
    """And nothing is raised."""
    assert await upload(log("http://127.0.0.1:1/"), trust) == Upload.UPLOAD_FAILURE


def test_the_location_is_in_no_repr():
    """It may hold a password."""
    assert "secret" not in repr(log("https://user:secret@files.example.com/"))


def test_uploads_are_verified(trust):
    """By what the system trusts and what the CSMS link does."""
    assert (trust.verify_mode, trust.check_hostname) == (ssl.CERT_REQUIRED, True)
