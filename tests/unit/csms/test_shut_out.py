"""Who is on profile 3 without a certificate that opens it."""

from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.csms.shut_out import shut_out
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import Station

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACTIVE, PENDING = CertificateState.ACTIVE, CertificateState.PENDING
SUPERSEDED, REVOKED = CertificateState.SUPERSEDED, CertificateState.REVOKED
ANEW, ALLOW = "station remove CP1", "station allow-expired CP1"


def station(floor=SecurityProfile.TLS_CLIENT):
    return Station(
        identity="CP1",
        serial_number="SN1",
        floor=floor,
        target=SecurityProfile.TLS_CLIENT,
        observed=floor,
        added_at=NOW,
    )


def certificate(state, days=1):
    """Ends so many days from now."""
    return CertificateRecord(
        fingerprint="f",
        identity="CP1",
        serial_number="1",
        subject="CN=SN1",
        public_key_sha256="k",
        not_before=NOW - timedelta(days=30),
        not_after=NOW + timedelta(days=days),
        state=state,
        issued_at=NOW - timedelta(days=30),
        chain="",
    )


@pytest.mark.parametrize(
    ("certificates", "why", "advice"),
    [
        pytest.param([certificate(ACTIVE)], None, None, id="in force"),
        pytest.param([certificate(ACTIVE, 0)], None, None, id="in its last moment"),
        pytest.param([certificate(PENDING), certificate(REVOKED)], None, None, id="a new one waits"),
        pytest.param(
            [certificate(PENDING, -1), certificate(ACTIVE)], None, None, id="the old one still counts"
        ),
        pytest.param([certificate(ACTIVE, -1)], "ended on 2026-11-21 12:00 UTC", ALLOW, id="expired"),
        pytest.param([certificate(REVOKED)], "revoked", ANEW, id="revoked"),
        pytest.param(
            [certificate(REVOKED), certificate(SUPERSEDED, -9)], "revoked", ANEW, id="the newest revoked"
        ),
        pytest.param(
            [certificate(REVOKED), certificate(SUPERSEDED)], "revoked", ANEW, id="superseded is none"
        ),
        pytest.param([], "no certificate was ever issued", ANEW, id="none"),
    ],
)
def test_who_cannot_come_in(certificates, why, advice):
    """The reason and the way out are those of what it has last."""
    found = shut_out(station(), certificates, NOW)
    if why is None:
        assert found is None
    else:
        assert why in found[0]
        assert advice in found[1]


@pytest.mark.parametrize("floor", [SecurityProfile.BASIC, SecurityProfile.TLS_BASIC])
def test_who_needs_none(floor):
    """Below profile 3 the password is the way in."""
    assert shut_out(station(floor), [certificate(REVOKED)], NOW) is None
