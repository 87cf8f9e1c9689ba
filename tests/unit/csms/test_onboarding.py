"""What becomes of a new station when the store is away in the moment in which it is accepted."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms.onboarding import OnboardingOffice
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation
from ocppsec.registry.store import StoreUnavailable

NOW = datetime(2027, 1, 1, tzinfo=UTC)
IDENTITY = "CP1"


class AwayAtFirst:
    """A store whose first answer about a new station does not come."""

    def __init__(self, inner):
        self._inner, self._away = inner, True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def onboarding(self, identity):
        if self._away:
            self._away = False
            raise StoreUnavailable("locked")
        return await self._inner.onboarding(identity)


@pytest.mark.parametrize(
    ("target", "raised", "stage"),
    [
        pytest.param(SecurityProfile.TLS_CLIENT, [(IDENTITY, 3)], Stage.RAISING, id="to be raised"),
        pytest.param(SecurityProfile.BASIC, [], Stage.DONE, id="where it should be"),
    ],
)
async def test_what_an_outage_interrupts_is_gone_on_with(target, raised, stage):
    """The station is connected and accepted: it says nothing more that could take it up again."""
    inner, begun, events = MemoryStore(), [], []
    new = NewStation(
        identity=IDENTITY,
        serial_number="SN-1",
        profile=SecurityProfile.BASIC,
        password_hash=None,
        added_at=NOW,
        target=target,
    )
    entry = Onboarding(
        identity=IDENTITY,
        way=Way.LISTED,
        stage=Stage.RAISING,
        target=target,
        until=NOW + timedelta(hours=1),
        most_connections=5,
        added_at=NOW,
        own_at=NOW,
    )
    await inner.add_onboarding(new, entry)
    session = SimpleNamespace(identity=IDENTITY, profile=SecurityProfile.BASIC, accepted=True)

    async def begin(identity, to):
        begun.append((identity, to))

    office = OnboardingOffice(
        AwayAtFirst(inner),
        None,
        {IDENTITY: session},
        None,
        manufacturers=frozenset(),
        begin_upgrade=begin,
        emit=events.append,
        now=lambda: NOW,
    )
    with pytest.raises(StoreUnavailable):
        await office._go_on(IDENTITY, session.profile)
    assert begun == []

    await office.look()
    await office.look()  # once

    assert begun == raised
    assert (await inner.onboarding(IDENTITY)).stage is stage
