"""A station on profile 3 without a certificate that opens it: it is refused below its floor, and has nothing for above.

Nothing that the station does ends that, so whoever looks at it or wants something of it is told, with the way out.
"""

from collections.abc import Sequence
from datetime import datetime

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import Station

_COUNTS = frozenset({CertificateState.ACTIVE, CertificateState.PENDING})


def shut_out(
    station: Station, certificates: Sequence[CertificateRecord], now: datetime
) -> tuple[str, str] | None:
    """Why none of *certificates*, newest first, lets it in, and what to do; None while one does, or none is needed."""
    if station.floor < SecurityProfile.TLS_CLIENT:
        return None
    counting = [one.not_after for one in certificates if one.state in _COUNTS]
    if any(now <= end for end in counting):
        return None
    name = station.identity
    if counting:
        return (
            f"its certificate ended on {max(counting):%Y-%m-%d %H:%M} UTC",
            f"let it in to renew it: ocppsec station allow-expired {name} --for 2h",
        )
    anew = (
        f"register it anew: ocppsec station remove {name}, then ocppsec station add {name} --profile 2, set the"
        f" password at the station, then ocppsec station upgrade {name} --to 3"
    )
    return "its certificate is revoked" if certificates else "no certificate was ever issued to it", anew
