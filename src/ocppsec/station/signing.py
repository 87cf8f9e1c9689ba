"""How often and when a signing request is repeated while no certificate comes (A02.FR.17 to 19).

CertSigningRepeatTimes counts doublings, not requests (OCTT TC_A_23_CS): with a minimum W and one doubling the
request leaves at 0, W and W + 2 W.
"""

from dataclasses import dataclass, replace


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
