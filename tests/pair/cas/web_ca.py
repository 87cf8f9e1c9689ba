"""A CA's HTTPS server in a thread, which can be told to misbehave; what it says is its kind's business."""

import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from foreign_ca import SERVER, ca, key_pem, name, now, pem, sign

TLS_CA = ca("TLS CA of the other PKI")


@dataclass(frozen=True)
class Said:
    status: int
    media_type: str
    body: bytes
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    headers: dict
    """Names in lower case."""
    body: bytes
    client: x509.Certificate | None


def tls_files(directory, common_name="localhost"):
    """(chain, key) of a server called localhost."""
    key = ca("key").key
    names = x509.SubjectAlternativeName([x509.DNSName(common_name)])
    leaf = sign(
        TLS_CA, key.public_key(), subject=name(common_name), purposes=(SERVER,), also=[(names, False)]
    )
    directory = Path(directory)
    (directory / "tls.pem").write_bytes(pem(leaf))
    (directory / "tls.key").write_bytes(key_pem(key))
    (directory / "tls-ca.pem").write_bytes(pem(TLS_CA.certificate))
    return directory / "tls.pem", directory / "tls.key"


BAD_MANNERS = {
    "html": Said(200, "text/html", b"<html><body>Sign in to continue</body></html>"),
    "500": Said(500, "text/plain", b"the database of this CA is away"),
    "empty": Said(200, "application/json", b""),
    "nonsense": Said(200, "application/json", b'{"data": 7, "result": 7, "success": true, "crt": 7}'),
    "huge": Said(200, "application/json", b" " * 2_000_000),
    "redirect": Said(302, "text/plain", b"", {"Location": "https://localhost:1/elsewhere"}),
    "truncated": None,
    "slow": None,
}
"""What any of them may answer instead."""


class WebCa:
    """Start it with ``with``; `say` is what its kind answers."""

    plain = False

    def __init__(self, directory, *, client_anchors=None):
        self.directory = Path(directory)
        self.manner = None
        """A name of `BAD_MANNERS`, or what is said to everything."""
        self.heard = []
        self._client_anchors = client_anchors
        self._ended = threading.Event()

    def say(self, heard):
        raise NotImplementedError

    @property
    def posted(self):
        """What was asked of it, without the look at its CAs."""
        return [heard for heard in self.heard if heard.method == "POST"]

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if not self.plain:
            chain, key = tls_files(self.directory)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain, key)
            if self._client_anchors:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cadata=self._client_anchors.decode())
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"{'http' if self.plain else 'https'}://localhost:{self._server.server_address[1]}"

    @property
    def tls_ca(self):
        return self.directory / "tls-ca.pem"

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                der = None
                with contextlib.suppress(AttributeError):
                    der = self.connection.getpeercert(binary_form=True)
                heard = Heard(
                    self.command,
                    self.path,
                    {key.lower(): value for key, value in self.headers.items()},
                    body,
                    x509.load_der_x509_certificate(der) if der else None,
                )
                outer.heard.append(heard)
                if outer.manner == "slow":
                    outer._ended.wait(30)
                    return
                manner = outer.manner
                said = manner if isinstance(manner, Said) else BAD_MANNERS.get(manner) or outer.say(heard)
                self.send_response(said.status)
                more = 100 if outer.manner == "truncated" else 0
                for key, value in {
                    "Content-Type": said.media_type,
                    "Content-Length": str(len(said.body) + more),
                    "Connection": "close",
                    **said.headers,
                }.items():
                    self.send_header(key, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(said.body)
                self.close_connection = True

            do_GET = do_POST = _do  # noqa: N815

            def log_message(self, *_):
                pass

        return Handler


def plain_csr(pem_or_der):
    """Checked as a CA does: it proves possession of its key."""
    load = x509.load_pem_x509_csr if pem_or_der.startswith(b"-----") else x509.load_der_x509_csr
    request = load(pem_or_der)
    assert request.is_signature_valid
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256 | hashes.SHA384)
    return request


__all__ = ["BAD_MANNERS", "TLS_CA", "Heard", "Said", "WebCa", "now", "plain_csr", "tls_files"]
