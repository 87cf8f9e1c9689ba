"""A small file system for the state of a server, so that it can really be full, seen by nobody else.

It is mounted in a mount namespace of this process's own, and gone with it.  That takes root, or a system that lets
everybody have namespaces of his own; where neither is, `obstacle` says so.
"""

import os
import subprocess
import sys

MEBIBYTES = 192
INSIDE = "FLEET_ON_A_SMALL_DISK"
UNSHARE = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
"""As root, and as anybody."""


def obstacle():
    """Why no disk can be made full here; None when it can."""
    return _way()[1]


def move_in(module):
    """The command once more, where it may mount; comes back only there.  Raises SystemExit where it cannot be."""
    if INSIDE in os.environ:
        return
    way, said = _way()
    if way is None:
        raise SystemExit(said)
    os.environ[INSIDE] = "1"
    os.execvp(way[0], [*way, sys.executable, "-m", module, *sys.argv[1:]])


def _way():
    """One that works, and None; else None, and what is in the way of each."""
    said = []
    for way in UNSHARE:
        try:
            tried = subprocess.run(
                [*way, "mount", "-t", "tmpfs", "fleet", "/mnt"], capture_output=True, text=True, check=False
            )
        except OSError as error:
            return None, str(error)
        if tried.returncode == 0:
            return way, None
        said.append(tried.stderr.strip())
    return None, "no file system of one's own can be mounted: " + "; ".join(said)


def mount(directory):
    directory.mkdir(parents=True, exist_ok=True)
    options = f"size={MEBIBYTES}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "fleet", directory], check=True)
