"""What an upgrade is told of the ones before it."""

from datetime import UTC, datetime

from ocppsec.csms.planning import _slot_of
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Upgrade, UpgradeStatus


def test_an_upgrade_of_another_version_tells_nothing() -> None:
    """Its state cannot be read: the station is asked for its slots, as a new one is."""
    ended = Upgrade(
        id="u1",
        identity="CS001",
        target=SecurityProfile.TLS_BASIC,
        status=UpgradeStatus.DONE,
        step="",
        reason="",
        state='{"version":99}',
        version=4,
        deadline=None,
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert _slot_of([ended]) is None
