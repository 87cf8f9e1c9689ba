"""The answer to ACME's http-01 (RFC 8555 8.3), on a port of its own, there only while a challenge is open."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SECONDS = 10.0


@contextmanager
def answering(host: str, port: int, answers: Mapping[str, str]) -> Iterator[int]:
    """Gives each path of *answers* its text, and everything else 404; the port is given.  Raises OSError."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS
        server_version, sys_version = "ocppsec", ""

        def do_GET(self) -> None:
            text = answers.get(self.path)
            body = b"" if text is None else text.encode("ascii")
            self.send_response(404 if text is None else 200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Strangers ask here; what comes of the challenge is told elsewhere."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Whoever hangs up in the middle of his question is no error of ours."""

    server = Server((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
