"""What is right for a station of each manner on the way from profile 1 to 3.

Who keeps to the standard, or is odd in ways that a CSMS has to live with, has one right end: done, and not one refusal
on the way.  The others end for the reason that is theirs, in the words of the CSMS.
"""

import re
from dataclasses import dataclass

NOBODY = "$^"
OUTAGE = re.compile(
    r"^\d: (503 |tcp: |http: the server hung up|http: no answer|tls: (?!the server's certificate))"
)
"""What anybody may meet while the server is killed, or its database away: nothing is held against the station.

A server whose certificate the station does not trust is no outage.
"""


@dataclass(frozen=True)
class Expectation:
    status: str = "done"
    reason: str = "$"
    """Pattern of the reason."""
    refusals: str = NOBODY
    """Pattern of what it may meet at the doors; each begins with the profile it was dialled on."""
    soon: bool = True
    """It ends, or is refused, without a deadline or a repetition that has to be waited for."""

    @property
    def able(self):
        return self.status == "done"

    def explains(self, status, reason, *, outages):
        """Outages of ours may end otherwise what could not end well: but with a reason, and never well."""
        if outages and not self.able:
            return status != "done" and bool(reason)
        return (
            re.fullmatch(self.status, status) is not None
            and re.match(self.reason, reason, re.DOTALL) is not None
        )

    def may_meet(self, words, *, outages):
        if re.match(self.refusals, words) is not None or (outages and OUTAGE.match(words) is not None):
            return True
        # Who does not stop knocking is put off when much is going on.
        return not self.able and re.match(r"\d: 503 ", words) is not None


def failed(reason, refusals=NOBODY):
    """By a deadline, or after repetitions."""
    return Expectation("failed", f".*{reason}", refusals, soon=False)


def refused(reason):
    """For what it sent or answered."""
    return Expectation("failed", f".*{reason}")


def away(refusals, *, soon=True):
    return Expectation("away", "away all the time", refusals, soon=soon)


REACHES_3 = [
    "additional-root-check",
    "answers-twice",
    "big-message",
    "binary",
    "clock-1970",
    "clock-ahead",
    "clock-behind",
    "closes-before-certificate-answer",
    "colon-password",
    "comes-back-twice",
    "control-characters",
    "crlf-pem",
    "csr-wants-server",
    "escaped-pem",
    "everest-slots",
    "flood",
    "float-integers",
    "garbage",
    "half-open",
    "hex-password",
    "no-back-off",
    "nul-pem",
    "odd-dates",
    "one-line-pem",
    "one-suite-only",
    "only-listed-slots",
    "only-wireless0",
    "openocpp-slots",
    "password-on-3",
    "reboot-required",
    "reboots-by-itself",
    "refuses-at-set-network-profile",
    "replay",
    "reused-key",
    "rsa-key",
    "rsa-suites-only",
    "several-calls-at-once",
    "speaks-before-boot",
    "tidies-up-late",
    "tls-1.2",
]
NO_TLS = "2: (tls|http): "
NOT_ON_3 = "3: (tls|http): "
BACK_ON_1, BACK_ON_2 = "booted on profile 1 again", "booted on profile 2 again"
EXPECTED = {
    "right": Expectation(),
    **dict.fromkeys(REACHES_3, Expectation()),
    "answers-late": Expectation(soon=False),
    # Nothing that they answer is done.
    "accepts-everything": failed("did not restart within"),
    "never-resets": failed("did not restart within"),
    "refuses-reset": failed("Reset.*Rejected"),
    "never-answers": failed("did not answer"),
    "answers-another": failed("did not answer"),
    "unknown-priority-variable": failed(BACK_ON_1),
    "refuses-root-on-plain": refused("not without TLS"),
    # Their certificates.
    "never-sends-csr": failed("never came"),
    "csr-garbage": refused("not a PKCS #10 request"),
    "csr-version-2": refused("wrong-version"),
    "csr-wants-ca": refused("wants-to-be-ca"),
    "csr-broken-signature": refused("wrong-signature"),
    "weak-key": refused("1024 bits"),
    "wrong-cn": refused("wrong-common-name"),
    "wrong-organization": refused("wrong-organization"),
    "refuses-certificate": refused("(refused its new certificate|too-many-requests)"),  # asked again at once
    "loses-certificate": refused("InvalidCertificate"),
    "clock-2019": refused("not-yet-valid"),
    # The new door does not let them in, so they go back to the old one, which does.
    "tls-1.0": failed(BACK_ON_1, NO_TLS),
    "tls-1.1": failed(BACK_ON_1, NO_TLS),
    "weak-suite-only": failed(BACK_ON_1, NO_TLS),
    "no-certificate": failed(BACK_ON_2, NOT_ON_3),
    "password-instead": failed(BACK_ON_2, NOT_ON_3),
    "foreign-certificate": failed(BACK_ON_2, NOT_ON_3),
    "forged-certificate": failed(BACK_ON_2, NOT_ON_3),
    "expired-certificate": failed(BACK_ON_2, NOT_ON_3),
    "copied-certificate": failed(BACK_ON_2, "3: 403 certificate-of-another-station"),
    "no-serial-at-boot": failed(BACK_ON_2),
    "wrong-serial-at-boot": Expectation("skipped", ".*reports serial number"),
    # What they try is forbidden once their floor has risen.
    "goes-back": Expectation("lost", ".*has not come back", "[123]: 403 profile-below-floor", soon=False),
    # Never let in.
    "endless-headers": away("1: (http|tcp): "),
    "no-http": away("1: (http|tcp): "),
    "silent-socket": away("1: (http|tcp): ", soon=False),
    "silent-after-tls": away("1: (http|tcp): ", soon=False),
    "slow-headers": away("1: (http|tcp): ", soon=False),
    "guesses-passwords": away("1: (401 wrong-password|429 too-many-failures)"),
    "wrong-password": away("1: (401 wrong-password|429 too-many-failures)"),
    "no-password": away("1: (401 credentials-missing|429 )"),
    "other-user": away("1: (401 user-name-not-identity|429 )"),
    "wrong-subprotocol": away("1: 400 unsupported-subprotocol"),
    "never-boots": away(NOBODY, soon=False),
    # Between two of its reboots there is hardly a moment to ask it anything.
    "reboots-forever": Expectation("(failed|away|lost)", "", soon=False),
}
