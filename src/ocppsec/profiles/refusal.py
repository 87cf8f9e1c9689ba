"""Why a connection is refused: one reason for each cause, with the HTTP status and what to do about it.

401 is answered where other credentials on the same connection would help, and only there: it invites the
station to send its password again.  A station on too low a profile gets 403, because the answer must not
invite it to say its password in clear text once more; so does a wrong certificate, which no password mends.
404 is the standard's word for an identity nobody knows (Part 4, 3.2).
"""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final


class RefusalReason(StrEnum):
    """Stable: logs, the store, metrics and documents refer to these."""

    BAD_IDENTITY = "bad-identity"
    UNKNOWN_STATION = "unknown-station"
    WRONG_DOOR = "wrong-door"
    PROFILE_BELOW_FLOOR = "profile-below-floor"
    PROFILE_ABOVE_TARGET = "profile-above-target"
    CREDENTIALS_MISSING = "credentials-missing"
    CREDENTIALS_MALFORMED = "credentials-malformed"
    USER_NAME_NOT_IDENTITY = "user-name-not-identity"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105  a reason, not a password
    CERTIFICATE_MISSING = "certificate-missing"
    SEVERAL_COMMON_NAMES = "several-common-names"
    CERTIFICATE_UNKNOWN = "certificate-unknown"
    CERTIFICATE_OF_ANOTHER_STATION = "certificate-of-another-station"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_SUPERSEDED = "certificate-superseded"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    ORGANIZATION_MISMATCH = "organization-mismatch"
    ISSUER_NOT_VALID = "issuer-not-valid"
    MANUFACTURER_CERTIFICATE = "manufacturer-certificate"
    CERTIFICATE_STATUS_UNKNOWN = "certificate-status-unknown"
    ONBOARDING_EXPIRED = "onboarding-expired"
    ONBOARDING_IN_USE = "onboarding-in-use"
    ONBOARDING_USED_UP = "onboarding-used-up"
    TOO_MANY_FAILURES = "too-many-failures"
    STORE_UNAVAILABLE = "store-unavailable"


STATUS: Final[dict[RefusalReason, int]] = {
    RefusalReason.BAD_IDENTITY: 404,
    RefusalReason.UNKNOWN_STATION: 404,
    RefusalReason.WRONG_DOOR: 403,
    RefusalReason.PROFILE_BELOW_FLOOR: 403,
    RefusalReason.PROFILE_ABOVE_TARGET: 403,
    RefusalReason.CREDENTIALS_MISSING: 401,
    RefusalReason.CREDENTIALS_MALFORMED: 401,
    RefusalReason.USER_NAME_NOT_IDENTITY: 401,
    RefusalReason.WRONG_PASSWORD: 401,
    RefusalReason.CERTIFICATE_MISSING: 403,
    RefusalReason.SEVERAL_COMMON_NAMES: 403,
    RefusalReason.CERTIFICATE_UNKNOWN: 403,
    RefusalReason.CERTIFICATE_OF_ANOTHER_STATION: 403,
    RefusalReason.CERTIFICATE_REVOKED: 403,
    RefusalReason.CERTIFICATE_SUPERSEDED: 403,
    RefusalReason.CERTIFICATE_EXPIRED: 403,
    RefusalReason.CERTIFICATE_NOT_YET_VALID: 403,
    RefusalReason.ORGANIZATION_MISMATCH: 403,
    RefusalReason.ISSUER_NOT_VALID: 403,
    RefusalReason.MANUFACTURER_CERTIFICATE: 403,
    RefusalReason.CERTIFICATE_STATUS_UNKNOWN: 403,
    RefusalReason.ONBOARDING_EXPIRED: 403,
    RefusalReason.ONBOARDING_IN_USE: 403,
    RefusalReason.ONBOARDING_USED_UP: 403,
    RefusalReason.TOO_MANY_FAILURES: 429,
    RefusalReason.STORE_UNAVAILABLE: 503,
}

_BACK_BY_HAND = (
    "Let it return with its current certificate. If that is lost, give it another way in by hand: "
    "`ocppsec station remove {id}`, `ocppsec station add {id} --profile 2`, set the password at the station, then "
    "`ocppsec station upgrade {id} --to 3`."
)
_ANEW = (
    "Compare the password set at the station with the one registered. If it is lost: "
    "`ocppsec station remove {id}`, then `ocppsec station add {id} --password-stdin`."
)

