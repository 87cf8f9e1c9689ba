"""`openssl s_client` as the judge of a door."""

import re
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Seen:
    """What s_client told of one connection."""

    text: str

    @property
    def status(self):
        """HTTP status of the answer, None without one."""
        found = re.search(r"^HTTP/1\.1 (\d{3})", self.text, re.MULTILINE)
        return int(found[1]) if found else None

    @property
    def alert(self):
        """Number of the fatal alert the server sent, None without one."""
        found = re.search(r"SSL alert number (\d+)", self.text)
        return int(found[1]) if found else None

    @property
    def cipher(self):
        found = re.search(r"^New, (\S+), Cipher is (\S+)$", self.text, re.MULTILINE)
        return (found[1], found[2]) if found else None

    @property
    def verified(self):
        return "Verification: OK" in self.text


def s_client(openssl, url, *options, root, data=b"", commands=False, timeout=15):
    """Connect, send *data*, and read until the server closes; *commands* lets `R` and `Q` mean what they do."""
    port = urlsplit(url).port
    command = [openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    command += [
        "-CAfile",
        root,
        "-verify_hostname",
        "localhost",
        *([] if commands else ["-ign_eof"]),
        *options,
    ]
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            text, _ = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
    return Seen(text.decode(errors="replace"))
