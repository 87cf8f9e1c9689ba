"""Signing requests: how one is made, and how often and when it is repeated (A02.FR.02 to 05, 17 to 19).

CertSigningRepeatTimes counts doublings, not requests (OCTT TC_A_23_CS): with a minimum W and one doubling the
request leaves at 0, W and W + 2 W.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.signing_request import make_request
from ocppsec.station.own_certificates import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A signing request and the private key behind it, both PEM."""

    csr: str
    key_pem: bytes = field(repr=False)


RequestMaker = Callable[[KeyFamily, Subject], NewRequest]


def new_request(family: KeyFamily, subject: Subject) -> NewRequest:
    """A02.FR.02, 03, 05: a new key pair each time, of which only the public half leaves."""
    key = new_key(family)
    csr = make_request(key, common_name=subject.serial_number, organization=subject.organization)
    return NewRequest(csr=csr, key_pem=key_pem(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request under way."""

    csr: str
    key: str
    """The name its private key is kept under."""
    wait: float
    """Seconds until it is repeated."""
    repeats_left: int

    def sent(self) -> tuple["Asking | None", float | None]:
        """After it left once more: what is under way now, and the seconds until it leaves again, if ever."""
        if self.repeats_left == 0:
            return None, None
        return replace(self, wait=self.wait * 2, repeats_left=self.repeats_left - 1), self.wait


def start_asking(csr: str, key: str, *, wait: float, repeats: int) -> Asking:
    """*wait* is CertSigningWaitMinimum, *repeats* CertSigningRepeatTimes."""
    return Asking(csr=csr, key=key, wait=wait, repeats_left=repeats + 1)
