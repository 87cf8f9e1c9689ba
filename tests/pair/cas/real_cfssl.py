"""The real cfssl, as somebody else would run it: an issuing CA under a root, a profile with an auth key."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from foreign_ca import ca, key_pem, pem

AUTH_KEY = "5f2c9d0a4b7e13863f2c9d0a4b7e1386"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Cfssl:
    """Start it with ``with``."""

    def __init__(self, directory, *, usages=("signing", "client auth"), expiry="1440h"):
        self.program = shutil.which("cfssl")
        if self.program is None:
            pytest.skip("cfssl is not installed (Debian: golang-cfssl)")
        self.directory = directory
        self.root = ca("cfssl Root")
        self.issuing = ca("cfssl Station CA", self.root, path_length=0)
        profile = {"usages": list(usages), "expiry": expiry, "auth_key": "registration", "backdate": "1h"}
        config = {
            "auth_keys": {"registration": {"type": "standard", "key": AUTH_KEY}},
            "signing": {
                "default": {"usages": ["signing"], "expiry": "1h", "auth_key": "registration"},
                "profiles": {"stations": profile},
            },
        }
        for name, content in {
            "ca.pem": pem(self.issuing.certificate),
            "ca.key": key_pem(self.issuing.key),
            "config.json": json.dumps(config).encode(),
            "trust.pem": pem(self.issuing.certificate, self.root.certificate),
        }.items():
            (directory / name).write_bytes(content)
        self.port = free_port()

    def __enter__(self):
        command = "serve -address 127.0.0.1 -ca ca.pem -ca-key ca.key -config config.json -loglevel 3"
        self._process = subprocess.Popen(
            [self.program, *command.split(), "-port", str(self.port)],
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 15
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.url}/api/v1/cfssl/info", timeout=1).close()
            except urllib.error.HTTPError as answer:  # GET is not how it is asked, but it is there
                answer.close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise AssertionError("cfssl does not answer")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def trust_file(self):
        return self.directory / "trust.pem"