_ADVICE: Final[dict[RefusalReason, str]] = {
    RefusalReason.BAD_IDENTITY: (
        "Correct the CSMS URL at the station: the URL of a door, a slash and the percent-encoded station "
        "identity. `ocppsec station list` shows the identities that are registered."
    ),
    RefusalReason.UNKNOWN_STATION: (
        "If this station is yours: `ocppsec station add {id}`. Upper and lower case count; `ocppsec station "
        "list` shows the identities that are registered."
    ),
    RefusalReason.WRONG_DOOR: (
        "Point the station to the door of its profile; `ocppsec station show {id}` names the profile it is on."
    ),
    RefusalReason.PROFILE_BELOW_FLOOR: (
        "The station has to connect on profile {floor} or higher; it proved before that it can. Find out why it "
        "fell back in its own log; `ocppsec station show {id}` shows where it should be."
    ),
    RefusalReason.PROFILE_ABOVE_TARGET: (
        "If the station should be there: `ocppsec station upgrade {id} --to {profile}`. Otherwise correct its "
        "network profile; `ocppsec station show {id}` shows where it should be."
    ),
    RefusalReason.CREDENTIALS_MISSING: (
        "The station has to send its identity and password with every connection request (A00.FR.203). Set its "
        "BasicAuthPassword; `ocppsec station add` printed it once."
    ),
    RefusalReason.CREDENTIALS_MALFORMED: (
        "The station has to send one header `Authorization: Basic` with base64 of identity, colon and password. "
        "See `ocppsec station why {id}`; this is mended in the station's firmware."
    ),
    RefusalReason.USER_NAME_NOT_IDENTITY: (
        "The user name has to be the station identity exactly as in the URL, percent-decoded (A00.FR.204). Correct "
        "the identity or the URL at the station; `ocppsec station show {id}` shows how it is registered."
    ),
    RefusalReason.WRONG_PASSWORD: _ANEW,
    RefusalReason.CERTIFICATE_MISSING: (
        "The station has to present its ChargingStationCertificate. Does it have one: `ocppsec station show {id}`; "
        "if not, let it connect on the profile it is on and `ocppsec station upgrade {id} --to 3`."
    ),
    RefusalReason.SEVERAL_COMMON_NAMES: (
        "The certificate has to name one serial number and nothing else. Renew it: `ocppsec station upgrade {id} "
        "--to 3`; `ocppsec station show {id}` shows the certificates issued to this station."
    ),
    RefusalReason.CERTIFICATE_UNKNOWN: (
        "This certificate is in nobody's record, though its issuer is trusted: was the state directory restored "
        "from an older copy? `ocppsec station show {id}` shows what was issued. " + _BACK_BY_HAND
    ),
    RefusalReason.CERTIFICATE_OF_ANOTHER_STATION: (
        "Two stations were swapped, or one uses the key of another. `ocppsec station show {id}` shows the serial "
        "number registered for this one; correct the identity at the station, or remove it and "
        "`ocppsec station add {id} --serial` with the right one."
    ),
    RefusalReason.CERTIFICATE_REVOKED: "The certificate was revoked and stays so. " + _BACK_BY_HAND,
    RefusalReason.CERTIFICATE_SUPERSEDED: (
        "A newer certificate of this station was seen already; a station drops the older one then (A02.FR.10). "
        + _BACK_BY_HAND
    ),
    RefusalReason.CERTIFICATE_EXPIRED: (
        "The certificate was not renewed in time. Let this one station in with it, in Pending and to be renewed at "
        "once: `ocppsec station allow-expired {id} --for 2h` (A00.FR.429)."
    ),
    RefusalReason.CERTIFICATE_NOT_YET_VALID: (
        "Check the clock of this server: the certificate was issued here and is not valid yet. "
        "`ocppsec station show {id}` shows its dates."
    ),
    RefusalReason.ORGANIZATION_MISMATCH: (
        "The certificate belongs to another organization than this CSMS was started with (`ocppsec up "
        "--organization`). `ocppsec ca show` names the one in use; renew the certificate or correct the setting."
    ),
    RefusalReason.ISSUER_NOT_VALID: (
        "The CA that issued this certificate is itself not valid now, and no allowance helps against that. "
        "`ocppsec ca show` tells the dates of our own CAs; that of a manufacturer is replaced in [[manufacturers]]."
    ),
    RefusalReason.MANUFACTURER_CERTIFICATE: (
        "A manufacturer's certificate lets a new station in once, where that was settled before. Is it new: "
        "`ocppsec onboarding show {id}`, `ocppsec onboarding add {id} --by certificate`. A station that has a "
        "certificate of ours has to use that."
    ),
    RefusalReason.CERTIFICATE_STATUS_UNKNOWN: (
        "Its manufacturer's CA has to say that it is good (status in [[manufacturers]]) and has not. Look at the "
        "CRL and the responder named there; `ocppsec station why {id}` quotes what was found."
    ),
    RefusalReason.ONBOARDING_EXPIRED: (
        "The time in which this station could come in as new has passed. Settle it again: `ocppsec onboarding "
        "remove {id}`, then `ocppsec onboarding add {id}`."
    ),
    RefusalReason.ONBOARDING_IN_USE: (
        "Somebody is in by this entry at this moment, and it is for one. If that is this station's own dead "
        "connection, it ends within a minute; if it is not, somebody else has the name or the password: "
        "`ocppsec onboarding remove {id}`, and look at `ocppsec station why {id}`."
    ),
    RefusalReason.ONBOARDING_USED_UP: (
        "It came in so often as was allowed and never got as far as credentials of its own. See `ocppsec onboarding "
        "show {id}` for the reason; then `ocppsec onboarding remove {id}` and `ocppsec onboarding add {id}`."
    ),
    RefusalReason.TOO_MANY_FAILURES: (
        "Wrong passwords came before; the next attempt is looked at after a moment. Nothing is locked. "
        "`ocppsec station why {id}` shows from where they came. " + _ANEW
    ),
    RefusalReason.STORE_UNAVAILABLE: (
        "Nobody is let in while the registry cannot be read; the station tries again by itself. Look at the "
        "server's log and at the disk; then `ocppsec station list`."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No, with everything needed to say so on the wire, in the log and to `why`."""

    reason: RefusalReason
    status: int
    """HTTP status; the door adds WWW-Authenticate to a 401."""
    presented: str
    expected: str
    advice: str
    retry_after: int | None = None
    """Whole seconds for the Retry-After header."""

    @property
    def failed_login(self) -> bool:
        """True when somebody guessed: what `LoginThrottle.failed` should hear of."""
        return self.reason in _GUESSES


_GUESSES = frozenset({RefusalReason.WRONG_PASSWORD, RefusalReason.USER_NAME_NOT_IDENTITY})


def refuse(
    reason: RefusalReason,
    *,
    identity: str,
    presented: str,
    expected: str,
    floor: int = 0,
    profile: int = 0,
    retry_after: int | None = None,
) -> Refused:
    return Refused(
        reason=reason,
        status=STATUS[reason],
        presented=presented,
        expected=expected,
        advice=_ADVICE[reason].format(id=shlex.quote(identity), floor=floor, profile=profile),
        retry_after=retry_after,
    )


def refused_store_unavailable(identity: str, presented: str = "") -> Refused:
    """An outage is 503: never 404, never in."""
    return refuse(
        RefusalReason.STORE_UNAVAILABLE,
        identity=identity,
        presented=presented,
        expected="a registry that can be read",
        retry_after=10,
    )


def refused_too_many_failures(identity: str, seconds: float, presented: str = "") -> Refused:
    """The throttle said to wait *seconds*."""
    return refuse(
        RefusalReason.TOO_MANY_FAILURES,
        identity=identity,
        presented=presented,
        expected="fewer wrong passwords",
        retry_after=max(1, ceil(seconds)),
    )


def refused_plain_on_tls_door() -> Refused:
    """Somebody spoke HTTP to a door that speaks TLS; nobody said who they are."""
    return Refused(
        reason=RefusalReason.WRONG_DOOR,
        status=400,
        presented="a request without TLS",
        expected="TLS (a wss:// URL)",
        advice="Use a wss:// URL for this door; `ocppsec station list` shows which station is on which profile.",
    )


def refused_tls_on_plain_door() -> Refused:
    """Somebody spoke TLS to a door that does not.  It cannot be answered in HTTP: an alert, and this to the log."""
    return Refused(
        reason=RefusalReason.WRONG_DOOR,
        status=400,
        presented="a TLS handshake",
        expected="a request without TLS (a ws:// URL)",
        advice="Point the station to the wss:// URL of its profile, which is another port than this one.",
    )
