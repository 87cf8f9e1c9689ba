"""One request head in: what is a WebSocket request, and what each other thing is answered."""

import pytest

from ocppsec.csms.http import HEAD_BYTES, Answer, HeadReader, Upgrade, parse

GOOD = {
    "Host": "csms.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "ocpp2.1, ocpp2.0.1",
    "Authorization": "Basic Q1MwMDE6eA==",
}


def head(changes: dict[str, str | None] | None = None, *, line: str = "GET /ocpp/CS001 HTTP/1.1") -> bytes:
    headers = GOOD | (changes or {})
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def test_a_websocket_request_is_understood() -> None:
    """Target, key, subprotocols and credentials come out, and where the head ends."""
    parsed = parse(head() + b"early")

    assert isinstance(parsed, tuple)
    request, length = parsed
    assert request == Upgrade(
        target="/ocpp/CS001",
        key="dGhlIHNhbXBsZSBub25jZQ==",
        subprotocols=("ocpp2.1", "ocpp2.0.1"),
        extensions=None,
        authorization=("Basic Q1MwMDE6eA==",),
    )
    assert length == len(head())


def test_a_request_never_shows_its_credentials() -> None:
    """The Authorization header is not in the repr."""
    parsed = parse(head())

    assert isinstance(parsed, tuple)
    assert "Q1MwMDE6eA" not in repr(parsed[0])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(head(line="POST /ocpp/CS001 HTTP/1.1"), 405, id="not-get"),
        pytest.param(head(line="GET /ocpp/CS001 HTTP/1.0"), 426, id="http-1.0"),
        pytest.param(head({"Upgrade": None}), 426, id="a-browser"),
        pytest.param(head({"Upgrade": "h2c"}), 426, id="another-upgrade"),
        pytest.param(head({"Connection": "keep-alive"}), 426, id="no-upgrade-token"),
        pytest.param(head({"Sec-WebSocket-Version": "8"}), 426, id="old-version"),
        pytest.param(head({"Sec-WebSocket-Version": None}), 426, id="no-version"),
        pytest.param(head({"Sec-WebSocket-Key": None}), 400, id="no-key"),
        pytest.param(head({"Sec-WebSocket-Key": "c2hvcnQ="}), 400, id="short-key"),
        pytest.param(head({"Sec-WebSocket-Key": "no base64!"}), 400, id="key-is-no-base64"),
        pytest.param(head({"Content-Length": "5"}), 400, id="a-body"),
        pytest.param(head({"Transfer-Encoding": "chunked"}), 400, id="a-chunked-body"),
        pytest.param(head({"Host": None}), 400, id="no-host"),
        pytest.param(b"\x16\x03\x01 garbage\r\n\r\n", 400, id="garbage"),
        pytest.param(b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, id="bad-header"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES + b"\r\n\r\n", 431, id="head-too-large"),
        pytest.param(b"x" * (HEAD_BYTES + 1), 431, id="no-end"),
    ],
)
def test_anything_else_has_its_answer(data: bytes, status: int) -> None:
    """What is no WebSocket request gets the status that says why."""
    answer = parse(data)

    assert isinstance(answer, Answer)
    assert answer.status == status


def test_two_keys_are_refused() -> None:
    """RFC 6455: the key may not appear twice."""
    data = head().replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")

    answer = parse(data)

    assert isinstance(answer, Answer)
    assert answer.status == 400


def test_an_answer_is_complete() -> None:
    """An encoded answer has its length, closes the connection, and ends with its text."""
    data = Answer(status=401, text="wrong-password", headers=(("WWW-Authenticate", "Basic"),)).encode()

    start, _, body = data.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"Connection: close" in start
    assert b"WWW-Authenticate: Basic" in start
    assert f"Content-Length: {len(body)}".encode() in start
    assert body == b"wrong-password\n"


async def test_frames_that_come_while_we_decide_are_kept() -> None:
    """What arrives behind the head, at once or later, is handed over with the connection."""

    class Transport:
        def pause_reading(self) -> None: ...

    reader = HeadReader()
    reader.connection_made(Transport())  # type: ignore[arg-type]
    reader.data_received(head() + b"at once")
    data = await reader.head()
    reader.data_received(b", later")

    parsed = parse(data)
    assert isinstance(parsed, tuple)
    assert reader.behind(parsed[1]) == b"at once, later"


async def test_who_hung_up_in_the_middle_of_a_refusal_is_let_go() -> None:
    """A half-close of a connection that was reset meanwhile is no error of ours."""

    class Reset:
        aborted = False

        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes) -> None: ...

        def can_write_eof(self) -> bool:
            return True

        def get_extra_info(self, name: str) -> None: ...

        def write_eof(self) -> None:
            raise OSError("not connected")

        def abort(self) -> None:
            self.aborted = True

    transport = Reset()
    reader = HeadReader()
    reader.connection_made(transport)  # type: ignore[arg-type]

    await reader.refuse(Answer(status=404, text="unknown-station"))

    assert transport.aborted
