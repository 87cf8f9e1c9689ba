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
    said = []
    for way in UNSHARE:
        mounted = [*way, "mount", "-t", "tmpfs", "fleet", "/mnt"]
        try:
            tried = subprocess.run(mounted, capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
        if tried.returncode == 0:
            return None
        said.append(tried.stderr.strip())
    return "no file system of one's own can be mounted: " + "; ".join(said)


def move_in(module):
    """The command once more, where it may mount; comes back only there.  Raises SystemExit where it cannot be."""
    if INSIDE in os.environ:
        return
    for way in UNSHARE:
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(way[0], [*way, sys.executable, "-m", module, *sys.argv[1:]])
    raise SystemExit(obstacle())


def mount(directory):
    directory.mkdir(parents=True, exist_ok=True)
    options = f"size={MEBIBYTES}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "fleet", directory], check=True)
