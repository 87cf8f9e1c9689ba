"""A client that does what it is told: whole requests, halves of them, frames by the byte.

Blocking sockets, no WebSocket library: nothing is repaired on the way.
"""

import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

KEY = base64.b64encode(bytes(range(16))).decode()


def basic(identity, password):
    return "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()


def request(target, *, authorization=None, subprotocol="ocpp2.0.1", extensions=None, more=()):
    """The bytes of an opening handshake."""
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []
    lines += [f"Sec-WebSocket-Extensions: {extensions}"] if extensions else []
    lines += [f"Authorization: {authorization}"] if authorization else []
    return "\r\n".join([*lines, *more, "", ""]).encode()


def target(identity):
    return f"/ocpp/{quote(identity, safe='')}"


@dataclass
class Answer:
    """An HTTP answer as it arrived."""

    status: int
    headers: dict
    body: str
    complete: bool
    """All of the body that Content-Length promised came."""
    closed: bool
    """The server closed, orderly, after the answer."""
    seconds: float
    raw: bytes = field(repr=False, default=b"")


def client_context(root, *, chain=None, key=None, version=None, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(root)
    if chain is not None:
        context.load_cert_chain(chain, key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def dial(url, *, context=None, source="127.0.0.1", timeout=10.0, strict=False):
    """A connected socket, TLS where the URL says so; *strict* takes an end without close_notify for an error."""
    parts = urlsplit(url)
    plain = socket.create_connection(("127.0.0.1", parts.port), timeout=timeout, source_address=(source, 0))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parts.scheme != "wss":
        return plain
    try:
        return context.wrap_socket(plain, server_hostname=parts.hostname, suppress_ragged_eofs=not strict)
    except BaseException:
        plain.close()
        raise


def ask(url, data, *, context=None, source="127.0.0.1", timeout=10.0, keep_sending=b""):
    """Send *data* and read the answer to the end; *keep_sending* is sent on and on meanwhile."""
    with dial(url, context=context, source=source, timeout=timeout, strict=True) as sock:
        sock.sendall(data)
        if keep_sending:
            with contextlib.suppress(OSError):
                sock.sendall(keep_sending)
        return read_answer(sock)


def read_answer(sock):
    """Read until the server closes, or until the socket's timeout."""
    started = time.monotonic()
    raw, closed = b"", False
    try:
        while True:
            piece = sock.recv(65536)
            if not piece:
                closed = True
                break
            raw += piece
            if raw.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in raw:
                break
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass
    head, found, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    promised = int(headers.get("content-length", 0))
    return Answer(
        status=int(lines[0].split()[1]) if lines[0] else 0,
        headers=headers,
        body=body.decode(errors="replace"),
        complete=bool(found) and len(body) == promised,
        closed=closed,
        seconds=time.monotonic() - started,
        raw=raw,
    )


class Raw:
    """An open WebSocket, frame by frame."""

    def __init__(
        self, url, identity, *, password=None, context=None, source="127.0.0.1", extensions=None, timeout=10.0
    ):
        self.sock = dial(url, context=context, source=source, timeout=timeout)
        authorization = basic(identity, password) if password is not None else None
        self.sock.sendall(request(target(identity), authorization=authorization, extensions=extensions))
        self._data = b""
        head = self._until(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.head = head.decode("latin-1").lower()
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _until(self, end):
        while end not in self._data:
            self._more()
        head, _, self._data = self._data.partition(end)
        return head

    def _exactly(self, size):
        while len(self._data) < size:
            self._more()
        found, self._data = self._data[:size], self._data[size:]
        return found

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError("the server closed")
        self._data += piece

    def send(self, payload, *, opcode=1, fin=True, rsv1=False):
        self.sock.sendall(frame(payload, opcode=opcode, fin=fin, rsv1=rsv1))

    def read(self):
        """(opcode, payload) of the next frame."""
        first, second = self._exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        return first & 0x0F, self._exactly(size)

    def text(self):
        """The next text message, as JSON."""
        while True:
            opcode, payload = self.read()
            if opcode == 1:
                return json.loads(payload)
            assert opcode in {9, 10}, (opcode, payload)

    def pong(self):
        """Answer the server's next ping: what it has sent before has arrived."""
        while (received := self.read())[0] != 9:
            pass
        self.send(received[1], opcode=10)

    def closing(self):
        """(code, reason) of the server's close frame; (1006, "") when it just closed the socket."""
        try:
            while True:
                opcode, payload = self.read()
                if opcode == 8:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005, payload[2:].decode()
        except (ConnectionError, ssl.SSLError):
            return 1006, ""

    def call(self, action, payload):
        """The answer to a CALL."""
        self._count += 1
        self.send(json.dumps([2, str(self._count), action, payload]).encode())
        answer = self.text()
        while answer[1] != str(self._count):
            answer = self.text()
        return answer

    def boot(self, serial, reason="PowerUp"):
        about = {"model": "Raw", "vendorName": "Rig", "serialNumber": serial}
        return self.call("BootNotification", {"reason": reason, "chargingStation": about})


def frame(payload, *, opcode=1, fin=True, rsv1=False):
    """A masked frame, as clients send them."""
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    mask = os.urandom(4)
    repeated = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + masked
