"""What a new process makes of the renewals it finds."""

from datetime import UTC, datetime
from typing import Any

from ocppsec.csms.renewer import RenewalSettings, Renewer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Renewal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_a_row_of_another_version_keeps_no_door_shut() -> None:
    """What cannot be read is ended and told; what is due is found and begun anew."""
    store, events = MemoryStore(), list[Any]()
    await store.add_station(
        NewStation(
            identity="CS001",
            serial_number="SN1",
            profile=SecurityProfile.TLS_CLIENT,
            password_hash=None,
            added_at=NOW,
        )
    )
    await store.begin_renewal(
        Renewal(
            id="r1",
            identity="CS001",
            fingerprint="ab" * 32,
            open=True,
            step="waits",
            reason="",
            failures=0,
            state='{"version":99}',
            version=0,
            deadline=None,
            started_at=NOW,
        )
    )
    renewer = Renewer(
        store,
        None,  # type: ignore[arg-type]
        lambda _: None,
        settings=RenewalSettings(),
        emit=events.append,
        now=lambda: NOW,
    )

    await renewer.start()

    assert await store.open_renewals() == []
    assert renewer.open("CS001") is None
    assert [event.name for event in events] == ["renewal-stuck"]
    await renewer.stop()
