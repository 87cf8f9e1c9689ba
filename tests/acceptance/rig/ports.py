"""Ports to come back on after a kill: none that an outgoing connection could be given meanwhile."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def kept_ports(number):
    """So many free ports of this machine, below those the system gives to outgoing connections."""
    above = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    found = set()
    while len(found) < number:
        port = random.randrange(_LOWEST, above)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return tuple(found)
