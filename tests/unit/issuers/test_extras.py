"""What needs a package that is not installed says which, and nothing else needs it."""

import subprocess
import sys

import pytest

from ocppsec.issuers.acme import require_acme
from ocppsec.issuers.issuer import BadIssuer
from ocppsec.issuers.step_ca import Provisioner


def test_acme_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "acme.client", None)
    with pytest.raises(BadIssuer, match=r"pip install 'ocppsec\[acme\]'"):
        require_acme()


def test_step_ca_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    with pytest.raises(BadIssuer, match=r"pip install 'ocppsec\[step-ca\]'"):
        Provisioner("name", "{}")


def test_a_csms_that_uses_neither_imports_neither():
    script = (
        "import sys; import ocppsec.csms.service;"
        "print([name for name in ('acme', 'josepy', 'joserfc', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
