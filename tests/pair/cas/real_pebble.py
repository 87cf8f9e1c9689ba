"""The real pebble (an ACME CA for tests), with its own DNS that answers every name with 127.0.0.1."""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from real_cfssl import free_port
from web_ca import tls_files


class Pebble:
    """Start it with ``with``; it asks http-01 at `http_port`, and rejects half of all nonces."""

    def __init__(self, directory):
        self._programs = [shutil.which(name) for name in ("pebble", "pebble-challtestsrv")]
        if None in self._programs:
            pytest.skip("pebble and pebble-challtestsrv are not installed (Debian: pebble)")
        self.directory = Path(directory)
        self._dns, self._acme, self._management = free_port(), free_port(), free_port()
        self.http_port = free_port()
        chain, key = tls_files(self.directory)
        config = {
            "listenAddress": f"127.0.0.1:{self._acme}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(chain),
            "privateKey": str(key),
            "httpPort": self.http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (self.directory / "pebble.json").write_text(json.dumps({"pebble": config}))
        self._processes = []

    def __enter__(self):
        pebble, dns = self._programs
        quiet = {"cwd": self.directory, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        where = f"127.0.0.1:{self._dns}"
        names = ["-dns01", where, "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]
        management = ["-management", f"127.0.0.1:{free_port()}"]
        environment = {
            **os.environ,
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": "20",
            "PEBBLE_AUTHZREUSE": "0",
        }
        command = [pebble, "-config", "pebble.json", "-dnsserver", where]
        self._processes = [
            subprocess.Popen([dns, *names, *management], **quiet),
            subprocess.Popen(command, env=environment, **quiet),
        ]
        until = time.monotonic() + 15
        while True:
            try:
                self.root()
            except OSError:
                if time.monotonic() > until:
                    self.__exit__()
                    raise
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=10)

    @property
    def url(self):
        return f"https://localhost:{self._acme}/dir"

    @property
    def tls_ca(self):
        return self.directory / "tls-ca.pem"

    def root(self):
        """The file with the root of what it signs; another one at each start."""
        context = ssl.create_default_context(cafile=self.tls_ca)
        url = f"https://localhost:{self._management}/roots/0"
        with urllib.request.urlopen(url, context=context, timeout=2) as answer:
            (self.directory / "root.pem").write_bytes(answer.read())
        return self.directory / "root.pem"
