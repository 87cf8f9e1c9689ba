"""A CSMS on npm `ocpp-rpc` under the audit: what a third stack does right is no finding."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from zoo.audits import LIMITS
from zoo.papers import pki

from ocppsec.audit.finding import Verdict
from ocppsec.audit.run import Selection, audit_csms
from ocppsec.audit.target import Target, doors

WHERE = Path(__file__).parent / "zoo" / "csms_on_ocpp_rpc.mjs"
MODULES = Path(__file__).parents[2] / ".cache" / "ocpp-rpc"
PASSWORD = "right-password-of-CS1"
KNOWN = {
    "auth.challenge",  # `reject(401)` sends no WWW-Authenticate
    "frames.payload-20000-deep",  # a RangeError in its validator: "Unable to send call result", and it hangs up
}
"""What ocpp-rpc 2.2.1 really does."""


@pytest.fixture
def url(tmp_path):
    """Its address; the acceptance tests install the package, without it there is no such judge."""
    if shutil.which("node") is None or not (MODULES / "node_modules" / "ocpp-rpc").exists():
        pytest.skip("npm's ocpp-rpc is not installed: tests/acceptance/test_foreign_station.py does it")
    for family, leaf in pki().servers.items():
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        (tmp_path / f"{family}.pem").write_bytes(chain + leaf.private_key_pem.bytes())
    command = ["node", WHERE, MODULES, tmp_path, "CS1", PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip()
        assert port, process.stderr.read()
        yield f"wss://localhost:{port}/ocpp"
        with contextlib.suppress(ProcessLookupError):
            process.terminate()


async def test_a_third_stack_shows_what_is_known_of_it(url):
    """Nothing fails but what was looked at by hand and is so; see `KNOWN`."""
    target = Target(**doors(url), identity="CS1", password=PASSWORD, roots=pki().root_pem, never_booted=True)
    report = await audit_csms(target, limits=LIMITS, selection=Selection(skip=("certificates", "mtls")))
    failures = {one.about.id: one.why for one in report.failures}
    assert failures.keys() <= KNOWN, failures
    assert report.counts()[Verdict.PASS] > 40
